//! What one decision costs, counted in the run that everybody hopes for.

use serde::Serialize;

/// The cost of one decision with no faults, a leader in place where there is one, and no batching.
///
/// Messages to oneself are not counted. Figures saturate at 2⁶⁴ - 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ProtocolCost {
    /// Message delays from the proposal until the first replica knows the decision. For protocols
    /// in synchronous rounds: rounds, each as long as the bounds allow.
    pub delays: u64,
    /// Messages between replicas until all know the decision, or will with the next one.
    pub messages: u64,
    /// Syncs that wait for each other, when every promise is durable before it is sent. 0 for
    /// protocols whose rounds a restarted replica has missed anyway.
    pub syncs_in_sequence: u64,
    /// Syncs of all replicas together.
    pub syncs: u64,
    /// What the figures stand for where that is not plain.
    pub note: &'static str,
}

impl ProtocolCost {
    pub(super) const fn new(delays: u64, messages: u64) -> ProtocolCost {
        ProtocolCost {
            delays,
            messages,
            syncs_in_sequence: 0,
            syncs: 0,
            note: "",
        }
    }

    pub(super) const fn syncs(self, in_sequence: u64, in_all: u64) -> ProtocolCost {
        ProtocolCost {
            syncs_in_sequence: in_sequence,
            syncs: in_all,
            ..self
        }
    }

    pub(super) const fn note(self, note: &'static str) -> ProtocolCost {
        ProtocolCost { note, ..self }
    }
}

/// Messages of a step in which all replicas send to all others.
pub(super) const fn all_to_all(n: u64) -> u64 {
    n * n.saturating_sub(1)
}

/// Messages of a step in which one replica sends to all others.
pub(super) const fn one_to_all(n: u64) -> u64 {
    n.saturating_sub(1)
}

/// Messages of OM(m): `(n-1) + (n-1)(n-2) + …`, `m + 1` terms (Lamport, Shostak, Pease 1982, §3).
pub(super) fn oral_messages(n: u64, m: u64) -> u64 {
    let (mut total, mut term) = (0_u64, 1_u64);
    for i in 1..=m.saturating_add(1).min(n) {
        term = term.saturating_mul(n - i);
        total = total.saturating_add(term);
    }
    total
}
