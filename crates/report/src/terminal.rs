//! The same for a terminal: plain text, no colour needed to read it.

mod detectors;
mod quorums;

pub use detectors::detectors;
pub(crate) use detectors::{DETECTOR_COLUMNS, detector_cells};
pub use quorums::quorums;

use crate::matrix::{CellResult, CellVerdict, CostRow, Matrix};

use crate::run::{Cut, Run, VerdictKind};
use std::fmt::Write;

/// Whether a character steers a terminal or turns the direction of text instead of showing.
pub(crate) fn steers(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

/// A figure in a few digits.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 1e7 => format!("{value:.2e}"),
        size if size >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 0.01 => format!("{value:.2}"),
        _ => format!("{value:.1e}"),
    }
}

/// One line of text that steers nothing, whatever is in it.
fn line(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let shown = if steers(c) || c == '\n' || c == '\t' {
                c.escape_default().to_string()
            } else {
                c.to_string()
            };
            shown.chars().collect::<Vec<_>>()
        })
        .collect()
}

/// Columns as wide as their widest cell; the first to the left, the others to the right.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<_> = (0..columns)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut out = String::new();
    for row in rows {
        let mut text = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let pad = " ".repeat(width - cell.chars().count());
            if column == 0 {
                text += cell;
                text += &pad;
            } else {
                text += "  ";
                text += &pad;
                text += cell;
            }
        }
        out += text.trim_end();
        out.push('\n');
    }
    out
}

/// The table of verdicts in signs, a block for each timing model; then every cell that disagrees,
/// for each protocol one that breaks it beyond its contract, and what was cut.
pub fn matrix(matrix: &Matrix) -> String {
    let mut out = format!("{}\n{}\n", line(&matrix.title), line(&matrix.sentence));
    // Names of failure models are wider than their cells: they stand below.
    let numbers = (1..=matrix.failures.len()).map(|n| n.to_string());
    for (timing, name) in (0..).zip(&matrix.timings) {
        let mut head = vec![line(name)];
        head.extend(numbers.clone());
        head.push("beyond".to_owned());
        let mut rows = vec![head];
        for (protocol, name) in (0..).zip(&matrix.protocols) {
            let cells: Vec<_> = (0..matrix.failures.len() as u32)
                .map(|failure| matrix.cell(protocol, failure, timing))
                .collect();
            let mut row = vec![line(name)];
            row.extend(cells.into_iter().map(sign));
            row.push(beyond(matrix.beyond(protocol)).to_owned());
            rows.push(row);
        }
        out.push('\n');
        out += &table(&rows);
    }
    out.push('\n');
    for (n, name) in (1..).zip(&matrix.failures) {
        let end = if n % 4 == 0 { "\n" } else { "" };
        let _ = write!(out, "{n:>2} {:<22}{end}", line(name));
    }
    let signs = CellVerdict::ALL.map(|v| format!("{} {}", v.sign(), v.name()));
    let _ = writeln!(
        out,
        "\n{}\n* beyond the protocol's contract   ! worse than claimed   · not run\n\
         beyond: what it does, at the worst, when reality is worse than its contract",
        signs.join("   ")
    );
    for cell in matrix.cells.iter().filter(|cell| cell.disagrees()) {
        tell(matrix, cell, "! ", &mut out);
    }
    for protocol in 0..matrix.protocols.len() as u32 {
        let worst = matrix.beyond(protocol);
        let mut cells = matrix.cells.iter();
        let broken = cells.find(|cell| {
            cell.protocol == protocol
                && !cell.within
                && cell.verdict > CellVerdict::SafeAndLive
                && Some(cell.verdict) == worst
        });
        if let Some(cell) = broken {
            tell(matrix, cell, "", &mut out);
        }
    }
    out + &cuts(&matrix.cuts)
}

fn sign(cell: Option<&CellResult>) -> String {
    match cell {
        Some(cell) => {
            let mark = match (cell.disagrees(), cell.within) {
                (true, _) => '!',
                (false, false) => '*',
                (false, true) => ' ',
            };
            format!("{}{mark}", cell.verdict.sign())
        }
        None => "· ".to_owned(),
    }
}

/// A cell in words, with its command.
fn tell(matrix: &Matrix, cell: &CellResult, mark: &str, out: &mut String) {
    let place = [
        (&matrix.protocols, cell.protocol),
        (&matrix.failures, cell.failure),
        (&matrix.timings, cell.timing),
    ]
    .map(|(names, index)| {
        let name = names.get(index as usize);
        name.map_or("?".to_owned(), |name| line(name))
    });
    let _ = write!(out, "\n{mark}{}: {}", place.join(", "), cell.verdict.name());
    if !cell.note.is_empty() {
        let _ = write!(out, ": {}", line(&cell.note));
    }
    out.push('\n');
    if let Some(replay) = &cell.replay {
        let _ = writeln!(out, "  {}", line(replay));
    }
}

fn beyond(verdict: Option<CellVerdict>) -> &'static str {
    match verdict {
        Some(CellVerdict::Unsafe) => "goes wrong",
        Some(_) => "fails safe",
        None => "not tried",
    }
}

/// What one decision costs, by protocol and number of nodes.
pub fn costs(matrix: &Matrix) -> String {
    let mut head = vec!["per decision".to_owned(), "n".to_owned(), "f".to_owned()];
    head.extend(CostRow::FIGURES.iter().map(|(name, _)| (*name).to_owned()));
    let mut rows = vec![head];
    for (protocol, name) in (0..).zip(&matrix.protocols) {
        for cost in matrix.costs.iter().filter(|cost| cost.protocol == protocol) {
            let mut row = vec![line(name), cost.n.to_string(), cost.f.to_string()];
            row.extend(CostRow::FIGURES.iter().map(|(_, of)| figure(of(cost))));
            rows.push(row);
        }
    }
    table(&rows)
}

/// What a run came to: the verdict, what is at stake, how to see it again, the totals, and the last
/// events up to the one that decided it.
pub fn run(run: &Run, last_events: usize) -> String {
    let word = match run.verdict.kind {
        VerdictKind::Holds => "HOLDS",
        VerdictKind::Stalls => "STALLS",
        VerdictKind::Violated => "VIOLATED",
        VerdictKind::Undecided => "UNDECIDED",
    };
    let mut out = format!(
        "{}\n{word}: {}\n",
        line(&run.title),
        line(&run.verdict.sentence)
    );
    if let Some(clause) = &run.clause {
        let _ = writeln!(out, "at stake: {}", line(clause));
    }
    if let Some(replay) = &run.replay {
        let _ = writeln!(out, "replay:   {}", line(replay));
    }
    let shown = run
        .verdict
        .event
        .map_or(run.events.len(), |e| e as usize + 1);
    let events = &run.events[..shown.min(run.events.len())];
    let rows = (0..)
        .zip(events)
        .skip(events.len().saturating_sub(last_events));
    let rows: Vec<_> = rows
        .map(|(i, event): (usize, _)| {
            let node = run.nodes.get(event.node as usize);
            let node = node.map_or("?".to_owned(), |node| line(&node.name));
            let at = format!("{:.6} s", event.at as f64 / 1e9);
            let what = format!("{}: {}", event.kind.name(), line(&event.label));
            (at, i, node, what)
        })
        .collect();
    if !rows.is_empty() {
        out.push('\n');
    }
    for (at, i, node, what) in rows {
        let _ = writeln!(out, "{at:>16}  e{i:<6} {node:<8} {what}");
    }
    if !run.totals.is_empty() {
        out.push('\n');
        let totals = run.totals.iter();
        let rows: Vec<_> = totals
            .map(|t| vec![line(&t.name), line(&t.value)])
            .collect();
        out += &table(&rows);
    }
    out + &cuts(&run.cuts)
}

fn cuts(cuts: &[Cut]) -> String {
    let mut out = String::new();
    for cut in cuts {
        let (n, what, why) = (cut.left_out, line(&cut.what), line(&cut.why));
        let _ = writeln!(out, "\nnot the whole: {n} {what} left out: {why}");
    }
    out
}
