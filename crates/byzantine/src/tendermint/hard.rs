//! What survives a crash, and the records that change it.

use super::{Block, Precommit, Prevote, Proposal};
use quorate_crypto::{Certificate, Digest};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// A node's word in one round.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RoundMessages {
    /// As the proposer.
    pub proposal: Option<(Proposal, Block, Option<Certificate<Prevote>>)>,
    /// `Some(None)` is nil.
    pub prevote: Option<Option<Digest>>,
    /// `Some(None)` is nil.
    pub precommit: Option<Option<Digest>>,
}

/// A decision and its proof.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Decision {
    /// The proof.
    pub certificate: Certificate<Precommit>,
    /// What was decided.
    pub block: Block,
}

/// The rounds of a height for which a node's votes are kept. It votes in no earlier one.
pub(super) const KEPT_ROUNDS: usize = 8;

/// Votes, lock and decisions. A node that forgot them would vote twice in a round
/// (malachite#850), or against its lock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hard {
    /// By round of the height after the last decision.
    pub said: BTreeMap<u64, RoundMessages>,
    /// lockedValue with the prevotes of lockedRound.
    pub locked: Option<(Certificate<Prevote>, Block)>,
    /// The latest decisions, in order.
    pub decisions: VecDeque<Decision>,
    pub(super) flaw: Option<&'static str>,
}

/// One change of [`Hard`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Record {
    /// A proposal: after a crash the same must be proposed again.
    Propose {
        /// The proposal.
        proposal: Proposal,
        /// What it stands for.
        block: Block,
        /// What makes it valid.
        polka: Option<Certificate<Prevote>>,
    },
    /// A prevote.
    Prevote(Prevote),
    /// A precommit, and the lock that it means if it is not nil.
    Precommit {
        /// The vote.
        vote: Precommit,
        /// The prevotes and the block.
        lock: Option<(Certificate<Prevote>, Block)>,
    },
    /// A decision: the next height begins.
    Decided {
        /// The decision.
        decision: Decision,
        /// How many are kept.
        keep: u32,
    },
}

impl quorate_core::Hard for Hard {
    type Record = Record;

    fn apply(&mut self, record: &Record) {
        if let Err(flaw) = self.take(record) {
            self.flaw.get_or_insert(flaw);
        }
    }
}

impl Hard {
    /// The last height decided, and its block.
    pub fn last(&self) -> (u64, Digest) {
        let last = self.decisions.back().map(|decision| &decision.block);
        last.map_or((0, Digest::default()), |block| (block.height, block.id()))
    }

    /// lockedRound.
    pub fn locked_round(&self) -> Option<u64> {
        let locked = self.locked.as_ref();
        locked.map(|(polka, _)| polka.claimed_statement().round)
    }

    fn take(&mut self, record: &Record) -> Result<(), &'static str> {
        let current = self.said.last_key_value().map_or(0, |(round, _)| *round);
        let (height, round) = match record {
            Record::Propose { proposal, .. } => (proposal.height, proposal.round),
            Record::Prevote(vote) => (vote.height, vote.round),
            Record::Precommit { vote, .. } => (vote.height, vote.round),
            Record::Decided { decision, keep } => {
                if decision.block.height <= self.last().0 {
                    return Err("a decision is taken back");
                }
                self.decisions.push_back(decision.clone());
                while self.decisions.len() > *keep as usize {
                    self.decisions.pop_front();
                }
                self.said.clear();
                self.locked = None;
                return Ok(());
            }
        };
        if height != self.last().0 + 1 || round < current {
            return Err("a vote for a height or round that is over");
        }
        let said = self.said.entry(round).or_default();
        let first = match record {
            Record::Propose {
                proposal,
                block,
                polka,
            } => {
                let proposal = (*proposal, block.clone(), polka.clone());
                said.proposal.replace(proposal).is_none()
            }
            Record::Prevote(vote) => said.prevote.replace(vote.block).is_none(),
            Record::Precommit { vote, lock } => {
                if lock.is_some() {
                    self.locked = lock.clone();
                }
                said.precommit.replace(vote.block).is_none()
            }
            Record::Decided { .. } => true,
        };
        while self.said.len() > KEPT_ROUNDS {
            self.said.pop_first();
        }
        first.then_some(()).ok_or("a second vote in a round")
    }
}
