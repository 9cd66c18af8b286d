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
    /// How many values a block has at the most.
    pub max_batch: usize,
    /// How many values from one node may wait to be ordered. Beyond it, this node's own are
    /// refused, and those that others pass on are ignored.
    pub max_pending: usize,
    /// How many committed blocks are kept for nodes that fell behind. Who is further behind skips.
    pub kept_blocks: u64,
    /// How many views in a row a leader has. Three blocks in consecutive views commit the first,
    /// and the votes for the third go to the leader of the next view: with a new leader in every
    /// view, one that is silent among four would stop all commits.
    pub views_per_leader: u64,
    /// How long a view may take. Doubles with every view that is given up, until a block commits.
    pub view_timeout: Duration,
}

impl Config {
    /// Figures for a local network.
    pub fn new(nodes: u8, faulty: u8, keys: Keychain) -> Self {
        Self {
            nodes,
            faulty,
            keys,
            max_batch: 256,
            max_pending: 4096,
            kept_blocks: 64,
            views_per_leader: 16,
            view_timeout: Duration::from_millis(200),
        }
    }

    /// `2f + 1` of `3f + 1`: any two sets of this size share an honest node.
    pub fn quorum(&self) -> usize {
        quorum_among_liars(self.nodes.into(), self.faulty.into())
    }

    /// `f + 1`: so many are certain to include an honest node.
    pub fn some_honest(&self) -> usize {
        usize::from(self.faulty) + 1
    }

    /// Who leads a view.
    pub fn leader(&self, view: u64) -> NodeId {
        NodeId((view / self.views_per_leader % u64::from(self.nodes)) as u32)
    }

    /// The first view of the leader after the one of `view`.
    pub fn next_leader(&self, view: u64) -> u64 {
        (view / self.views_per_leader + 1).saturating_mul(self.views_per_leader)
    }

    /// Checks what [`HotStuff`](super::HotStuff) relies on.
    ///
    /// # Errors
    /// Says which figure is wrong and what it must be.
    pub fn check(&self) -> Result<(), String> {
        let rules = [
            (
                self.nodes > 0 && self.nodes == self.keys.roster().nodes(),
                "nodes: must be as many as the roster has keys",
            ),
            (self.max_batch > 0, "max_batch: must be over 0"),
            (self.max_pending > 0, "max_pending: must be over 0"),
            (self.kept_blocks > 0, "kept_blocks: must be over 0"),
            (
                self.views_per_leader >= 4,
                "views_per_leader: must be 4 or more, for three blocks to be certified",
            ),
            (
                self.view_timeout > Duration::ZERO,
                "view_timeout: must be over zero",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err((*rule).to_owned()),
            None => Ok(()),
        }
    }
}
