//! What is fixed for the life of a node, and which lessons it leaves out.

use quorate_contract::ProtocolName;
use quorate_core::{NodeId, NodeSet};
use std::time::Duration;

/// Whose acknowledgements are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum QuorumRule {
    /// A majority of all nodes, the leader's own disk among them (doc 000: `acks = {self}`).
    #[default]
    OfAll,
    /// A majority of the followers: the leader coordinates and keeps no copy that counts
    /// (doc 003: three of four).
    OfFollowers,
}

/// What comes before the value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PrepareRule {
    /// Nothing: COMMIT proposes at once, and a leader proposes one value in its life.
    #[default]
    Simple,
    /// SAFE_LEADER: PREPARE, a majority of promises, and only then the value; to each node that
    /// has promised, so that whatever the network does to the order, the promise is first.
    PromiseFirst,
    /// UNSAFE_LEADER: PREPARE and the value together. **Unsafe**: the value may overtake, and the
    /// leader does not learn what its followers have accepted from it before it crashed.
    Together,
}

/// Which acknowledgements make a quorum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Count {
    /// Those that carry what was proposed.
    #[default]
    SameContent,
    /// All. What is announced is what the acknowledgement carries that completes the quorum.
    /// **Unsafe** where a follower may lie or its memory may flip (doc 003: "same content").
    AnyContent,
}

/// When a follower acknowledges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Acknowledge {
    /// Once its write is durable.
    #[default]
    Durable,
    /// At once. **Unsafe** where nodes crash and recover (doc 000: fsync before send).
    AtOnce,
}

/// Cluster, quorum, deadline; and three options whose other choice is a lesson, not a protocol.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// How many nodes there are, the leader included.
    pub nodes: u8,
    /// The only node that ever leads.
    pub leader: NodeId,
    /// Whose acknowledgements are counted.
    pub quorum: QuorumRule,
    /// How long the leader waits. What is not acknowledged by then is neither committed nor
    /// refused: it is unknown.
    pub deadline: Option<Duration>,
    /// What comes before the value.
    pub order: PrepareRule,
    /// Which acknowledgements make a quorum.
    pub count: Count,
    /// When a follower acknowledges.
    pub acknowledge: Acknowledge,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            nodes: 5,
            leader: NodeId(0),
            quorum: QuorumRule::OfAll,
            deadline: None,
            order: PrepareRule::Simple,
            count: Count::SameContent,
            acknowledge: Acknowledge::Durable,
        }
    }
}

impl Config {
    /// How many nodes are asked.
    pub fn voters(&self) -> usize {
        match self.quorum {
            QuorumRule::OfAll => usize::from(self.nodes),
            QuorumRule::OfFollowers => usize::from(self.nodes) - 1,
        }
    }

    /// How many acknowledgements decide: a majority of those who are asked.
    pub fn quorum(&self) -> usize {
        self.voters() / 2 + 1
    }

    /// The protocol of the catalogue that this is. `None` with an unsafe option: no contract
    /// admits that.
    pub fn protocol(&self) -> Option<ProtocolName> {
        let safe = self.order != PrepareRule::Together
            && self.count == Count::SameContent
            && self.acknowledge == Acknowledge::Durable;
        safe.then_some(super::PROTOCOL)
    }

    /// Checks what [`Majority`](super::Majority) relies on.
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
                self.leader.0 < self.nodes.into(),
                "leader: must be one of the nodes",
            ),
            (
                self.quorum == QuorumRule::OfAll || self.nodes > 1,
                "quorum: of-followers needs a follower",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err((*rule).to_owned()),
            None => Ok(()),
        }
    }
}
