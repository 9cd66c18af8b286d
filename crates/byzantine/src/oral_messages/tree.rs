//! What a lieutenant has heard, and what he makes of it.

use crate::value::AgreedValue;
use quorate_core::{NodeId, NodeSet};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Through whom an order came, the commander first.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Path(Vec<NodeId>);

impl Path {
    /// How many mouths.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// No node has spoken yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who gave the order.
    pub fn first(&self) -> Option<NodeId> {
        self.0.first().copied()
    }

    /// Who spoke last.
    pub fn last(&self) -> Option<NodeId> {
        self.0.last().copied()
    }

    /// Did it come through him?
    pub fn contains(&self, node: NodeId) -> bool {
        self.0.contains(&node)
    }

    /// Are all members of a cluster of `n`, and none of them twice?
    pub fn is_distinct(&self, n: u8) -> bool {
        let mut seen = NodeSet::EMPTY;
        self.0
            .iter()
            .all(|node| node.0 < n.into() && seen.insert(*node))
    }

    /// The path, one further.
    #[must_use]
    pub fn through(&self, node: NodeId) -> Self {
        let mut path = self.0.clone();
        path.push(node);
        Self(path)
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, node) in self.0.iter().enumerate() {
            let dot = if at == 0 { "" } else { "·" };
            write!(f, "{dot}{node}")?;
        }
        Ok(())
    }
}

/// The orders heard, by path. Each path counts once, so its size is bounded by the paths.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tree {
    nodes: u8,
    me: NodeId,
    heard: BTreeMap<Path, AgreedValue>,
}

impl Tree {
    /// Nothing heard yet.
    pub fn new(nodes: u8, me: NodeId) -> Self {
        Self {
            nodes,
            me,
            heard: BTreeMap::new(),
        }
    }

    /// Takes an order down; says whether it is the first on its path.
    pub fn hear(&mut self, path: Path, order: AgreedValue) -> bool {
        if self.heard.contains_key(&path) {
            return false;
        }
        self.heard.insert(path, order);
        true
    }

    /// The length of the longest path.
    pub fn depth(&self) -> usize {
        self.heard.keys().map(Path::len).max().unwrap_or(0)
    }

    /// What this lieutenant takes the last on `path` to have said: OM(0), he takes what he heard
    /// (step 2); OM(m), the majority of what he heard and what the others say that they heard
    /// (step 3). Nothing heard is the default (A3), no majority too.
    pub fn resolve(&self, path: &Path, depth: usize, default: &AgreedValue) -> AgreedValue {
        let heard = self.heard.get(path).unwrap_or(default);
        if path.len() == depth {
            return heard.clone();
        }
        let mut votes: BTreeMap<AgreedValue, usize> = BTreeMap::new();
        let mut voters = 0;
        for node in NodeId::all(self.nodes).filter(|node| !path.contains(*node)) {
            let vote = if node == self.me {
                heard.clone()
            } else {
                self.resolve(&path.through(node), depth, default)
            };
            *votes.entry(vote).or_default() += 1;
            voters += 1;
        }
        let majority = votes.into_iter().find(|(_, count)| 2 * count > voters);
        majority.map_or_else(|| default.clone(), |(order, _)| order)
    }
}
