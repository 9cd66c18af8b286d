//! Tallies as the table of a report.

use super::{Cell, CellClaim, CellTally, Column, LAB_VERSION, TimingModel, Token, claim};
use crate::system::NAMES;
use quorate_report::{CellResult, CellVerdict, Matrix, Total};

/// The command that runs one run again.
pub fn replay_command(token: &Token) -> String {
    format!("quorate matrix --replay {token}")
}

/// The cell of a place, from its runs; `None` without any.
pub fn cell(place: &Cell, tally: &CellTally) -> Option<CellResult> {
    let worst = tally.worst.as_ref()?;
    let claim = claim(place);
    let token = Token {
        cell: *place,
        seed: worst.seed,
    };
    let index = |at: Option<usize>| at.unwrap_or_default() as u32;
    let columns = Column::all();
    Some(CellResult {
        protocol: index(NAMES.iter().position(|name| *name == place.protocol)),
        failure: index(columns.iter().position(|column| *column == place.column)),
        timing: index(TimingModel::ALL.iter().position(|t| *t == place.timing)),
        within: claim.verdict.is_some(),
        verdict: worst.verdict,
        claim: claim.verdict,
        runs: tally.runs,
        replay: Some(replay_command(&token)),
        note: note(&claim, tally),
    })
}

/// What was seen, and why no more is claimed.
fn note(claim: &CellClaim, tally: &CellTally) -> String {
    let mut parts = vec![];
    if let Some((seed, why)) = &tally.breach {
        parts.push(format!(
            "the run of seed {seed} left its cell's contract ({why}): a defect of the lab"
        ));
    }
    let CellTally {
        violated,
        stalled,
        runs,
        ..
    } = tally;
    match tally.verdict() {
        Some(CellVerdict::Unsafe) => parts.push(format!("unsafe in {violated} of {runs} runs")),
        Some(CellVerdict::SafeStalls) => parts.push(format!("stalled in {stalled} of {runs} runs")),
        Some(CellVerdict::SafeAndLive) | None => {}
    }
    if let Some(worst) = &tally.worst
        && worst.verdict > CellVerdict::SafeAndLive
    {
        parts.push(worst.sentence.clone());
    }
    if !claim.why.is_empty() {
        let standing = match claim.verdict {
            Some(_) => "claimed no better",
            None => "beyond the contract",
        };
        parts.push(format!("{standing}: {}", claim.why));
    }
    parts.join("; ")
}

/// The table of the cells that were run, in the order of [`Cell::all`].
pub fn table(cells: Vec<CellResult>, seeds: u64) -> Matrix {
    let mut matrix = Matrix {
        protocols: NAMES.iter().map(|name| (*name).to_owned()).collect(),
        failures: Column::all().into_iter().map(Column::name).collect(),
        timings: TimingModel::ALL
            .map(|timing| timing.name().to_owned())
            .to_vec(),
        cells,
        ..Matrix::default()
    };
    matrix.drop_empty();
    let count = |names: &[String], what| match names.len() {
        1 => format!("one {what}"),
        more => format!("{more} {what}s"),
    };
    matrix.title = format!(
        "{} under {} and {}",
        count(&matrix.protocols, "protocol"),
        count(&matrix.failures, "failure model"),
        count(&matrix.timings, "timing model"),
    );
    let runs: u64 = matrix.cells.iter().map(|cell| cell.runs).sum();
    let within = matrix.cells.iter().filter(|cell| cell.within).count();
    let worse = matrix.disagreements();
    matrix.sentence = match worse {
        0 => format!(
            "in all {within} cells inside a contract the protocols were as good as they claim; {} \
             cells are beyond",
            matrix.cells.len() - within
        ),
        _ => format!("{worse} of {within} cells inside a contract are worse than claimed"),
    };
    let total = |name: &str, value: String| Total {
        name: name.to_owned(),
        value,
    };
    matrix.totals = vec![
        total("cells", matrix.cells.len().to_string()),
        total("runs a cell", seeds.to_string()),
        total("runs", runs.to_string()),
        total("version of the lab", LAB_VERSION.to_string()),
    ];
    matrix
}
