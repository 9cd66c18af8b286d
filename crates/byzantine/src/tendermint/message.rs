//! What nodes say to each other.

use super::Decision;
use crate::value;
use crate::value::AgreedValue;
use quorate_core::Never;
use quorate_crypto::{Certificate, Digest, Signed, Statement};
use serde::{Deserialize, Serialize};

/// What is decided at a height. It names what was decided before it, so that one decision proves
/// the whole history.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Block {
    /// h, from 1.
    pub height: u64,
    /// The block decided at the height before.
    pub parent: Digest,
    /// In order. May be none.
    pub values: Vec<AgreedValue>,
}

impl Block {
    /// id(v).
    pub fn id(&self) -> Digest {
        Digest::of("tendermint/block", self)
    }

    pub(super) fn fits(&self, max: usize) -> bool {
        self.values.len() <= max && self.values.iter().all(value::fits)
    }
}

/// ⟨PROPOSAL, h, r, v, vr⟩.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Proposal {
    /// h.
    pub height: u64,
    /// r, from 0.
    pub round: u64,
    /// id(v).
    pub block: Digest,
    /// vr: the round in which a quorum prevoted for v; `None` for the paper's -1.
    pub valid_round: Option<u64>,
}

impl Statement for Proposal {
    const DOMAIN: &'static str = "tendermint/proposal";
}

/// ⟨PREVOTE, h, r, id⟩.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Prevote {
    /// h.
    pub height: u64,
    /// r.
    pub round: u64,
    /// id(v), or nil.
    pub block: Option<Digest>,
}

impl Statement for Prevote {
    const DOMAIN: &'static str = "tendermint/prevote";
}

/// ⟨PRECOMMIT, h, r, id⟩.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Precommit {
    /// h.
    pub height: u64,
    /// r.
    pub round: u64,
    /// id(v), or nil.
    pub block: Option<Digest>,
}

impl Statement for Precommit {
    const DOMAIN: &'static str = "tendermint/precommit";
}

/// What nodes say to each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Message {
    /// A value to be ordered.
    Request(AgreedValue),
    /// A proposal, with what it stands for and the quorum that makes it valid, if it says so.
    Proposal {
        /// See [`Proposal`].
        proposal: Signed<Proposal>,
        /// v.
        block: Block,
        /// A quorum of prevotes for v in round vr.
        polka: Option<Certificate<Prevote>>,
    },
    /// See [`Prevote`].
    Prevote(Signed<Prevote>),
    /// See [`Precommit`].
    Precommit(Signed<Precommit>),
    /// A quorum prevoted for this block in a round that decided nothing. The paper's gossip passes
    /// on single votes for the same purpose: that no node is locked on something that the others
    /// know nothing of (tendermint#1047, malachite#956).
    Polka {
        /// The proof.
        certificate: Certificate<Prevote>,
        /// The block.
        block: Block,
    },
    /// "I was down, or left behind: what was decided from this height on?"
    Fetch {
        /// The sender's height.
        height: u64,
    },
    /// Decisions of consecutive heights with their proofs, from the one asked for or the first that
    /// is kept.
    Decided(Vec<Decision>),
}

impl From<Never> for Message {
    fn from(never: Never) -> Self {
        match never {}
    }
}

impl Message {
    /// Height and round of what belongs to one.
    pub(super) fn place(&self) -> Option<(u64, u64)> {
        match self {
            Self::Proposal { proposal, .. } => {
                let proposal = proposal.claimed_statement();
                Some((proposal.height, proposal.round))
            }
            Self::Prevote(vote) => {
                let vote = vote.claimed_statement();
                Some((vote.height, vote.round))
            }
            Self::Precommit(vote) => {
                let vote = vote.claimed_statement();
                Some((vote.height, vote.round))
            }
            _ => None,
        }
    }
}
