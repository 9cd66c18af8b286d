//! State-machine safety, watched while serving: replicas at the same index hold the same state.

use quorate_core::NodeId;
use std::collections::VecDeque;

/// Digests are taken at multiples of this many entries, so that two replicas have some in common.
const EVERY: u64 = 64;
/// How many are remembered: a peer further behind than `EVERY * KEPT` entries is not compared.
const KEPT: usize = 256;

/// The digests of this replica's recent states.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    recent: VecDeque<(u64, u64)>,
    /// What peers said of indexes that we have not reached yet; the latest from each.
    ahead: Vec<(NodeId, u64, u64)>,
}

/// Two replicas applied the same log to different states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Divergence {
    pub(crate) peer: NodeId,
    pub(crate) index: u64,
    pub(crate) mine: u64,
    pub(crate) theirs: u64,
}

impl Audit {
    /// Is the state at this index one to compare?
    pub(crate) fn wants(index: u64) -> bool {
        index.is_multiple_of(EVERY)
    }

    /// Remembers our own digest; compares it with what peers have said of this index.
    pub(crate) fn on_applied(&mut self, index: u64, mine: u64) -> Option<Divergence> {
        if self.recent.len() == KEPT {
            self.recent.pop_front();
        }
        self.recent.push_back((index, mine));
        let found = self
            .ahead
            .iter()
            .find(|(_, at, theirs)| *at == index && *theirs != mine);
        let found = found.map(|&(peer, _, theirs)| Divergence {
            peer,
            index,
            mine,
            theirs,
        });
        self.ahead.retain(|(_, at, _)| *at > index);
        found
    }

    /// Compares a peer's digest with ours, now or when we get there.
    pub(crate) fn on_peer(&mut self, peer: NodeId, index: u64, theirs: u64) -> Option<Divergence> {
        if self.recent.back().is_none_or(|(last, _)| *last < index) {
            self.ahead.retain(|(from, ..)| *from != peer);
            self.ahead.push((peer, index, theirs));
            return None;
        }
        let (_, mine) = *self.recent.iter().find(|(at, _)| *at == index)?;
        (mine != theirs).then_some(Divergence {
            peer,
            index,
            mine,
            theirs,
        })
    }

    /// Our latest digest, to tell the peers.
    pub(crate) fn latest(&self) -> Option<(u64, u64)> {
        self.recent.back().copied()
    }

    /// The state was replaced by a snapshot.
    pub(crate) fn reset(&mut self) {
        self.recent.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_found_whoever_comes_first() {
        let mut audit = Audit::default();
        assert_eq!(audit.on_peer(NodeId(1), 64, 7), None);
        assert_eq!(audit.on_peer(NodeId(2), 64, 8), None);
        let found = audit.on_applied(64, 7).expect("node 2 differs");
        assert_eq!((found.peer, found.theirs), (NodeId(2), 8));
        assert_eq!(audit.on_peer(NodeId(1), 64, 7), None);
        assert_eq!(audit.on_peer(NodeId(1), 64, 9).map(|d| d.mine), Some(7));
        assert_eq!(audit.latest(), Some((64, 7)));
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
