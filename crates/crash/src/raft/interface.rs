//! What the layer above asks and is told.

use super::{Entries, SnapshotMeta};
use bytes::Bytes;
use quorate_core::NodeId;

/// The timers of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// A follower's or candidate's patience; a leader's check that a quorum still hears it.
    Election,
    /// A leader's sign of life, and its retransmissions.
    Heartbeat,
    /// A follower's retransmission of reads that wait for the leader.
    Reads,
}

/// What the layer above may ask.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// Put this into the log. Not empty: the empty payload is the leader's own. Ends as part of
    /// an [`Output::Committed`], here or at another node, or as [`Output::ProposeRefused`], or is
    /// lost with its leader; whoever asked must be able to tell (and to ask again under the same
    /// session and number).
    Propose(Bytes),
    /// At which index must the state machine be to serve a linearizable read that arrives now?
    /// Answered by [`Output::ReadReady`] or [`Output::ReadFailed`]; while a leader is known but
    /// silent, by neither. The number is the caller's own.
    Read(u64),
    /// Hand leadership over. Only a leader can; else ignored. Given up after an election timeout.
    Transfer(NodeId),
    /// The link to this node has broken, as when its process dies. A hint and no proof: if it is
    /// the leader, this node does not wait for an election timeout to find out.
    Suspect(NodeId),
    /// A snapshot of the local state machine goes into the log, which may be cut then.
    Checkpoint(Checkpoint),
    /// A piece of the snapshot that [`Output::SnapshotWanted`] asked for. The last piece may be
    /// empty; `meta` is as asked, otherwise the piece is ignored.
    SnapshotData {
        /// The node that lacks it.
        to: NodeId,
        /// As asked.
        meta: SnapshotMeta,
        /// As asked.
        offset: u64,
        /// From `offset` on; how much is the caller's choice.
        data: Bytes,
        /// Whether the snapshot ends here.
        last: bool,
    },
    /// The answer to [`Install::Check`].
    InstallChecked {
        /// As asked.
        id: u64,
        /// Whether the pieces make a state machine with the digest of the snapshot's `meta`.
        good: bool,
    },
}

/// The steps of writing a snapshot of the local state machine: one `Begin`, any number of
/// `Chunk`, one `End`. Answered by [`Output::CheckpointBegun`], or else
/// [`Output::CheckpointAborted`], after which the rest is ignored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Checkpoint {
    /// The state machine as of `index`, which is applied and beyond the last snapshot.
    Begin {
        /// The index of the last entry applied to it.
        index: u64,
    },
    /// The next piece of it.
    Chunk {
        /// The bytes.
        data: Bytes,
    },
    /// That was all.
    End {
        /// A digest of the state, compared wherever it is installed.
        digest: u64,
    },
    /// The layer above gives up.
    Abort,
}

/// What the layer above is told. All of it at once, without waiting for the disk: that an entry
/// is committed is a fact about a quorum's disks, not about one's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// The next entries of the log are decided: apply them, the empty ones excepted. After a
    /// start the first ones follow the snapshot.
    Committed {
        /// The index of the first of them.
        first: u64,
        /// In order, without a gap.
        entries: Entries,
    },
    /// A proposal was not taken. It will never be committed.
    ProposeRefused {
        /// As proposed.
        payload: Bytes,
        /// The reason.
        why: Refusal,
    },
    /// A read may be served as soon as all through `index` is applied.
    ReadReady {
        /// As asked.
        id: u64,
        /// A log index.
        index: u64,
    },
    /// A read must be asked again, here or elsewhere.
    ReadFailed {
        /// As asked.
        id: u64,
        /// The reason.
        why: Refusal,
    },
    /// This node's part, term or leader changed.
    RoleChanged {
        /// The new part.
        role: Role,
        /// The term.
        term: u64,
        /// The leader of the term, as far as it is known.
        leader: Option<NodeId>,
    },
    /// A follower needs a snapshot: answer with [`Request::SnapshotData`]. Asked again when the
    /// piece seems lost. When the caller no longer has it, it may ignore this.
    SnapshotWanted {
        /// The follower.
        to: NodeId,
        /// The snapshot that the log begins with.
        meta: SnapshotMeta,
        /// Where the piece is to begin.
        offset: u64,
    },
    /// A snapshot comes from the leader.
    Install(Install),
    /// A snapshot of the own state machine is open.
    CheckpointBegun {
        /// Names its records in the log.
        id: u64,
    },
    /// A snapshot of the own state machine is written.
    CheckpointEnded {
        /// Names its records in the log.
        id: u64,
        /// What it is.
        meta: SnapshotMeta,
    },
    /// A snapshot of the own state machine was refused, or overtaken by one from the leader.
    CheckpointAborted,
}

/// The steps of installing a snapshot from the leader. The pieces are in the log as
/// [`Record::SnapshotChunk`](super::Record::SnapshotChunk) under the same `id`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Install {
    /// A new one begins; one that was open is dropped.
    Begin {
        /// Names its records in the log.
        id: u64,
        /// What it is.
        meta: SnapshotMeta,
    },
    /// The next piece.
    Chunk {
        /// Names its records in the log.
        id: u64,
        /// Where it belongs.
        offset: u64,
        /// The piece.
        data: Bytes,
    },
    /// All pieces are there: check them against `meta`, and answer by
    /// [`Request::InstallChecked`]. What is not checked is not believed.
    Check {
        /// Names its records in the log.
        id: u64,
        /// What it must be.
        meta: SnapshotMeta,
    },
    /// It counts: replace the state machine. Entries after it follow as [`Output::Committed`].
    End {
        /// Names its records in the log.
        id: u64,
        /// What it is.
        meta: SnapshotMeta,
    },
    /// It will not be completed.
    Abort {
        /// Names its records in the log.
        id: u64,
    },
}

/// Why something was not taken. Nothing has happened then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Another node leads, or none does.
    NotLeader {
        /// Ask there.
        leader: Option<NodeId>,
    },
    /// A bound of [`Config`](super::Config) is reached: ask again later.
    Busy,
    /// The leader is handing over.
    Transferring,
    /// The empty payload is reserved.
    Empty,
}

/// A node's part in its term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Follows the leader, or waits for one.
    Follower,
    /// Asks whether a campaign would succeed (pre-vote).
    PreCandidate,
    /// Campaigns.
    Candidate,
    /// Leads.
    Leader,
}
