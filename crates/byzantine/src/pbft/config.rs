//! What is fixed for the life of a node.

use quorate_contract::quorum::quorum_among_liars;
use quorate_core::NodeId;
use quorate_crypto::Keychain;
use std::time::Duration;

/// Cluster size, keys, bounds and timeouts. The same on every node, the keys aside.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// `n`.
    pub nodes: u8,
    /// `f`.
    pub faulty: u8,
    /// This node's keys.
    pub keys: Keychain,
    /// K: a checkpoint at every so many sequence numbers. The window L is twice as wide.
    pub checkpoint_interval: u64,
    /// How many values a batch has at the most.
    pub max_batch: usize,
    /// How many values from one node may wait to be ordered. Beyond it, this node's own are
    /// refused, and those that others pass on are ignored until there is room: they say them again.
    pub max_pending: usize,
    /// A value that was told to the primary only, and is not ordered for so long, is told to all.
    pub request_timeout: Duration,
    /// A value that all know, and is not ordered for so long, is held against the primary. Doubles
    /// with every view that achieves nothing.
    pub view_timeout: Duration,
}

impl Config {
    /// Figures for a local network.
    pub fn new(nodes: u8, faulty: u8, keys: Keychain) -> Self {
        Self {
            nodes,
            faulty,
            keys,
            checkpoint_interval: 64,
            max_batch: 256,
            max_pending: 4096,
            request_timeout: Duration::from_millis(200),
            view_timeout: Duration::from_millis(400),
        }
    }

    /// How many nodes decide: any two sets of this size share an honest node. `2f + 1` of `3f + 1`.
    pub fn quorum(&self) -> usize {
        quorum_among_liars(self.nodes.into(), self.faulty.into())
    }

    /// How many are certain to include an honest node: `f + 1`.
    pub fn some_honest(&self) -> usize {
        usize::from(self.faulty) + 1
    }

    /// L: how far sequence numbers may be ahead of the last stable checkpoint.
    pub fn window(&self) -> u64 {
        2 * self.checkpoint_interval
    }

    /// Who leads a view.
    pub fn primary(&self, view: u64) -> NodeId {
        NodeId((view % u64::from(self.nodes)) as u32)
    }

    /// Checks what [`Pbft`](super::Pbft) relies on.
    ///
    /// # Errors
    /// Says which figure is wrong and what it must be.
    pub fn check(&self) -> Result<(), String> {
        let rules = [
            (
                self.nodes > 0 && self.nodes == self.keys.roster().nodes(),
                "nodes: must be as many as the roster has keys",
            ),
            (
                (1..=1 << 20).contains(&self.checkpoint_interval),
                "checkpoint_interval: must be 1 to 1048576",
            ),
            (self.max_batch > 0, "max_batch: must be over 0"),
            (self.max_pending > 0, "max_pending: must be over 0"),
            (
                self.request_timeout > Duration::ZERO && self.view_timeout > Duration::ZERO,
                "request_timeout, view_timeout: must be over zero",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err((*rule).to_owned()),
            None => Ok(()),
        }
    }
}
