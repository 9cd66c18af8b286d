//! What is fixed for the life of a node.

use quorate_core::NodeSet;
use std::time::Duration;

/// What a read does with the value that it has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadRule {
    /// Has a majority store it before it answers.
    WriteBack,
    /// Answers at once. A lesson: the next read may ask a majority that has not heard of the value,
    /// and see the one before it.
    AnswerAtOnce,
}

/// Cluster size and timeouts. The same on every node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// How many nodes there are; each stores the register, and serves reads and writes.
    pub nodes: u8,
    /// What is not answered within this time is sent again.
    pub retry: Duration,
    /// `retry` doubles with each repetition, this many times at most.
    pub max_doublings: u32,
    /// How many operations a node has under way at the same time.
    pub window: usize,
    /// How a read ends.
    pub read: ReadRule,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            nodes: 3,
            retry: Duration::from_millis(100),
            max_doublings: 6,
            window: 100,
            read: ReadRule::WriteBack,
        }
    }
}

impl Config {
    /// How many nodes make a phase complete: any two sets of this size share a node.
    pub fn quorum(&self) -> usize {
        usize::from(self.nodes) / 2 + 1
    }

    /// Checks what [`Abd`](super::Abd) relies on.
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
            (
                self.max_doublings <= 20,
                "max_doublings: must be at most 20",
            ),
            (self.window > 0, "window: must be over 0"),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err((*rule).to_owned()),
            None => Ok(()),
        }
    }
}
