//! The vocabulary of a replicated log: what the machine above it asks and is told.
//!
//! A replica speaks these words and no protocol's own, so that the same replica, journal and
//! simulated world serve any protocol that orders entries. [`Replicated`] is what such a protocol
//! offers beyond [`Protocol`].

mod configuration;
mod entries;
mod interface;

pub use configuration::Configuration;
pub use entries::{Entries, Entry, Payload, Position, TermsFall};
pub use interface::{Checkpoint, Install, Output, Refusal, Request, Role};

use crate::id::NodeId;
use crate::journal::Hard;
use crate::protocol::Protocol;
use crate::time::Time;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A snapshot of a state machine, in short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SnapshotMeta {
    /// The last entry applied to it.
    pub at: Position,
    /// Its length in bytes.
    pub size: u64,
    /// A digest of the state.
    pub digest: u64,
}

/// A record that belongs to a snapshot in the journal.
#[derive(Clone, Copy, Debug)]
pub enum SnapshotPart<'r> {
    /// It begins. What this record and those after it say needs nothing before it, once the
    /// snapshot is complete.
    Begin {
        /// Names the snapshot.
        id: u64,
    },
    /// A piece of its data.
    Chunk {
        /// Names the snapshot.
        id: u64,
        /// Where the piece belongs.
        offset: u64,
        /// The piece.
        data: &'r Bytes,
    },
    /// It is complete: what lies before its beginning may go.
    End {
        /// Names the snapshot.
        id: u64,
    },
}

/// A protocol that orders entries into one log, as Raft, Multi-Paxos or Tendermint do.
///
/// Kept as small as the protocols that serve need: a protocol without snapshots answers
/// [`Request::Checkpoint`] with [`Output::CheckpointAborted`], one without leaders names itself in
/// [`Replicated::proposer`].
pub trait Replicated:
    Protocol<
        Request = Request,
        Output = Output,
        Message: Serialize + DeserializeOwned,
        Hard: Hard<Record: Serialize + DeserializeOwned>,
    >
{
    /// Where a write goes that comes now: the node that would propose it, and the term (view,
    /// round) in which it would. When either changes, what is unanswered is sent again.
    fn proposer(&self) -> Option<(u64, NodeId)>;

    /// Whether this node would take a proposal of `len` bytes now.
    ///
    /// # Errors
    /// Why not.
    fn can_propose(&self, len: usize) -> Result<(), Refusal>;

    /// This node's part.
    fn role(&self) -> Role;

    /// The term, view or round: a number that grows when leadership may change.
    fn term(&self) -> u64;

    /// Who leads, as far as it is known: a hint.
    fn leader(&self) -> Option<NodeId>;

    /// The index of the first entry that the log still has, or would have next.
    fn first_index(&self) -> u64;

    /// The index of the last entry.
    fn last_index(&self) -> u64;

    /// The index up to which entries are known to be committed.
    fn commit(&self) -> u64;

    /// Who takes part, by the latest configuration in the log.
    fn configuration(&self) -> &Configuration;

    /// Something that the failure model excludes has been seen: the node must not act any more.
    /// Cheap: asked after every burst.
    fn violation(&self) -> Option<&'static str> {
        None
    }

    /// The snapshots that are being sent, and to whom: the layer above keeps their states until they
    /// are no longer named here, or says [`Request::SnapshotGone`].
    fn transfers(&self) -> Vec<(NodeId, SnapshotMeta)> {
        vec![]
    }

    /// This state, as if now was [`Time::CANONICAL_NOW`]: two states that do the same from now on,
    /// for all that time has to do with it, are then equal. A protocol that remembers no times is
    /// canonical as it is.
    #[must_use]
    fn canonical(&self, _now: Time) -> Self {
        self.clone()
    }

    /// What a record means to the journal, if it belongs to a snapshot.
    fn snapshot_part(record: &<Self::Hard as Hard>::Record) -> Option<SnapshotPart<'_>>;

    /// The last entry that the snapshot covers which the log begins with; 0 without one.
    ///
    /// # Errors
    /// What is wrong with the records, if they are not ones that a node wrote.
    fn check_hard(hard: &Self::Hard) -> Result<u64, &'static str>;

    /// Does the message carry data, and so wait behind its like? What does not goes first, so that
    /// a sign of life is never stuck behind a snapshot.
    fn is_bulk(message: &Self::Message) -> bool;

    /// About how many bytes of data the message carries.
    fn message_bytes(message: &Self::Message) -> usize;

    /// About how many bytes the record carries.
    fn record_bytes(record: &<Self::Hard as Hard>::Record) -> usize;
}
