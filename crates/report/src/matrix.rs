//! A campaign: every protocol under every failure model and every timing model.

use crate::detectors::DetectorCurve;

use crate::run::{Cut, Total};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The table, with what the protocols cost and how the detectors trade speed for mistakes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Matrix {
    /// What was run.
    pub title: String,
    /// What it came to, in one sentence.
    pub sentence: String,
    /// The command that does it again.
    #[serde(default)]
    pub command: Option<String>,
    /// The protocols: rows.
    pub protocols: Vec<String>,
    /// The failure models: columns.
    pub failures: Vec<String>,
    /// The timing models: a block of columns each.
    pub timings: Vec<String>,
    /// The cells, at most one for each place; a place without one was not run.
    pub cells: Vec<CellResult>,
    /// The costs, in any order.
    #[serde(default)]
    pub costs: Vec<CostRow>,
    /// The detectors' curves.
    #[serde(default)]
    pub detectors: Vec<DetectorCurve>,
    /// Counts over the campaign.
    #[serde(default)]
    pub totals: Vec<Total>,
    /// What is not in here, and why.
    #[serde(default)]
    pub cuts: Vec<Cut>,
}

impl Matrix {
    /// The cell at a place.
    pub fn cell(&self, protocol: u32, failure: u32, timing: u32) -> Option<&CellResult> {
        self.cells.iter().find(|cell| {
            cell.protocol == protocol && cell.failure == failure && cell.timing == timing
        })
    }

    /// What a protocol does when reality is worse than its contract: the worst verdict over its
    /// cells beyond it, `None` where it has none.
    pub fn beyond(&self, protocol: u32) -> Option<CellVerdict> {
        self.cells
            .iter()
            .filter(|cell| cell.protocol == protocol && !cell.within)
            .map(|cell| cell.verdict)
            .max()
    }

    /// Leaves out the rows, columns and blocks of which nothing was run.
    pub fn drop_empty(&mut self) {
        let Self { cells, costs, .. } = self;
        let rows = cells.iter_mut().map(|cell| &mut cell.protocol);
        let rows = rows.chain(costs.iter_mut().map(|cost| &mut cost.protocol));
        keep_used(&mut self.protocols, rows.collect());
        let columns = cells.iter_mut().map(|cell| &mut cell.failure);
        keep_used(&mut self.failures, columns.collect());
        let blocks = cells.iter_mut().map(|cell| &mut cell.timing);
        keep_used(&mut self.timings, blocks.collect());
    }

    /// How many cells are not what the protocols' contracts claim.
    pub fn disagreements(&self) -> usize {
        self.cells.iter().filter(|cell| cell.disagrees()).count()
    }
}

/// Leaves out the names that no index is of, and sets the indices to where the others are then.
fn keep_used(names: &mut Vec<String>, indices: Vec<&mut u32>) {
    let used: BTreeSet<u32> = indices.iter().map(|index| **index).collect();
    for index in indices {
        *index = used.range(..*index).count() as u32;
    }
    let mut row = 0..;
    names.retain(|_| row.next().is_some_and(|row| used.contains(&row)));
}

/// One protocol under one failure model and one timing model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellResult {
    /// The protocol's index.
    pub protocol: u32,
    /// The failure model's index.
    pub failure: u32,
    /// The timing model's index.
    pub timing: u32,
    /// Whether this is within what the protocol's contract promises to survive.
    pub within: bool,
    /// What was measured.
    pub verdict: CellVerdict,
    /// What the contract claims, where it claims anything.
    #[serde(default)]
    pub claim: Option<CellVerdict>,
    /// The runs behind the verdict.
    pub runs: u64,
    /// The command that shows it: the worst run again.
    #[serde(default)]
    pub replay: Option<String>,
    /// What was seen, or why the claim and the measurement differ.
    #[serde(default)]
    pub note: String,
}

impl CellResult {
    /// Whether the measurement is worse than the claim. Better is luck, and no disagreement.
    pub fn disagrees(&self) -> bool {
        self.claim.is_some_and(|claim| self.verdict > claim)
    }
}

/// What a cell says. Ordered from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellVerdict {
    /// No wrong decision, and a decision in time.
    SafeAndLive,
    /// No wrong decision, but some run did not decide.
    SafeStalls,
    /// A run violated a safety property.
    Unsafe,
}

impl CellVerdict {
    /// All of them, from good to bad.
    pub const ALL: [Self; 3] = [Self::SafeAndLive, Self::SafeStalls, Self::Unsafe];

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::SafeAndLive => "safe and live",
            Self::SafeStalls => "safe, stalls",
            Self::Unsafe => "UNSAFE",
        }
    }

    /// One sign, told apart without colour.
    pub fn sign(self) -> char {
        match self {
            Self::SafeAndLive => '✓',
            Self::SafeStalls => '○',
            Self::Unsafe => '✗',
        }
    }
}

/// What one decision of a protocol costs among `n` nodes, counted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostRow {
    /// The protocol's index.
    pub protocol: u32,
    /// The number of nodes.
    pub n: u32,
    /// The number of faulty ones that it is set up for.
    pub f: u32,
    /// Messages.
    pub messages: f64,
    /// Their bytes.
    pub bytes: f64,
    /// Time, in the longest delay of a message (delta).
    pub rounds: f64,
    /// Syncs of disks.
    pub syncs: f64,
    /// Signatures made.
    pub signatures: f64,
}

/// One figure of a [`CostRow`].
type Figure = fn(&CostRow) -> f64;

impl CostRow {
    /// The figures by name, each per decision.
    pub const FIGURES: [(&'static str, Figure); 5] = [
        ("messages", |cost| cost.messages),
        ("bytes", |cost| cost.bytes),
        ("rounds", |cost| cost.rounds),
        ("syncs", |cost| cost.syncs),
        ("signatures", |cost| cost.signatures),
    ];
}
