//! What survives a crash, and the records that change it.

use bytes::Bytes;
use quorate_core::NodeId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The number of a proposal, the same for all slots (§3). Each belongs to one node.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Ballot {
    /// Counts up.
    pub round: u64,
    /// Whose it is.
    pub node: NodeId,
}

/// A value accepted in a slot. An empty one does nothing: it fills a gap (§3).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Vote {
    /// Under which number.
    pub ballot: Ballot,
    /// What.
    pub value: Bytes,
}

/// An acceptor's memory, and what a learner need not learn again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hard {
    /// The greatest number promised. A node's own numbers are promised to itself first.
    pub promised: Ballot,
    /// The values of the slots from 1 on, as far as this disk knows that they are chosen.
    pub chosen: Vec<Bytes>,
    /// What was accepted in the slots after.
    pub votes: BTreeMap<u64, Vote>,
}

/// One change of [`Hard`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Record {
    /// A promise.
    Promised {
        /// The number.
        ballot: Ballot,
    },
    /// Acceptances, each a promise too.
    Accepted {
        /// The number.
        ballot: Ballot,
        /// The slot of the first value.
        first: u64,
        /// The values, slot by slot.
        values: Vec<Bytes>,
        /// All slots up to this one are chosen as this disk has them. Rides on this record, so
        /// that a choice costs no write of its own.
        chosen: u64,
    },
    /// Values known to be chosen, from another node.
    Learned {
        /// The slot of the first: it follows what is known already.
        first: u64,
        /// The values, slot by slot.
        values: Vec<Bytes>,
    },
}

impl quorate_core::Hard for Hard {
    type Record = Record;

    fn apply(&mut self, record: &Record) {
        match record {
            Record::Promised { ballot } => self.promised = self.promised.max(*ballot),
            Record::Accepted {
                ballot,
                first,
                values,
                chosen,
            } => {
                self.promised = self.promised.max(*ballot);
                self.settle(*chosen);
                for (slot, value) in (*first..).zip(values) {
                    let (ballot, value) = (*ballot, value.clone());
                    self.votes.insert(slot, Vote { ballot, value });
                }
            }
            Record::Learned { first, values } => {
                self.settle(first.saturating_sub(1));
                self.chosen.extend(values.iter().cloned());
                self.votes = self.votes.split_off(&(self.through() + 1));
            }
        }
    }
}

impl Hard {
    /// The slot through which this disk knows what is chosen.
    pub fn through(&self) -> u64 {
        self.chosen.len() as u64
    }

    /// What is in a slot: chosen or voted for.
    pub fn value(&self, slot: u64) -> Option<&Bytes> {
        let at = usize::try_from(slot.checked_sub(1)?).ok()?;
        let vote = || self.votes.get(&slot).map(|vote| &vote.value);
        self.chosen.get(at).or_else(vote)
    }

    /// The votes up to a slot are known to be what is chosen.
    fn settle(&mut self, through: u64) {
        while self.through() < through {
            let Some(vote) = self.votes.remove(&(self.through() + 1)) else {
                return;
            };
            self.chosen.push(vote.value);
        }
    }
}
