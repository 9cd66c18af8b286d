//! Counting votes, each for its own content.

use crate::certificate::{Certificate, Certified};

use crate::key::Signature;

use crate::signed::{Signed, Verified};
use quorate_core::{NodeId, NodeSet};
use std::collections::BTreeMap;

/// Votes of which each node has one: for a view and sequence, a round and step.
///
/// A node's first vote counts; a second, different one does not, and is evidence. So there are
/// never more contents than nodes, however much a liar says. Protocols whose liveness needs every
/// vote that anybody has seen pass on certificates, not votes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Votes<M: Ord> {
    cast: BTreeMap<NodeId, (M, Signature)>,
}

impl<M: Ord> Default for Votes<M> {
    fn default() -> Self {
        Self {
            cast: BTreeMap::new(),
        }
    }
}

/// Two different votes signed by one node where it has one: anybody can verify that it lied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Evidence<M> {
    /// The one that counted here.
    pub first: Signed<M>,
    /// The other.
    pub second: Signed<M>,
}

/// What became of a vote.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Counted<M> {
    /// It counts: so many votes are for the same content now.
    Yes(usize),
    /// It was counted before.
    Again,
    /// Its signer has voted for something else.
    Equivocation(Box<Evidence<M>>),
}

impl<M: Ord + Clone> Votes<M> {
    /// Counts a vote.
    pub fn add(&mut self, vote: Verified<M>) -> Counted<M> {
        let (signer, statement, signature) = vote.into_parts();
        match self.cast.get(&signer) {
            Some((earlier, _)) if *earlier == statement => Counted::Again,
            Some((earlier, its)) => Counted::Equivocation(Box::new(Evidence {
                first: Signed::claimed(signer, earlier.clone(), *its),
                second: Signed::claimed(signer, statement, signature),
            })),
            None => {
                self.cast.insert(signer, (statement.clone(), signature));
                Counted::Yes(self.count(&statement))
            }
        }
    }

    /// How many voted for this very content.
    pub fn count(&self, statement: &M) -> usize {
        self.cast.values().filter(|(s, _)| s == statement).count()
    }

    /// Who voted, for whatever.
    pub fn voters(&self) -> NodeSet {
        self.cast.keys().copied().collect()
    }

    /// A node's vote.
    pub fn of(&self, node: NodeId) -> Option<&M> {
        self.cast.get(&node).map(|(statement, _)| statement)
    }

    /// All votes, in order of signer.
    pub fn iter(&self) -> impl Iterator<Item = Signed<M>> + '_ {
        self.cast
            .iter()
            .map(|(signer, (m, s))| Signed::claimed(*signer, m.clone(), *s))
    }

    /// A certificate, once `quorum` nodes voted for this very content.
    pub fn certificate(&self, statement: &M, quorum: usize) -> Option<Certified<M>> {
        let signatures: Vec<_> = self
            .cast
            .iter()
            .filter(|(_, (s, _))| s == statement)
            .map(|(signer, (_, signature))| (*signer, *signature))
            .collect();
        let enough = signatures.len() >= quorum;
        enough.then(|| Certified(Certificate::claimed(statement.clone(), signatures)))
    }

    /// A certificate for whatever content has a quorum.
    pub fn any_certificate(&self, quorum: usize) -> Option<Certified<M>> {
        let winner = self.cast.values().map(|(statement, _)| statement);
        let winner = winner.clone().find(|s| self.count(s) >= quorum)?;
        self.certificate(winner, quorum)
    }
}
