//! What is fixed for the life of a node.

use quorate_core::NodeSet;
use std::time::Duration;

/// When a participant's vote leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VoteRule {
    /// When it is on disk.
    Durable,
    /// At once. A lesson: a participant that crashes then forgets that it was ready to commit, and
    /// aborts what the coordinator has committed.
    AtOnce,
}

/// Cluster size and timeouts. The same on every node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// How many nodes there are; all take part, and node 0 is the coordinator as well.
    pub nodes: u8,
    /// What is not answered within this time is asked again. Longer than a question and its answer
    /// take, or a transaction is aborted though nothing has failed.
    pub retry: Duration,
    /// How often the coordinator asks for votes before it aborts; a participant that is not asked
    /// waits for one time more.
    pub attempts: u32,
    /// `retry` doubles with each fruitless question of a participant, this many times at most.
    pub max_doublings: u32,
    /// When votes leave.
    pub vote: VoteRule,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            nodes: 3,
            retry: Duration::from_millis(100),
            attempts: 4,
            max_doublings: 4,
            vote: VoteRule::Durable,
        }
    }
}

impl Config {
    /// Checks what [`TwoPhaseCommit`](super::TwoPhaseCommit) relies on.
    ///
    /// # Errors
    /// Says which figure is wrong and what it must be.
    pub fn check(&self) -> Result<(), String> {
        let rules = [
            (
                (1..=NodeSet::MAX_NODES).contains(&self.nodes),
                "nodes: must be 1 to 128",
            ),
            (self.retry > Duration::ZERO, "retry: must be over zero"),
            (self.attempts > 0, "attempts: must be over 0"),
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
