//! What nodes say to each other, and to the layer above.

use bytes::Bytes;
use quorate_core::{Never, NodeId};
use serde::{Deserialize, Serialize};

/// One change of the state, as the primary has ordered it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Update {
    /// Its place, from 1, without gaps.
    pub seq: u64,
    /// What it does.
    pub op: Bytes,
}

/// What nodes say. All but [`Message::Answer`] is of a primary, or of one that takes over, to all
/// ranks behind it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// The primary lives.
    Heartbeat {
        /// Everybody has got the updates up to here.
        applied: u64,
    },
    /// The primary has done this; everybody has got the updates before it.
    Update(Update),
    /// The primary before has crashed, perhaps while sending: who has got what the sender has not?
    Collect {
        /// The sender has got the updates up to here.
        known: u64,
    },
    /// A backup's answer.
    Answer {
        /// What it has got beyond, in order.
        updates: Vec<Update>,
    },
    /// The sender is the primary from now on.
    Takeover {
        /// What not everybody may have got, in order.
        updates: Vec<Update>,
    },
}

impl From<Never> for Message {
    fn from(never: Never) -> Self {
        match never {}
    }
}

/// Asks the primary for an update.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UpdateRequest(pub Bytes);

/// What may run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// A primary shows that it lives.
    Beat,
    /// A backup has not heard of its primary for longer than a living one can be silent.
    Watch,
    /// Everybody that lives has answered the node that takes over.
    Collected,
}

/// What the layer above is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// This node is the primary from now on.
    Promoted,
    /// The state changes: at every replica, in the same order. A backup says so once it knows that
    /// everybody has got the update, so it stands even if the backup crashes.
    Applied(Update),
    /// To the primary's client: it is done, and survives.
    Done {
        /// Its place.
        seq: u64,
    },
    /// A request is not taken.
    Refused(Refusal),
}

impl From<Never> for Output {
    fn from(never: Never) -> Self {
        match never {}
    }
}

/// Why a request is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Only the primary serves.
    NotPrimary {
        /// Which is this one, as far as this node knows.
        primary: NodeId,
    },
    /// The primary has crashed, and this node does not know yet what it has done; it will in two
    /// message delays.
    TakingOver,
    /// More updates since the last heartbeat than the backups have room for.
    Busy,
}
