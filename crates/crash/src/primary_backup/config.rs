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
    /// How long a backup hears nothing of a living primary, or of one that takes over: they send
    /// something every `heartbeat` or sooner, and it is under way for at most a `delta`.
    pub fn patience(&self) -> Duration {
        self.heartbeat + self.delta
    }

    /// How much later than its predecessor the next in rank is given up, if nothing is heard of it.
    ///
    /// Why that is enough. A backup gives up rank `r` at the latest of `at + patience + (r − s) ×
    /// succession` over all words that it has heard, each of a rank `s` and `at` some moment: a
    /// word prolongs a deadline, and never shortens one. Call a word complete if its sender has
    /// outlived it, and `least` the latest of these with complete words alone, and the moments when
    /// they left. Every backup waits that long, for it hears them. It does not wait longer than
    /// `least + patience`:
    /// - a word that its sender did not outlive came a `heartbeat` at most after a complete one of
    ///   the same sender, and took a `delta`: a patience together;
    /// - or it was the first of rank `s`, which spoke when it gave up `s − 1`, so by then within a
    ///   patience of `least`; a `delta` later it has arrived, and counts for another patience. That
    ///   is a succession more, and so is `least` for `s`.
    ///
    /// So the first word of a living node, which it says within a patience of `least` for the rank
    /// before it, arrives within another `delta`: before anybody gives it up. And when a rank is
    /// given up, all that it ever sent has arrived everywhere. (With deadlines that a word can
    /// shorten, a node that heard the last words of a rank gives up the next one while that still
    /// waits for the rank.)
    pub fn succession(&self) -> Duration {
        self.patience() + self.delta
    }

    /// How long it takes a node that takes over to ask, and to hear from everybody that lives.
    pub fn collection(&self) -> Duration {
        2 * self.delta
    }

    /// How many updates at most may be under way at the same time, if the world keeps its bounds:
    /// those of two heartbeats.
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
                // Who takes over is silent while it collects, and no longer than a primary.
                self.delta > Duration::ZERO && self.collection() <= self.heartbeat,
                "delta: must be over zero and at most half a heartbeat",
            ),
            (self.window > 0, "window: must be over 0"),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err((*rule).to_owned()),
            None => Ok(()),
        }
    }
}
