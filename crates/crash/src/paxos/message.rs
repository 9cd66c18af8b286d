//! What nodes say to each other, keep on disk, and tell the layer above.

use bytes::Bytes;
use quorate_core::NodeId;
use serde::{Deserialize, Serialize};

/// The number of a proposal. Each belongs to one node, so no two proposals share one (§2.2).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Ballot {
    /// Counts up.
    pub round: u64,
    /// Whose it is.
    pub node: NodeId,
}

/// A value under its number: a proposal (§2.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Vote {
    /// Its number.
    pub ballot: Ballot,
    /// What is proposed.
    pub value: Bytes,
}

/// A message.
///
/// These wait for the disk: [`Prepare`](Message::Prepare), so that a proposer which crashes does
/// not use the number again; [`Promise`](Message::Promise) and [`Accepted`](Message::Accepted),
/// which are promises. The others are [`Eager`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// Phase 1a: asks for a promise.
    Prepare {
        /// The proposal's number.
        ballot: Ballot,
    },
    /// Phase 1b: nothing with a smaller number is accepted here any more.
    Promise {
        /// As asked.
        ballot: Ballot,
        /// What was accepted here with the highest number.
        accepted: Option<Vote>,
    },
    /// Phase 2a.
    Accept(Vote),
    /// Phase 2b.
    Accepted {
        /// The number of what was accepted.
        ballot: Ballot,
    },
    /// A greater number has been promised to somebody: a proposer may abandon its own (§2.2).
    Rejected {
        /// That number.
        promised: Ballot,
    },
    /// The value is chosen.
    Decided {
        /// The value.
        value: Bytes,
    },
    /// Is anything chosen? From a learner that has waited for long.
    Ask,
}

/// What leaves at once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Eager {
    /// The number is on the proposer's disk since before it asked for promises, so it stands for
    /// this value only. That the proposer accepts it itself is said in a message to itself.
    Accept(Vote),
    /// A hint; nothing is promised by it.
    Rejected {
        /// The number promised.
        promised: Ballot,
    },
    /// Speaks of a quorum's disks.
    Decided {
        /// The value.
        value: Bytes,
    },
    /// A question.
    Ask,
}

impl From<Eager> for Message {
    fn from(eager: Eager) -> Self {
        match eager {
            Eager::Accept(vote) => Self::Accept(vote),
            Eager::Rejected { promised } => Self::Rejected { promised },
            Eager::Decided { value } => Self::Decided { value },
            Eager::Ask => Self::Ask,
        }
    }
}

/// What survives a crash: an acceptor's memory (§2.5). What is chosen is not in it; it is learned
/// again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hard {
    /// The greatest number promised. A node's own numbers are promised to itself first.
    pub promised: Ballot,
    /// What was accepted with the greatest number.
    pub accepted: Option<Vote>,
}

/// One change of [`Hard`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Record {
    /// A promise.
    Promised {
        /// The number.
        ballot: Ballot,
    },
    /// An acceptance, which is a promise too.
    Accepted(Vote),
}

impl quorate_core::Hard for Hard {
    type Record = Record;

    fn apply(&mut self, record: &Record) {
        match record {
            Record::Promised { ballot } => self.promised = self.promised.max(*ballot),
            Record::Accepted(vote) => {
                self.promised = self.promised.max(vote.ballot);
                self.accepted = Some(vote.clone());
            }
        }
    }
}

/// Asks for a value to be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Propose(pub Bytes);

/// Patience has run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Retry;

/// What the layer above is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// The value is chosen: perhaps the one asked for, perhaps another's. After a crash it is said
    /// again.
    Decided {
        /// The value.
        value: Bytes,
    },
    /// This node proposes a value already; the other one is dropped.
    Busy,
}
