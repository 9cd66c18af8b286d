//! What nodes say, and what they keep of it.

use quorate_core::Never;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many rounds a node remembers of itself, and looks ahead for others.
pub const WINDOW: u64 = 64;

/// What nodes say to each other. The link says who; nothing is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Message {
    /// Step 1 of a round: the value that the sender holds.
    Report {
        /// The round, from 1.
        round: u64,
        /// The value.
        value: bool,
    },
    /// Step 2: the value that the sender saw a majority for, if it did (a "D-message").
    Proposal {
        /// The round, from 1.
        round: u64,
        /// The value.
        value: Option<bool>,
    },
    /// The sender has decided, and votes for this in every round to come.
    Decided(bool),
    /// "I was down: what did you say?"
    Again,
}

impl From<Never> for Message {
    fn from(never: Never) -> Self {
        match never {}
    }
}

/// A node's two votes in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RoundVotes {
    /// Step 1.
    pub report: bool,
    /// Step 2, once there.
    pub proposal: Option<Option<bool>>,
}

/// What a node has said, and may never contradict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hard {
    /// Its votes in the last [`WINDOW`] rounds.
    pub votes: BTreeMap<u64, RoundVotes>,
    /// Its decision.
    pub decided: Option<bool>,
    pub(super) flaw: Option<&'static str>,
}

/// One vote or the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Record {
    /// Step 1 of a round.
    Report {
        /// The round.
        round: u64,
        /// The value.
        value: bool,
    },
    /// Step 2 of a round.
    Proposal {
        /// The round.
        round: u64,
        /// The value.
        value: Option<bool>,
    },
    /// The decision.
    Decided(bool),
}

impl quorate_core::Hard for Hard {
    type Record = Record;

    fn apply(&mut self, record: &Record) {
        let kept = match *record {
            Record::Report { round, value } => {
                let said = self.votes.entry(round).or_insert(RoundVotes {
                    report: value,
                    proposal: None,
                });
                said.report == value
            }
            Record::Proposal { round, value } => match self.votes.get_mut(&round) {
                Some(said) => *said.proposal.get_or_insert(value) == value,
                None => false,
            },
            Record::Decided(value) => *self.decided.get_or_insert(value) == value,
        };
        if !kept {
            self.flaw = Some("a vote is taken back");
        }
        while self.votes.len() as u64 > WINDOW {
            self.votes.pop_first();
        }
    }
}

impl Hard {
    /// The latest round that the node took part in; 0 before the first.
    pub fn round(&self) -> u64 {
        self.votes.last_key_value().map_or(0, |(round, _)| *round)
    }
}
