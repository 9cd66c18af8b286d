//! What is fixed for the life of a node.

use quorate_core::NodeSet;
use std::time::Duration;

/// Cluster size and patience. The same on every node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// How many nodes there are; each is proposer, acceptor and learner.
    pub nodes: u8,
    /// What is not answered is sent again after a time in `retry_min..=retry_max`, drawn by the
    /// driver: rivals wait for different times, and one of them gets through (§2.4).
    pub retry_min: Duration,
    /// See `retry_min`. Longer than `retry_min`, or rivals may defeat each other without end.
    pub retry_max: Duration,
    /// Both double with each fruitless attempt, this many times at most. So the bound on delays
    /// need not be known.
    pub max_doublings: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            nodes: 3,
            retry_min: Duration::from_millis(50),
            retry_max: Duration::from_millis(150),
            max_doublings: 6,
        }
    }
}

impl Config {
    /// How many nodes decide: any two sets of this size share a node.
    pub fn quorum(&self) -> usize {
        usize::from(self.nodes) / 2 + 1
    }

    /// Checks what [`Paxos`](super::Paxos) relies on.
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
