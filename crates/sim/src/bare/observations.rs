//! What a world has shown: to be held against the contract.

use quorate_contract::{Behaviour, Behaviours, Contract, Exceeded};
use quorate_core::{NodeId, NodeSet};
use std::collections::BTreeMap;

/// Everything that departed from the perfect machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observations(BTreeMap<Behaviour, Occurrences>);

/// When and how often a behaviour was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrences {
    /// First, in nanoseconds of the world.
    pub first: u64,
    /// Last.
    pub last: u64,
    /// How often.
    pub times: u64,
    /// By which nodes; of links, at their senders.
    pub nodes: NodeSet,
}

impl Observations {
    pub(super) fn record(&mut self, at: u64, behaviour: Behaviour, node: NodeId) {
        let shown = self.0.entry(behaviour).or_insert(Occurrences {
            first: at,
            last: at,
            times: 0,
            nodes: NodeSet::EMPTY,
        });
        shown.last = at;
        shown.times += 1;
        shown.nodes.insert(node);
    }

    /// Each behaviour that was shown.
    pub fn iter(&self) -> impl Iterator<Item = (Behaviour, Occurrences)> + '_ {
        self.0.iter().map(|(behaviour, shown)| (*behaviour, *shown))
    }

    /// All of them.
    pub fn behaviours(&self) -> Behaviours {
        self.0.keys().copied().collect()
    }

    /// Was it shown?
    pub fn contains(&self, behaviour: Behaviour) -> bool {
        self.0.contains_key(&behaviour)
    }

    /// Is it all inside the contract, with so many faulty nodes?
    ///
    /// # Errors
    /// What the contract does not allow.
    pub fn within(&self, contract: &Contract, faulty: usize) -> Result<(), Exceeded> {
        contract.within(self.behaviours(), faulty)
    }
}
