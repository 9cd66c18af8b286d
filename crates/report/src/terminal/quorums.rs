//! Quorum systems, for a terminal.

use super::{line, table};
use crate::quorums::{QUORUM_COLUMNS, QuorumComparison, QuorumDrawing, QuorumReplica};
use std::fmt::Write;

/// The system in question drawn, with its figures; then all systems as a table, if there are others.
pub fn quorums(comparison: &QuorumComparison) -> String {
    let mut out = format!(
        "{}\n{}\n",
        line(&comparison.title),
        line(&comparison.sentence)
    );
    if let Some(first) = comparison.systems.first() {
        out += &drawing(first);
    }
    if comparison.systems.len() > 1 {
        let mut head = vec!["the same replicas".to_owned()];
        head.extend(QUORUM_COLUMNS.map(|(name, _)| name.to_owned()));
        let mut rows = vec![head];
        for system in &comparison.systems {
            let mut row = vec![line(&system.name)];
            row.extend(system.cells.iter().map(|cell| line(cell)));
            rows.push(row);
        }
        out.push('\n');
        out += &table(&rows);
    }
    for note in &comparison.notes {
        out.push('\n');
        out += &wrapped("", 0, note);
    }
    out
}

fn drawing(system: &QuorumDrawing) -> String {
    let mut out = format!("\n{} ({})\n\n", line(&system.name), line(&system.source));
    let rows: Vec<Vec<String>> = system
        .rows
        .iter()
        .map(|row| {
            let mut cells = vec![format!("  {}", line(&row.label))];
            cells.extend(row.replicas.iter().map(replica));
            cells
        })
        .collect();
    out += &table(&rows);
    let _ = writeln!(out, "\n  {}", line(&system.marked));
    for why in &system.refuted {
        out += &wrapped("  DOES NOT HOLD:", 4, why);
    }
    if let Some(remedy) = &system.remedy {
        out += &wrapped("  →", 4, remedy);
    }
    out.push('\n');
    let width = system
        .figures
        .iter()
        .map(|it| it.name.chars().count())
        .max();
    for figure in &system.figures {
        let pad = " ".repeat(width.unwrap_or(0) - figure.name.chars().count());
        let head = format!("  {}{pad} ", line(&figure.name));
        out += &wrapped(&head, head.chars().count() + 1, &figure.value);
    }
    out
}

/// Text after a head, in lines of a hundred columns at most, continued at `indent`.
fn wrapped(head: &str, indent: usize, text: &str) -> String {
    let mut out = head.to_owned();
    let mut column = head.chars().count();
    for word in line(text).split(' ') {
        let width = word.chars().count();
        if column + 1 + width > 100 && column > indent {
            out.push('\n');
            out += &" ".repeat(indent);
            column = indent;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out += word;
        column += width;
    }
    out.push('\n');
    out
}

/// As `[n0 12]`: in the first quorum, in the second.
fn replica(it: &QuorumReplica) -> String {
    let marks = match (it.first, it.second) {
        (true, true) => "12",
        (true, false) => "1·",
        (false, true) => "·2",
        (false, false) => "··",
    };
    let role = match it.role.is_empty() {
        true => String::new(),
        false => format!(" {}", line(&it.role)),
    };
    format!("[{} {marks}{role}]", line(&it.name))
}
