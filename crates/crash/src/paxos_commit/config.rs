//! What is fixed for the life of a node.

use quorate_core::NodeSet;
use std::time::Duration;

/// What a node does that takes over because the outcome is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TakeoverRule {
    /// Asks a majority which votes were accepted, and proposes those.
    AskMajority,
    /// Aborts without asking. A lesson: the others may have committed.
    AbortAtOnce,
}

/// Cluster size and timeouts. The same on every node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// How many nodes there are; each is participant, acceptor and, if need be, leader.
    pub nodes: u8,
    /// The outcome is waited for this long, a time in `retry_min..=retry_max` that the driver draws.
    /// Longer than three messages and two syncs take, or a transaction is aborted though nothing has
    /// failed.
    pub retry_min: Duration,
    /// See `retry_min`. Longer than it, so that rivals come apart.
    pub retry_max: Duration,
    /// Both double with each fruitless attempt, this many times at most. So the bound on delays
    /// need not be known.
    pub max_doublings: u32,
    /// How a node takes over.
    pub takeover: TakeoverRule,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            nodes: 3,
            retry_min: Duration::from_millis(100),
            retry_max: Duration::from_millis(300),
            max_doublings: 6,
            takeover: TakeoverRule::AskMajority,
        }
    }
}

impl Config {
    /// How many acceptors decide: any two sets of this size share one.
    pub fn quorum(&self) -> usize {
        usize::from(self.nodes) / 2 + 1
    }

    /// Checks what [`PaxosCommit`](super::PaxosCommit) relies on.
    ///
    /// # Errors
    /// Says which figure is wrong and what it must be.
    pub fn check(&self) -> Result<(), String> {
        let rules = [
            (
                (1..=NodeSet::MAX_NODES).contains(&self.nodes),
                "nodes: must be 1 to 128",
            ),
            (
                self.retry_min > Duration::ZERO && self.retry_min < self.retry_max,
                "retry_min: must be over zero and under retry_max",
            ),
            (
                self.max_doublings <= 20,
                "max_doublings: must be at most 20",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err((*rule).to_owned()),
            None => Ok(()),
        }
    }
}
