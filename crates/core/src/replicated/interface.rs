//! What the layer above asks and is told.

use super::{Configuration, Entries, SnapshotMeta};
use crate::id::NodeId;
use bytes::Bytes;

/// What the layer above may ask.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// Put this into the log. Not empty: the empty payload is the leader's own. Ends as part of
    /// an [`Output::Committed`], here or at another node, or as [`Output::ProposeRefused`], or is
    /// lost with its leader; the caller must be able to tell (and to ask again under the same
    /// session and number).
    Propose(Bytes),
    /// At which index must the state machine be to serve a linearizable read that arrives now?
    /// Answered by [`Output::ReadReady`] or [`Output::ReadFailed`]; while a leader is known but
    /// silent, by neither. The number is the caller's own.
    Read(u64),
    /// Hand leadership over. Only a leader can; else ignored. Given up after an election timeout.
    Transfer(NodeId),
    /// Change who takes part: the whole configuration as it shall be. The protocol goes there, over
    /// a joint configuration if the voters change, or answers by [`Output::ReconfigureRefused`].
    /// Ends as part of an [`Output::Committed`], or is lost with its leader.
    Reconfigure(Box<Configuration>),
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
    /// The caller no longer has the snapshot that [`Output::SnapshotWanted`] asked for. The transfer
    /// starts over with the newest one.
    SnapshotGone {
        /// As asked.
        meta: SnapshotMeta,
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

/// What the layer above is told.
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
    /// A change of configuration was not taken. It will never be committed.
    ReconfigureRefused {
        /// The reason.
        why: Refusal,
    },
    /// The configuration that this node acts by is another one now: one was put into its log, taken
    /// back with the entries of a deposed leader, or came with a snapshot.
    Configured,
    /// This node is no longer a member, and never will be again: a committed configuration lacks it.
    /// It takes no part any more. Told once.
    Removed,
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
    /// piece seems lost. When the caller no longer has it: [`Request::SnapshotGone`].
    SnapshotWanted {
        /// The follower.
        to: NodeId,
        /// Which one: the newest when the transfer began, and the same one to its end.
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
/// [`SnapshotPart::Chunk`](super::SnapshotPart::Chunk) under the same `id`.
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
    /// A bound is reached: ask again later.
    Busy,
    /// The leader is handing over.
    Transferring,
    /// The empty payload is reserved.
    Empty,
    /// A change of configuration is under way, or the leader is too new to begin one: ask again.
    Reconfiguring,
    /// Not from the present configuration: the reason in words.
    BadConfiguration(&'static str),
    /// This learner is too far behind to vote.
    NotCaughtUp(NodeId),
}

/// A node's part in its term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Follows the leader, or waits for one.
    Follower,
    /// Follows the leader and does not vote.
    Learner,
    /// Asks whether a campaign would succeed (pre-vote).
    PreCandidate,
    /// Campaigns.
    Candidate,
    /// Leads.
    Leader,
}
