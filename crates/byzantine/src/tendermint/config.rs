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
    /// How many decisions are kept for nodes that fell behind. Who is further behind skips.
    pub kept_decisions: usize,
    /// How long a round waits for its proposal, at first.
    pub timeout_propose: Duration,
    /// How long it waits for more votes once a quorum has voted, at first.
    pub timeout_vote: Duration,
    /// How much longer it waits in each further round of a height.
    pub timeout_delta: Duration,
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
            kept_decisions: 64,
            timeout_propose: Duration::from_millis(100),
            timeout_vote: Duration::from_millis(50),
            timeout_delta: Duration::from_millis(50),
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

    /// Who proposes.
    pub fn proposer(&self, height: u64, round: u64) -> NodeId {
        NodeId((height.wrapping_add(round) % u64::from(self.nodes)) as u32)
    }

    /// Checks what [`Tendermint`](super::Tendermint) relies on.
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
            (self.kept_decisions > 0, "kept_decisions: must be over 0"),
            (
                self.timeout_delta > Duration::ZERO,
                "timeout_delta: must be over zero, for timeouts to grow",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err((*rule).to_owned()),
            None => Ok(()),
        }
    }
}
