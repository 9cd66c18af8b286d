//! The table of doc 003: each mode of failure in a row, with what the coordinator counted, and
//! when it knew that something was wrong.

use super::{PartKind, ScenarioPart, ScenarioRun};
use quorate_sim::format_time;
use std::fmt::Write as _;

const COLUMNS: [&str; 5] = ["acks", "quorum", "agreed", "tampered seen", "winning data"];

/// The cases of a story as a table, if a coordinator counted in each of them.
pub fn four_modes(played: &[(&ScenarioPart, ScenarioRun)]) -> Option<String> {
    let cases: Vec<_> = played
        .iter()
        .filter(|(part, _)| part.kind == PartKind::Case)
        .collect();
    if cases.len() < 2 {
        return None;
    }
    let mut head = vec!["mode"];
    head.extend(COLUMNS);
    head.push("time to detect");
    let mut rows = vec![head.into_iter().map(str::to_owned).collect::<Vec<_>>()];
    for (part, played) in cases {
        let fact = |name: &str| {
            let mut facts = played.outcome.facts.iter();
            facts.find(|(_, _, known, _)| *known == name)
        };
        let mut row = vec![part.name.clone()];
        for column in COLUMNS {
            row.push(fact(column)?.3.clone());
        }
        row.push(time_to_detect(part, &row, fact("acks")?.0));
        rows.push(row);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<_> = (0..rows[0].len()).map(|c| width(c).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    Some(text)
}

/// When the coordinator knows that somebody is not as it should be: when its count is closed, and
/// an answer is missing or differs. One that does not compare answers never knows of a lie.
fn time_to_detect(part: &ScenarioPart, row: &[String], closed: u64) -> String {
    let missing = row[1].split_once('/').is_some_and(|(acks, of)| acks != of);
    let compares = part.experiment.setup.options.get("count") != Some("any-content");
    match (missing, row[4] == "1", compares) {
        (true, ..) | (_, true, true) => format_time(closed),
        (_, true, false) => "never".to_owned(),
        _ => "-".to_owned(),
    }
}
