//! What the protocols of atomic commit are asked and what they answer.
//!
//! Each participant votes. All commit or all abort; they commit only if all voted yes (Gray and
//! Lamport: Consensus on Transaction Commit, 2006, §2).

use quorate_core::Never;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Asks a participant to take part in the transaction, with its vote. A vote is given once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CastVote {
    /// The participant can commit.
    pub yes: bool,
}

/// How the transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CommitOutcome {
    /// Its changes stand, everywhere.
    Commit,
    /// Its changes are undone, everywhere.
    Abort,
}

impl CommitOutcome {
    /// In one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Abort => "abort",
        }
    }
}

impl fmt::Display for CommitOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Never> for CommitOutcome {
    fn from(never: Never) -> Self {
        match never {}
    }
}
