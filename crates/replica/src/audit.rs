//! State-machine safety, watched while serving: replicas at the same index hold the same state.

use quorate_core::NodeId;
use quorate_core::replicated::Configuration;
use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};

/// Digests are taken at multiples of this many entries, so that two replicas have some in common.
const EVERY: u64 = 64;
/// How many are remembered: a peer further behind than `EVERY * KEPT` entries is not compared.
const KEPT: usize = 256;

/// The digests of this replica's recent states, and how they compare with the peers'.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Audit {
    recent: VecDeque<(u64, u64)>,
    /// What peers said of indexes that this replica has not reached yet; the latest of each.
    ahead: Vec<(NodeId, u64, u64)>,
    /// By peer: the difference at the last index that both have, if there is one. States that have
    /// parted stay apart, so the latest comparison counts.
    compared: BTreeMap<NodeId, Option<Divergence>>,
    /// Peers whose divergence was reported.
    reported: Vec<NodeId>,
}

/// Two replicas applied the same log to different states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Divergence {
    pub(crate) peer: NodeId,
    pub(crate) index: u64,
    pub(crate) mine: u64,
    pub(crate) theirs: u64,
}

/// Who has parted from whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// This replica: a quorum holds another state, or no quorum holds this one.
    Mine(Divergence),
    /// A peer: a quorum holds the same state as this replica.
    Theirs(Divergence),
}

impl Audit {
    /// Is the state at this index one to compare?
    pub(crate) fn wants(index: u64) -> bool {
        index.is_multiple_of(EVERY)
    }

    /// Remembers our own digest; compares it with what peers have said of this index.
    pub(crate) fn on_applied(&mut self, index: u64, mine: u64) {
        if self.recent.len() == KEPT {
            self.recent.pop_front();
        }
        self.recent.push_back((index, mine));
        for (peer, at, theirs) in std::mem::take(&mut self.ahead) {
            match at.cmp(&index) {
                Ordering::Greater => self.ahead.push((peer, at, theirs)),
                Ordering::Equal => self.compare(peer, index, (mine, theirs)),
                Ordering::Less => {}
            }
        }
    }

    /// Compares a peer's digest with ours, now or when we get there.
    pub(crate) fn on_peer(&mut self, peer: NodeId, index: u64, theirs: u64) {
        if self.recent.back().is_none_or(|(last, _)| *last < index) {
            self.ahead.retain(|(from, ..)| *from != peer);
            self.ahead.push((peer, index, theirs));
        } else if let Some((_, mine)) = self.recent.iter().find(|(at, _)| *at == index) {
            self.compare(peer, index, (*mine, theirs));
        }
    }

    fn compare(&mut self, peer: NodeId, index: u64, (mine, theirs): (u64, u64)) {
        let divergence = (mine != theirs).then_some(Divergence {
            peer,
            index,
            mine,
            theirs,
        });
        self.compared.insert(peer, divergence);
    }

    /// Who has parted, if that can be told and was not told before. One replica's word is not
    /// enough: a peer with a wrong state must not drive the others out of the service.
    pub(crate) fn verdict(&mut self, me: NodeId, configuration: &Configuration) -> Option<Verdict> {
        if !self.compared.values().any(Option::is_some) {
            return None;
        }
        let compared = &self.compared;
        let agrees = |node: NodeId| node == me || compared.get(&node) == Some(&None);
        let differs = |node: NodeId| compared.get(&node).copied().flatten();
        let known = |node: NodeId| node == me || compared.contains_key(&node);
        if configuration.is_quorum(agrees) {
            let mut peers = compared.values().flatten();
            let found = *peers.find(|found| !self.reported.contains(&found.peer))?;
            self.reported.push(found.peer);
            return Some(Verdict::Theirs(found));
        }
        let members = configuration.members();
        let hopeless = configuration.is_quorum(|node| differs(node).is_some())
            || members.iter().all(|node| known(*node));
        let found = members.into_iter().find_map(differs);
        found.filter(|_| hopeless).map(Verdict::Mine)
    }

    /// Our latest digest, to tell the peers.
    pub(crate) fn latest(&self) -> Option<(u64, u64)> {
        self.recent.back().copied()
    }

    /// The state was replaced by a snapshot.
    pub(crate) fn reset(&mut self) {
        self.recent.clear();
        self.compared.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: NodeId = NodeId(0);

    #[test]
    fn a_difference_is_found_in_either_order() {
        let three = Configuration::founding(3);
        let mut audit = Audit::default();
        audit.on_peer(NodeId(1), 64, 7);
        audit.on_peer(NodeId(2), 64, 8);
        assert_eq!(audit.verdict(ME, &three), None);
        audit.on_applied(64, 7);
        let Some(Verdict::Theirs(found)) = audit.verdict(ME, &three) else {
            panic!("node 2 differs from two that agree");
        };
        assert_eq!((found.peer, found.theirs), (NodeId(2), 8));
        assert_eq!(audit.verdict(ME, &three), None, "reported once");
        assert_eq!(audit.latest(), Some((64, 7)));
    }

    /// One wrong replica told two right ones its digest, and both believed that they were wrong.
    #[test]
    fn the_minority_is_wrong() {
        let three = Configuration::founding(3);
        let mut audit = Audit::default();
        audit.on_applied(64, 7);
        audit.on_peer(NodeId(2), 64, 8);
        assert_eq!(audit.verdict(ME, &three), None, "one against one");
        audit.on_peer(NodeId(1), 64, 8);
        assert!(matches!(audit.verdict(ME, &three), Some(Verdict::Mine(_))));
        // Of two replicas neither can be trusted.
        let mut audit = Audit::default();
        audit.on_applied(64, 7);
        audit.on_peer(NodeId(1), 64, 8);
        let two = Configuration::founding(2);
        assert!(matches!(audit.verdict(ME, &two), Some(Verdict::Mine(_))));
    }

    #[test]
    fn memory_is_bounded() {
        let mut audit = Audit::default();
        for n in 1..=10_000 {
            audit.on_applied(n * EVERY, n);
            audit.on_peer(NodeId(1), (n + 1_000_000) * EVERY, n);
        }
        assert_eq!(audit.recent.len(), KEPT);
        assert_eq!(audit.ahead.len(), 1);
    }
}
