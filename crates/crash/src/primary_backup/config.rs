//! What is fixed for the life of a node.

use quorate_core::NodeSet;
use std::time::Duration;

/// Cluster size and the bounds of the synchronous world. The same on every node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// How many nodes there are, `f + 1` for `f` crashes. Node 0 is the first primary.
    pub nodes: u8,
    /// How often a primary shows that it lives.
    pub heartbeat: Duration,
    /// Every message, and the steps before and after it, take less: Δ + Φ, and what clocks may
    /// drift meanwhile.
    pub delta: Duration,
    /// How many updates a primary takes between two heartbeats.
    pub window: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            nodes: 2,
            heartbeat: Duration::from_millis(100),
            delta: Duration::from_millis(20),
            window: 1000,
        }
    }
}

impl Config {
    /// How long a living primary can be silent: two of its heartbeats are `heartbeat` apart when
    /// they leave, and at most this far when they arrive.
    pub fn patience(&self) -> Duration {
        self.heartbeat + self.delta
    }

    /// How long a living successor can be silent after this node has given up the primary before
    /// it. The last heartbeat of a primary that crashed while sending may have reached the
    /// successor only, a `heartbeat` and a `delta` after the last one that reached this node; it
    /// then waits as long as this one did, and its word takes a `delta`.
    pub fn succession(&self) -> Duration {
        self.heartbeat + 3 * self.delta
    }

    /// How many updates at most may be known to one node and not to another, if the world keeps
    /// its bounds: those of two heartbeats.
    pub(super) fn lag(&self) -> usize {
        self.window.saturating_mul(2)
    }

    /// Checks what [`PrimaryBackup`](super::PrimaryBackup) relies on.
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
                self.delta > Duration::ZERO && self.delta <= self.heartbeat,
                "delta: must be over zero and at most heartbeat",
            ),
            (self.window > 0, "window: must be over 0"),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err((*rule).to_owned()),
            None => Ok(()),
        }
    }
}
