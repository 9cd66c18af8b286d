//! A state machine above the log, with and without sessions.
//!
//! A client that hears nothing asks again, and the first one may have been decided all the same: the
//! value stands in the log twice. A session remembers what it has applied (doc 003: "idempotency
//! keys"; Ongaro's thesis, §6.3).

use bytes::Bytes;
use quorate_core::NodeId;
use std::collections::BTreeMap;

/// Whether the state machine knows what it has applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientSessions {
    /// It applies each value once, however often it is decided.
    Kept,
    /// It applies what it is given.
    None,
}

/// One node's state machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct StateMachine {
    applied: BTreeMap<Bytes, u32>,
    /// What was left out, having been applied before.
    pub(crate) suppressed: u64,
}

impl StateMachine {
    /// Applies a value.
    ///
    /// # Errors
    /// If it is applied twice.
    pub(crate) fn apply(
        &mut self,
        node: NodeId,
        value: &Bytes,
        sessions: ClientSessions,
    ) -> Result<(), String> {
        let times = self.applied.entry(value.clone()).or_default();
        if sessions == ClientSessions::Kept && *times > 0 {
            self.suppressed += 1;
            return Ok(());
        }
        *times += 1;
        match *times {
            1 => Ok(()),
            times => Err(format!(
                "{node} has applied {} {times} times",
                crate::checker::format_value(value)
            )),
        }
    }
}
