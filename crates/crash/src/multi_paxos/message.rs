//! What nodes say to each other, and to the layer above.

use super::{Ballot, Vote};
use bytes::Bytes;
use quorate_core::NodeId;
use serde::{Deserialize, Serialize};

/// A message.
///
/// These wait for the disk: [`Prepare`](Message::Prepare), so that a proposer which crashes does
/// not use the number again; [`Promise`](Message::Promise) and [`Accepted`](Message::Accepted),
/// which are promises. The others are [`Eager`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// Phase 1a, for all slots from `first` on at once (§3).
    Prepare {
        /// The number.
        ballot: Ballot,
        /// The first slot that the asker does not know, or has not been told of.
        first: u64,
    },
    /// Phase 1b: nothing with a smaller number is accepted here any more, in any slot.
    Promise {
        /// As asked.
        ballot: Ballot,
        /// As asked.
        first: u64,
        /// What was accepted here from `first` on, in the order of slots.
        votes: Vec<(u64, Vote)>,
        /// There is more after the last of them: ask on.
        more: bool,
    },
    /// Phase 2a, for some slots in a row; and how much is chosen.
    Accept {
        /// The number.
        ballot: Ballot,
        /// The slot of the first value.
        first: u64,
        /// The values, slot by slot.
        values: Vec<Bytes>,
        /// All slots up to this one are chosen.
        chosen: u64,
    },
    /// Phase 2b.
    Accepted {
        /// The number.
        ballot: Ballot,
        /// The first slot.
        first: u64,
        /// The last one.
        last: u64,
    },
    /// A greater number has been promised to somebody.
    Rejected {
        /// That number.
        promised: Ballot,
    },
    /// A leader lives; and how much is chosen.
    Heartbeat {
        /// The leader's number.
        ballot: Ballot,
        /// All slots up to this one are chosen.
        chosen: u64,
    },
    /// What is chosen from here on?
    Fetch {
        /// The first slot that the asker does not know.
        first: u64,
    },
    /// These are chosen.
    Chosen {
        /// The slot of the first value.
        first: u64,
        /// The values, slot by slot.
        values: Vec<Bytes>,
        /// The sender knows all up to this one.
        through: u64,
    },
}

/// What leaves at once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Eager {
    /// The number is on the leader's disk since before it asked for promises, so it stands for
    /// one value in each slot. That the leader accepts it itself is said in a message to itself.
    Accept {
        /// See [`Message::Accept`].
        ballot: Ballot,
        /// The slot of the first value.
        first: u64,
        /// The values, slot by slot.
        values: Vec<Bytes>,
        /// All slots up to this one are chosen.
        chosen: u64,
    },
    /// A hint; nothing is promised by it.
    Rejected {
        /// The number promised.
        promised: Ballot,
    },
    /// Speaks of a quorum's disks.
    Heartbeat {
        /// The leader's number.
        ballot: Ballot,
        /// All slots up to this one are chosen.
        chosen: u64,
    },
    /// A question.
    Fetch {
        /// The first slot that the asker does not know.
        first: u64,
    },
    /// Speaks of a quorum's disks.
    Chosen {
        /// The slot of the first value.
        first: u64,
        /// The values, slot by slot.
        values: Vec<Bytes>,
        /// The sender knows all up to this one.
        through: u64,
    },
}

impl From<Eager> for Message {
    fn from(eager: Eager) -> Self {
        match eager {
            Eager::Accept {
                ballot,
                first,
                values,
                chosen,
            } => Self::Accept {
                ballot,
                first,
                values,
                chosen,
            },
            Eager::Rejected { promised } => Self::Rejected { promised },
            Eager::Heartbeat { ballot, chosen } => Self::Heartbeat { ballot, chosen },
            Eager::Fetch { first } => Self::Fetch { first },
            Eager::Chosen {
                first,
                values,
                through,
            } => Self::Chosen {
                first,
                values,
                through,
            },
        }
    }
}

/// Asks the leader to put a value into the log. An empty one is a no-op.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Propose(pub Bytes);

/// What may run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Patience with a leader.
    Election,
    /// A leader shows that it lives; it, or a candidate, repeats what was not answered.
    Beat,
}

/// What the layer above is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// A slot's value is chosen. Slots come in order and without gaps, after each start of the
    /// node from 1 on: what is above keeps nothing across a crash.
    Chosen {
        /// Which slot.
        slot: u64,
        /// Its value; empty for a no-op.
        value: Bytes,
    },
    /// This node leads from now on, or does no longer. What was proposed and is not chosen may
    /// still be, or not: its outcome is unknown.
    Leads(bool),
    /// A request is not taken.
    Refused(Refusal),
}

/// Why a request is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Only a leader proposes.
    NotLeader {
        /// Who was heard last to lead.
        leader: Option<NodeId>,
    },
    /// As many slots are under way as may be, or what an earlier leader left is finished first.
    Busy,
    /// The log is as long as it may become.
    Full,
}
