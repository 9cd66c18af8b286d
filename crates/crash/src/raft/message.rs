//! What nodes say to each other, sorted by what it claims.
//!
//! A [`Claim`] speaks of the sender's disk, and so waits in the log gate until all that was
//! written before it is durable. A [`Notice`] does not, and leaves at once. For each notice the
//! reason why it may:
//!
//! - [`Append`](Notice::Append), [`Commit`](Notice::Commit), [`Heartbeat`](Notice::Heartbeat),
//!   [`Snapshot`](Notice::Snapshot): a leader speaks for its term, and its own ballot is durable
//!   since before it asked for the first vote ([`Claim::RequestVote`] is gated). That it holds the
//!   entries itself it claims to no other node, by a gated [`Claim::Appended`] (Raft thesis
//!   §10.2.1).
//! - [`HeartbeatAck`](Notice::HeartbeatAck): says "at this moment I have voted in no term above
//!   yours". A later leader needs a vote of this node that was given after this moment, or one
//!   that was durable before it, in which case the ack would carry that higher term. A crash that
//!   takes the adopted term back gives no vote away.
//! - [`PreVote`](Notice::PreVote), [`PreVoted`](Notice::PreVoted): hints; no promise is made.
//! - [`ReadIndex`](Notice::ReadIndex): a question, numbered under a boot count that is durable.
//!   [`ReadIndexAnswer`](Notice::ReadIndexAnswer): speaks of a quorum, not of the sender.
//! - [`Removed`](Notice::Removed): speaks of what is committed, and of what never changes again.
//! - [`TimeoutNow`](Notice::TimeoutNow): asks for a campaign, which any node may start any time.

use super::{Configuration, Entries, Position, SnapshotMeta};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A message: the sender's term, and what it says.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    /// The term that the sender is in.
    pub term: u64,
    /// What it says.
    pub body: Body,
}

/// The two kinds of message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Body {
    /// Waits for the disk.
    Claim(Claim),
    /// Leaves at once.
    Notice(Notice),
}

/// A message that claims nothing about its sender's disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Eager {
    /// The term that the sender is in.
    pub term: u64,
    /// What it says.
    pub notice: Notice,
}

impl From<Eager> for Message {
    fn from(Eager { term, notice }: Eager) -> Self {
        Self {
            term,
            body: Body::Notice(notice),
        }
    }
}

/// What is said only once the disk bears it out.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Claim {
    /// To oneself: the boot count of this start is durable, so that reads may be numbered under it.
    Booted,
    /// To oneself: all that was written before is durable. Tells whether the disk hangs.
    Synced,
    /// A candidate, which has voted for itself, asks for a vote in the message's term.
    RequestVote {
        /// The end of the candidate's log.
        last: Position,
        /// The leader itself asked for this campaign: stickiness does not apply.
        transfer: bool,
    },
    /// The answer to `RequestVote`; from a candidate to itself too.
    Vote {
        /// Whether the vote is given.
        granted: bool,
    },
    /// Everything through `matched` is durable here and equal to the leader's log. A leader sends
    /// it to itself when its own write is durable.
    Appended {
        /// An index.
        matched: u64,
    },
    /// An `Append` does not fit on this log, or comes from a leader of an older term.
    Rejected {
        /// The index of the `prev` that does not match: tells stale rejections apart.
        prev: u64,
        /// The last position at or before `prev` whose term is not above the term of `prev`: the
        /// two logs cannot match later than there (Raft §5.3, fast back-up; as in etcd).
        hint: Position,
    },
    /// All chunks of the snapshot before `offset` are durable here; the next one may come.
    SnapshotAcked {
        /// The snapshot's last entry.
        at: Position,
        /// Bytes received.
        offset: u64,
    },
}

/// What may be said at once. The module's documentation gives the reason for each.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Notice {
    /// Would you vote for me in the term after mine? (Raft thesis §9.6.)
    PreVote {
        /// The end of the asker's log.
        last: Position,
    },
    /// The answer to `PreVote`.
    PreVoted {
        /// The term that the asker would campaign in.
        next_term: u64,
        /// Whether the vote would be given.
        granted: bool,
    },
    /// A leader's entries.
    Append {
        /// The position just before `entries`.
        prev: Position,
        /// Possibly none: a probe.
        entries: Entries,
        /// The leader's commit index; the follower takes no more of it than this message verifies.
        commit: u64,
    },
    /// Entries which the addressee has acknowledged as durable are committed.
    Commit {
        /// At most the addressee's own acknowledged index.
        index: u64,
    },
    /// A leader lives.
    Heartbeat {
        /// At most the addressee's own acknowledged index.
        commit: u64,
        /// The latest round of reads (read index) that waits for confirmation.
        round: u64,
    },
    /// The answer to `Heartbeat`.
    HeartbeatAck {
        /// As received.
        round: u64,
    },
    /// A follower asks for a read index.
    ReadIndex {
        /// Covers all the follower's reads up to this number.
        ticket: Ticket,
    },
    /// The answer to `ReadIndex`.
    ReadIndexAnswer {
        /// As received.
        ticket: Ticket,
        /// What must be applied before the reads are served.
        index: u64,
    },
    /// Campaign now: the leader hands over to the addressee.
    TimeoutNow,
    /// A piece of the leader's snapshot.
    Snapshot {
        /// Which snapshot.
        meta: SnapshotMeta,
        /// The configuration as of its last entry.
        configuration: Arc<Configuration>,
        /// Where `data` belongs.
        offset: u64,
        /// The piece.
        data: Bytes,
        /// Whether it is the last one.
        last: bool,
    },
    /// The addressee was removed: a configuration that is committed lacks it, and its number is not
    /// given again.
    Removed,
}

/// Numbers a node's reads: never the same twice, even when the node has crashed in between, so
/// that an answer which was under way meanwhile serves no later read.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Ticket {
    /// How often the node has started.
    pub boot: u64,
    /// How many rounds of reads it has asked for since.
    pub round: u64,
}
