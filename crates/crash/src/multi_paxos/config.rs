//! What is fixed for the life of a node.

use quorate_core::NodeSet;
use std::time::Duration;

/// Cluster size, timeouts and bounds. The same on every node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// How many nodes there are; each is proposer, acceptor and learner.
    pub nodes: u8,
    /// A node that hears no leader for a time in `election_min..=election_max`, drawn by the
    /// driver, asks for promises itself.
    pub election_min: Duration,
    /// See `election_min`. Longer than `election_min`, or rivals may defeat each other without end.
    pub election_max: Duration,
    /// How many times both a node comes to wait, by doubling with each defeat. 1 where the bound on
    /// messages is known, and `election_min` chosen by it.
    pub timeout_factor_max: u32,
    /// How often a leader shows that it lives, and what is not answered is sent again.
    pub heartbeat: Duration,
    /// How many slots may be under way: α of §3.
    pub window: usize,
    /// How many slots a message or a record speaks of.
    pub batch: usize,
    /// How long the log may become.
    pub max_slots: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            nodes: 3,
            election_min: Duration::from_millis(300),
            election_max: Duration::from_millis(600),
            timeout_factor_max: 1,
            heartbeat: Duration::from_millis(60),
            window: 256,
            batch: 64,
            max_slots: 1_000_000,
        }
    }
}

impl Config {
    /// How many nodes decide: any two sets of this size share a node.
    pub fn quorum(&self) -> usize {
        usize::from(self.nodes) / 2 + 1
    }

    /// Checks what [`MultiPaxos`](super::MultiPaxos) relies on.
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
                self.heartbeat > Duration::ZERO && self.heartbeat < self.election_min,
                "heartbeat: must be over zero and under election_min",
            ),
            (
                self.election_min < self.election_max,
                "election_min: must be under election_max",
            ),
            (
                self.timeout_factor_max > 0,
                "timeout_factor_max: must be over 0",
            ),
            (self.window > 0, "window: must be over 0"),
            (self.batch > 0, "batch: must be over 0"),
            (self.max_slots > 0, "max_slots: must be over 0"),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err((*rule).to_owned()),
            None => Ok(()),
        }
    }
}
