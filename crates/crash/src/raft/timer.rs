//! The timers of a node.

/// The timers of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// A follower's or candidate's election timeout; a leader's check that a quorum still hears it.
    Election,
    /// A leader's sign of life, and its retransmissions.
    Heartbeat,
    /// A follower's retransmission of reads that wait for the leader.
    Reads,
}
