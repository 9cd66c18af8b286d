//! What a replica says of itself: protocol state is first-class telemetry (doc 002).

use quorate_core::NodeId;
use quorate_core::replicated::Role;

/// Counts since the replica started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Times that this replica saw the leader change.
    pub leader_changes: u64,
    /// Requests refused because too many were in flight.
    pub refused_too_many: u64,
    /// Requests refused because they were too large.
    pub refused_too_large: u64,
    /// Writes refused, or given up as unknown, for want of a leader or of an answer in time.
    pub timed_out: u64,
    /// Writes from peers dropped because this replica does not lead, or its queue was full; the
    /// peers send them again.
    pub forwards_dropped: u64,
    /// Writes that were sent again.
    pub retries: u64,
    /// Entries applied that were repetitions of an earlier one.
    pub duplicates: u64,
    /// Entries that could not be decoded.
    pub malformed_entries: u64,
    /// Own checkpoints completed.
    pub checkpoints: u64,
    /// Snapshots installed from a leader.
    pub snapshots_installed: u64,
    /// Snapshots from a leader that could not be installed.
    pub snapshot_install_failures: u64,
    /// Invariants found violated.
    pub violations: u64,
}

/// A replica's state, at a glance.
#[derive(Clone, Debug)]
pub struct Status {
    /// This replica.
    pub me: NodeId,
    /// Follower, candidate, leader.
    pub role: Role,
    /// The current term.
    pub term: u64,
    /// The leader of this term, if known.
    pub leader: Option<NodeId>,
    /// The first log index still held.
    pub first_index: u64,
    /// The last log index.
    pub last_index: u64,
    /// The index through which the log is known to be committed.
    pub commit: u64,
    /// The index through which it is applied.
    pub applied: u64,
    /// The digest of the state at `applied`.
    pub digest: u64,
    /// The store's revision.
    pub revision: i64,
    /// The store's compacted revision.
    pub compacted_revision: i64,
    /// Bytes that the store takes, about.
    pub store_bytes: u64,
    /// Open client sessions.
    pub sessions: usize,
    /// Writes and reads in flight here.
    pub in_flight: usize,
    /// Bursts of messages that wait for the disk.
    pub bursts_waiting: usize,
    /// Has the disk failed?
    pub disk_failed: bool,
    /// Counts since the start.
    pub counters: Counters,
}
