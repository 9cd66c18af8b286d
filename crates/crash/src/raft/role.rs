//! A node's part, with what it knows in that part only.

use super::rounds::Rounds;
use super::{Entry, Progress, Role};
use quorate_core::{NodeId, Time};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum State {
    Follower,
    /// Asks for a hint (thesis §9.6).
    PreCandidate(Ballots),
    /// Asks for votes.
    Candidate(Ballots),
    /// Boxed, so that it can be taken out and put back while the rest is read.
    Leader(Box<Leader>),
}

/// Votes, each node's counted once (xraft#27). Only those of voters are kept, so there are no more
/// than those.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Ballots {
    granted: Vec<NodeId>,
    refused: Vec<NodeId>,
}

impl Ballots {
    pub(super) fn count(&mut self, from: NodeId, granted: bool) {
        let votes = match granted {
            true => &mut self.granted,
            false => &mut self.refused,
        };
        if let Err(place) = votes.binary_search(&from) {
            votes.insert(place, from);
        }
    }

    pub(super) fn has_granted(&self, node: NodeId) -> bool {
        self.granted.binary_search(&node).is_ok()
    }

    pub(super) fn has_refused(&self, node: NodeId) -> bool {
        self.refused.binary_search(&node).is_ok()
    }

    /// How many nodes granted their vote.
    pub(super) fn granted(&self) -> usize {
        self.granted.len()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Leader {
    /// For each member, in order. The leader's own says how far its disk is; it is here even if the
    /// leader is no member any more.
    pub(super) progress: Vec<Progress>,
    /// The index of the entry that opened the term: no read and no older entry is decided before
    /// it is committed (Raft §5.4.2, §8).
    pub(super) opened_at: u64,
    /// Taken in this burst, not in the log yet.
    pub(super) proposed: Vec<Entry>,
    /// The size of this term's entries that wait for a quorum, `proposed` included.
    pub(super) uncommitted: usize,
    pub(super) transfer: Option<Transfer>,
    pub(super) rounds: Rounds,
}

impl Leader {
    pub(super) fn progress(&self, node: NodeId) -> Option<&Progress> {
        self.progress.get(self.place(node)?)
    }

    pub(super) fn progress_mut(&mut self, node: NodeId) -> Option<&mut Progress> {
        let place = self.place(node)?;
        self.progress.get_mut(place)
    }

    fn place(&self, node: NodeId) -> Option<usize> {
        // Founders of whom none has left are in the place of their number.
        let usual = self.progress.get(node.index());
        if usual.is_some_and(|progress| progress.node == node) {
            return Some(node.index());
        }
        let place = self
            .progress
            .binary_search_by_key(&node, |progress| progress.node);
        place.ok()
    }

    /// The members besides the leader `me`.
    pub(super) fn others(&mut self, me: NodeId) -> impl Iterator<Item = &mut Progress> {
        let all = self.progress.iter_mut();
        all.filter(move |progress| progress.node != me)
    }

    /// A word of the node came. Returns what is known of it, if it is a member.
    pub(super) fn hear(&mut self, node: NodeId) -> Option<&mut Progress> {
        let progress = self.progress_mut(node)?;
        progress.silent = 0;
        Some(progress)
    }
}

/// Leadership is being handed over.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Transfer {
    pub(super) to: NodeId,
    pub(super) since: Time,
}

impl State {
    pub(super) fn role(&self) -> Role {
        match self {
            Self::Follower => Role::Follower,
            Self::PreCandidate(_) => Role::PreCandidate,
            Self::Candidate(_) => Role::Candidate,
            Self::Leader(_) => Role::Leader,
        }
    }
}
