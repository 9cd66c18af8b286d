//! What a client asks, and the three ways in which it ends.

use crate::membership::{Change, ChangeRefusal};
use crate::sessions::SessionId;
use crate::stopped::StoppedKind;
use quorate_core::NodeId;
use quorate_core::replicated::Configuration;
use quorate_kv as kv;
use serde::{Deserialize, Serialize};

/// The driver's name for a request in flight: it comes back with the [`Outcome`], once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// A client's name for a write that it may send again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestId {
    /// The session, as opened by [`Request::OpenSession`].
    pub session: SessionId,
    /// Counts the session's writes, from 1.
    pub seq: u64,
    /// Every write of the session below this number has been answered, or given up: the client
    /// will never send it again, and its answer may be forgotten.
    pub settled: u64,
}

/// What a client may ask of any replica.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// Change the store. With an `id`, a repetition is answered and not applied again; without
    /// one, the request is the replica's own to repeat and the client must not.
    Write {
        /// The change.
        command: kv::Command,
        /// The client's name for it, if the client has a session of its own.
        id: Option<RequestId>,
    },
    /// Read a range.
    Range {
        /// What to read.
        request: kv::RangeRequest,
        /// Answer from this replica's state as it is, however old.
        serializable: bool,
    },
    /// A transaction that only reads.
    ReadTxn {
        /// The transaction; refused if it writes.
        txn: kv::TxnRequest,
        /// Answer from this replica's state as it is, however old.
        serializable: bool,
    },
    /// Open a session in which writes may be repeated safely.
    OpenSession,
    /// Hand the leadership to another node. Answered when the protocol has been told, not when it
    /// is over: watch the status.
    TransferLeadership(NodeId),
    /// Change the members.
    Change(Change),
    /// Who the members are.
    Members {
        /// Answer from this replica's state as it is, however old.
        serializable: bool,
    },
    /// Fails unless this replica can confirm, through a quorum, that it is up to date: what a
    /// readiness probe asks.
    Barrier,
}

/// From which state an answer speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The store's revision when the request was served.
    pub revision: i64,
    /// The term of this replica when it answered.
    pub term: u64,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To a write.
    Written(kv::Response),
    /// To a range.
    Range(kv::RangeResponse),
    /// To a transaction that only reads.
    Txn(kv::TxnResponse),
    /// To [`Request::OpenSession`].
    Session(SessionId),
    /// To [`Request::Change`] and [`Request::Members`]: the configuration after it.
    Configuration(Box<Configuration>),
    /// To [`Request::TransferLeadership`] and [`Request::Barrier`].
    Ok,
}

/// How a request ended (doc 002: "treat timeouts as a third outcome").
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It took effect, once; for a read, this is the answer.
    Done(Header, Reply),
    /// It did not take effect and never will.
    Refused(Refusal),
    /// It may have taken effect, or may yet.
    Unknown(Uncertainty),
}

/// Why a request certainly has no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The store's own rules: an empty key, a compacted revision, …
    #[error("{0}")]
    Store(#[from] kv::Error),
    /// No leader was known for as long as the request was willing to wait.
    #[error("no leader is known; is a majority of the replicas up and connected?")]
    NoLeader,
    /// A read was not answered by its deadline. It has no effect, so this is not unknown.
    #[error("the read was not confirmed by a quorum in time")]
    TimedOut,
    /// As many requests are in flight as this replica admits (doc 002: admission control before
    /// saturation). Slow down and try again.
    #[error("too many requests in flight")]
    TooManyRequests,
    /// The write is larger than the store accepts.
    #[error("the request has {size} bytes, the limit is {limit}")]
    TooLarge {
        /// Bytes of the request, encoded.
        size: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The request's number runs too far ahead of those that are settled.
    #[error("too many unsettled requests in this session")]
    SessionWindow,
    /// This replica's log has failed; it is silent until it is restarted.
    #[error("this replica's disk has failed; it does not serve until it is restarted")]
    DiskFailed,
    /// This replica has left the service.
    #[error("this replica has left the service: {0}")]
    Stopped(StoppedKind),
    /// The members can't be changed so.
    #[error(transparent)]
    Change(#[from] ChangeRefusal),
    /// The node named in a transfer is not another member, or this replica does not lead.
    #[error("leadership can be transferred by the leader, to another member")]
    BadTransfer,
}

/// Why it can't be told whether a write took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Uncertainty {
    /// The deadline passed after the write had been handed to a leader.
    #[error("timed out; the write may or may not have been applied")]
    TimedOut,
    /// An earlier copy of this write was handled so long ago that its answer is forgotten.
    #[error("this write is settled already; its answer is no longer known")]
    Settled,
    /// The write was applied, once, and made this revision of the store, or left it there; an
    /// earlier copy of it was answered, or that answer was lost. This copy has no effect. The
    /// answer was larger than what is kept for repetitions ([`crate::Settings`]): read the keys to
    /// learn what it would have said.
    #[error(
        "the write was applied at revision {revision}, by an earlier copy; its answer was too \
         large to be kept, read the keys instead"
    )]
    AnswerForgotten {
        /// The store's revision right after the write.
        revision: i64,
    },
    /// The session is not known, or was evicted. This copy of the write was not applied; whether
    /// an earlier one was can't be told any more. Open another session.
    #[error("the session is unknown or has expired; an earlier copy may have been applied")]
    SessionExpired,
    /// The replica left the service while the write was in flight.
    #[error("this replica has left the service; the write may or may not have been applied")]
    Stopped,
    /// The replica's disk failed while the write was in flight.
    #[error("this replica's disk failed; the write may or may not have been applied")]
    DiskFailed,
}
