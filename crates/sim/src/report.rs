//! What a run came to.

use crate::client::OperationCounts;
use crate::fault::FaultCounts;
use crate::milestone::MilestoneCounts;
use crate::network::Traffic;
use std::fmt;

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunReport {
    /// The seed that generated its decisions.
    pub seed: u64,
    /// Deliveries, timers, disk completions, requests and faults.
    pub events: u64,
    /// Simulated nanoseconds.
    pub simulated: u64,
    /// The rolling hash over everything observable: the same on every machine.
    pub hash: u64,
    /// How often each kind of fault was shown.
    pub coverage: FaultCounts,
    /// What happened to the replicas.
    pub milestones: MilestoneCounts,
    /// How client operations ended.
    pub operations: OperationCounts,
    /// What became of messages between replicas.
    pub traffic: Traffic,
    /// Entries committed.
    pub committed: u64,
    /// The clients' history was too hard to judge within the bound on the search: many operations of
    /// unknown outcome on few keys. All other properties were checked.
    pub undecided: bool,
    /// The last events in words, as many as were asked for, and some in any case when a property
    /// did not hold.
    pub last_events: Vec<String>,
    /// Whether all properties held.
    pub verdict: RunVerdict,
}

/// Whether all properties held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunVerdict {
    /// They did.
    Ok,
    /// One did not.
    Violation(Box<InvariantViolation>),
}

impl RunVerdict {
    /// The violation, if there is one.
    pub fn violation(&self) -> Option<&InvariantViolation> {
        match self {
            Self::Ok => None,
            Self::Violation(violation) => Some(violation),
        }
    }
}

/// A property that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvariantViolation {
    /// Its name.
    pub property: String,
    /// The figures.
    pub detail: String,
    /// When, in simulated nanoseconds.
    pub at: u64,
    /// The number of the event that showed it.
    pub event: u64,
}

impl fmt::Display for InvariantViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is violated: {}", self.property, self.detail)
    }
}
