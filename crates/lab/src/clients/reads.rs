//! Reads: from a quorum's word, or from one node's memory.
//!
//! A node that has fallen behind, or lives in the past, answers with success and last week's balance
//! (doc 003). A read that asks a quorum first cannot be served by it.

use quorate_core::NodeId;
use std::collections::BTreeMap;

/// Somebody reads how much is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLoad {
    /// How often, in nanoseconds.
    pub every: u64,
    /// From which node.
    pub node: NodeId,
    /// Takes the node's own word for it. Else the node asks a quorum first, if its protocol can.
    pub local: bool,
}

/// Who reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadClient {
    /// The most that any client was told is decided.
    acknowledged: u64,
    /// Reads under way: what was acknowledged when they began.
    waiting: BTreeMap<u64, u64>,
    next: u64,
    pub(crate) served: u64,
    pub(crate) refused: u64,
    pub(crate) stale: u64,
}

impl ReadClient {
    /// Somebody was told that so much is decided.
    pub(crate) fn acknowledge(&mut self, decided: u64) {
        self.acknowledged = self.acknowledged.max(decided);
    }

    /// A read begins; returns its number.
    pub(crate) fn begin(&mut self) -> u64 {
        self.next += 1;
        self.waiting.insert(self.next, self.acknowledged);
        self.next
    }

    /// A read is answered.
    ///
    /// # Errors
    /// If the answer leaves out what was acknowledged before the read began.
    pub(crate) fn answer(&mut self, node: NodeId, id: u64, decided: u64) -> Result<(), String> {
        let Some(due) = self.waiting.remove(&id) else {
            return Ok(());
        };
        self.served += 1;
        if decided >= due {
            return Ok(());
        }
        self.stale += 1;
        Err(format!(
            "{node} answers as of place {decided}, and place {due} was acknowledged before the \
             read began"
        ))
    }

    /// A read is refused.
    pub(crate) fn refuse(&mut self, id: u64) {
        self.refused += u64::from(self.waiting.remove(&id).is_some());
    }

    /// Reads without an answer.
    pub(crate) fn unanswered(&self) -> usize {
        self.waiting.len()
    }
}
