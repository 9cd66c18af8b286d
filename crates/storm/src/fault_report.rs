//! One fault, from when it began until the cluster had settled.

use std::fmt;

use serde::Serialize;

/// One fault.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FaultReport {
    /// `kill` or `pause`.
    pub kind: String,
    /// Which replicas were hit.
    pub replicas: Vec<usize>,
    /// Whether the leader was among them.
    pub hit_leader: bool,
    /// When, in milliseconds since the clients began.
    pub at_ms: f64,
    /// How long until they were started again or went on.
    pub down_ms: f64,
    /// How long from there until all followed one leader and it acknowledged writes.
    pub settled_ms: f64,
    /// The longest time without an acknowledged write, from the fault until all had settled.
    pub gap_ms: f64,
    /// Operations of unknown outcome since the beginning.
    pub unknown: u64,
}

impl fmt::Display for FaultReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.replicas.iter().map(|id| format!("n{id}")).collect();
        write!(
            f,
            "{:>8.3} s  {:<5} {}{}, down {:.0} ms, settled {:.0} ms later; gap {:.0} ms; {} unknown \
             so far",
            self.at_ms / 1e3,
            self.kind,
            names.join(" "),
            if self.hit_leader { " (leader)" } else { "" },
            self.down_ms,
            self.settled_ms,
            self.gap_ms,
            self.unknown
        )
    }
}
