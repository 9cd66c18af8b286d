//! Who takes part: node ids, sets of them, and the addressee of a message.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A node's number in its cluster: the founders are `0..n`, and each node that joins later gets the
/// next number. A number is never given to another node, so that a vote or an acknowledgement of a
/// node that was removed can't be taken for one of its successor. Not an address: the driver knows
/// those.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The ids of a cluster of `n` nodes, in order.
    pub fn all(n: u8) -> impl DoubleEndedIterator<Item = NodeId> + Clone {
        (0..u32::from(n)).map(NodeId)
    }

    /// The id as an index into a per-node table.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

/// A set of nodes with numbers below [`NodeSet::MAX_NODES`], as bits: a vote is counted once,
/// however often it arrives. For clusters whose members do not change; where they do, numbers grow
/// without bound.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeSet(u128);

impl NodeSet {
    /// The largest cluster that a set can hold.
    pub const MAX_NODES: u8 = 128;

    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// The set of a whole cluster of `n` nodes.
    ///
    /// # Panics
    /// If `n` is over [`NodeSet::MAX_NODES`]; a contract with so many members is refused earlier.
    pub fn all(n: u8) -> Self {
        assert!(
            n <= Self::MAX_NODES,
            "a cluster has at most {} nodes",
            Self::MAX_NODES
        );
        if n == Self::MAX_NODES {
            Self(u128::MAX)
        } else {
            Self((1 << n) - 1)
        }
    }

    /// Adds a node; says whether it is new.
    ///
    /// # Panics
    /// If the node's number is not below [`NodeSet::MAX_NODES`].
    pub fn insert(&mut self, node: NodeId) -> bool {
        let bit = Self::bit(node);
        assert!(bit != 0, "{node} does not fit into a set");
        let before = self.0;
        self.0 |= bit;
        self.0 != before
    }

    /// Takes a node out; says whether it was in.
    pub fn remove(&mut self, node: NodeId) -> bool {
        let before = self.0;
        self.0 &= !Self::bit(node);
        self.0 != before
    }

    /// Is the node in the set?
    pub fn contains(self, node: NodeId) -> bool {
        self.0 & Self::bit(node) != 0
    }

    fn bit(node: NodeId) -> u128 {
        1u128.checked_shl(node.0).unwrap_or(0)
    }

    /// How many nodes are in the set.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Is the set empty?
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The nodes in the set, in order.
    pub fn iter(self) -> impl Iterator<Item = NodeId> {
        NodeId::all(Self::MAX_NODES).filter(move |node| self.contains(*node))
    }
}

impl FromIterator<NodeId> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NodeId>>(nodes: I) -> Self {
        let mut set = Self::EMPTY;
        nodes.into_iter().for_each(|node| {
            set.insert(node);
        });
        set
    }
}

impl fmt::Debug for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.iter().map(|node| node.0))
            .finish()
    }
}

/// The addressee of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum To {
    /// One node; possibly the sender itself, which is how it learns that its own write is durable.
    One(NodeId),
    /// Every node of the cluster, the sender included.
    All,
}

impl To {
    /// The nodes addressed, in a cluster of `n`.
    pub fn nodes(self, n: u8) -> impl Iterator<Item = NodeId> {
        let range = match self {
            Self::One(node) => node.0..node.0 + 1,
            Self::All => 0..u32::from(n),
        };
        range.map(NodeId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vote_counts_once() {
        let mut votes = NodeSet::EMPTY;
        assert!(votes.insert(NodeId(127)));
        assert!(!votes.insert(NodeId(127)));
        assert!(votes.insert(NodeId(0)));
        assert_eq!(votes.len(), 2);
        assert_eq!(votes.iter().collect::<Vec<_>>(), [NodeId(0), NodeId(127)]);
        assert!(votes.remove(NodeId(127)) && !votes.remove(NodeId(127)));
        assert_eq!(NodeSet::all(128).len(), 128);
        assert_eq!(NodeSet::all(3), NodeId::all(3).collect());
        assert_eq!(To::All.nodes(3).count(), 3);
        assert_eq!(To::One(NodeId(2)).nodes(3).collect::<Vec<_>>(), [NodeId(2)]);
    }
}
