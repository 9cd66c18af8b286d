//! Quorum systems, drawn: replicas in rows, two quorums that share as few as any do, and figures.

use crate::run::Total;
use serde::{Deserialize, Serialize};

/// Quorum systems over the same replicas, the one in question first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QuorumComparison {
    /// Whose quorums these are.
    pub title: String,
    /// What it comes to, in one sentence.
    pub sentence: String,
    /// Do the quorums in question hold?
    pub holds: bool,
    /// The command that does it again.
    #[serde(default)]
    pub command: Option<String>,
    /// What was given.
    #[serde(default)]
    pub totals: Vec<Total>,
    /// The systems, the one in question first.
    pub systems: Vec<QuorumDrawing>,
    /// What else is to be said, a paragraph each.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// One quorum system.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QuorumDrawing {
    /// What it is: `majority: 2 of 3`.
    pub name: String,
    /// Where it comes from.
    pub source: String,
    /// Its replicas by zone, or as they stand in a grid.
    pub rows: Vec<QuorumRow>,
    /// What the two quorums that are marked are.
    pub marked: String,
    /// Why it does not hold; empty if it does.
    #[serde(default)]
    pub refuted: Vec<String>,
    /// The remedy, if it does not.
    #[serde(default)]
    pub remedy: Option<String>,
    /// Its figures, as sentences with a name.
    pub figures: Vec<Total>,
    /// Its figures in short, in the order of [`QUORUM_COLUMNS`].
    pub cells: Vec<String>,
}

/// Replicas that stand together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QuorumRow {
    /// The zone or the row.
    pub label: String,
    /// Its replicas.
    pub replicas: Vec<QuorumReplica>,
}

/// A replica, and whether it is in the quorums that are marked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QuorumReplica {
    /// Its name.
    pub name: String,
    /// What else it is: `witness`, `learner`, `2 votes`; usually empty.
    #[serde(default)]
    pub role: String,
    /// Is it in the first quorum?
    pub first: bool,
    /// Is it in the second?
    pub second: bool,
}

/// The columns of the comparison, each with what it means.
pub const QUORUM_COLUMNS: [(&str, &str); 7] = [
    (
        "read",
        "the size of the smallest read quorum, of the largest minimal one if that is larger",
    ),
    (
        "write",
        "the size of the smallest write quorum, of the largest minimal one if that is larger",
    ),
    (
        "shared",
        "how many replicas a read and a write quorum share, at the least",
    ),
    (
        "survives",
        "so many crashes, whichever they are, leave both",
    ),
    (
        "down",
        "how likely one of the two is missing, if replicas fail independently",
    ),
    (
        "load r, w",
        "how often the busiest replica is used by a read, by a write (Naor, Wool 1998)",
    ),
    ("holds here", "does it meet what the contract asks for?"),
];
