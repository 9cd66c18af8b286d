//! What nodes say to each other, keep on disk, and tell the layer above.

use bytes::Bytes;
use quorate_core::NodeId;
use serde::{Deserialize, Serialize};

/// A value under the ballot in which it was proposed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Vote {
    /// 0 with [`PrepareRule::Simple`](super::PrepareRule::Simple).
    pub ballot: u64,
    /// What was proposed.
    pub value: Bytes,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// PREPARE: asks for a promise. Waits until the ballot is on the leader's disk, so that no
    /// ballot is used for two values.
    Prepare {
        /// The ballot.
        ballot: u64,
    },
    /// PROMISE: nothing under an older ballot is accepted here any more.
    Promise {
        /// As asked.
        ballot: u64,
        /// What was accepted here last.
        accepted: Option<Vote>,
    },
    /// PROPOSE; ACCEPT of the leaders with ballots.
    Propose(Vote),
    /// ACK: accepted here, with the content.
    Ack(Vote),
    /// COMMITTED.
    Committed {
        /// The value.
        value: Bytes,
    },
}

/// What leaves at once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Eager {
    /// An acknowledgement that is not backed by the disk: the lesson
    /// [`Acknowledge::AtOnce`](super::Acknowledge::AtOnce), never used otherwise.
    Ack(Vote),
    /// Speaks of a quorum's disks, not of the sender's.
    Committed {
        /// The value.
        value: Bytes,
    },
}

impl From<Eager> for Message {
    fn from(eager: Eager) -> Self {
        match eager {
            Eager::Ack(vote) => Self::Ack(vote),
            Eager::Committed { value } => Self::Committed { value },
        }
    }
}

/// What survives a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hard {
    /// The latest ballot promised; for the leader, used.
    pub promised: u64,
    /// What was accepted last; for the leader, proposed.
    pub accepted: Option<Vote>,
}

/// One change of [`Hard`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Record {
    /// A promise, or a ballot taken into use.
    Promised {
        /// The ballot.
        ballot: u64,
    },
    /// A value accepted, or proposed.
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

/// Asks the leader to commit a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Commit(pub Bytes);

/// The leader's deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline;

/// What the layer above is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// The value is committed. Once in the life of a node between two crashes.
    Committed {
        /// The value.
        value: Bytes,
    },
    /// The leader's count, when all have answered or the deadline has passed.
    Tally(VoteTally),
    /// A request is not taken.
    Refused(Refusal),
}

/// What the leader counted (doc 003's table).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VoteTally {
    /// How many have acknowledged.
    pub acks: usize,
    /// Of how many.
    pub voters: usize,
    /// How many it takes.
    pub quorum: usize,
    /// Whether it was committed. If not, it may still be accepted by many: the outcome is unknown.
    pub agreed: bool,
    /// Whether an acknowledgement carried something else than what was proposed.
    pub tampered_seen: bool,
    /// What most acknowledgements carry; of equals, the one of the node that comes first.
    pub winning: Option<Bytes>,
}

/// Why a request is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Only the leader commits.
    NotLeader {
        /// Which is this one.
        leader: NodeId,
    },
    /// One request at a time, and one in all: this protocol makes one decision.
    Busy,
}
