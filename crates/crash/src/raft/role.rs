//! A node's part, with what it knows in that part only.

use super::read_index::Rounds;
use super::{Entry, Progress, Role};
use quorate_core::{NodeId, NodeSet, Time};

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

/// Votes, each node's counted once (xraft#27).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Ballots {
    pub(super) granted: NodeSet,
    pub(super) refused: NodeSet,
}

impl Ballots {
    pub(super) fn count(&mut self, from: NodeId, granted: bool) {
        if granted {
            self.granted.insert(from);
        } else {
            self.refused.insert(from);
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Leader {
    /// For each node; the leader's own says how far its disk is.
    pub(super) progress: Vec<Progress>,
    /// The index of the entry that opened the term: no read and no older entry is decided before
    /// it is committed (Raft §5.4.2, §8).
    pub(super) opened_at: u64,
    /// Taken in this burst, not in the log yet.
    pub(super) proposed: Vec<Entry>,
    /// The size of this term's entries that wait for a quorum, `proposed` included.
    pub(super) uncommitted: usize,
    /// Who was heard since the last check of the quorum.
    pub(super) active: NodeSet,
    pub(super) transfer: Option<Transfer>,
    pub(super) rounds: Rounds,
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
