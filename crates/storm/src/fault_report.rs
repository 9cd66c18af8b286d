//! What one fault did.

use serde::Serialize;

/// One fault.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FaultReport {
    /// `kill`, `pause` or `stall`; or a change of the members: `add`, `promote`, `remove` or
    /// `replace`.
    pub kind: String,
    /// Which replicas were hit.
    pub replicas: Vec<usize>,
    /// Whether the leader was among them.
    pub hit_leader: bool,
    /// When, in milliseconds since the clients began.
    pub at_ms: f64,
    /// How long until they were started again or went on; of a change, how long it took.
    pub down_ms: f64,
    /// How long from there until all followed one leader and it acknowledged writes.
    pub settled_ms: f64,
    /// The longest time without an acknowledged write, from the fault until all had settled.
    pub gap_ms: f64,
    /// OperationTotals of unknown outcome since the beginning.
    pub unknown: u64,
}
