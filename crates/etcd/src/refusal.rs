//! Why a request was not done, and whether it may have been done all the same.

use quorate_kv as kv;
use tonic::{Code, Status};

/// Why a request gets no answer but an error, in etcd's codes and texts.
///
/// A timeout is a third outcome: [`Refusal::outcome`] tells what a client may
/// conclude. It must never report an unknown outcome as a failure.
///
/// | refusal | gRPC code | a write was |
/// |---|---|---|
/// | [`Kv`](Self::Kv) | by [`kv::Code`] | refused |
/// | [`NoLeader`](Self::NoLeader) | `Unavailable` | refused |
/// | [`TooManyRequests`](Self::TooManyRequests) | `ResourceExhausted` | refused |
/// | [`RequestTooLarge`](Self::RequestTooLarge) | `InvalidArgument` | refused |
/// | [`NotSupportedForLearner`](Self::NotSupportedForLearner) | `FailedPrecondition` | refused |
/// | [`Corrupt`](Self::Corrupt) | `DataLoss` | refused |
/// | [`UnknownComparison`](Self::UnknownComparison) | `InvalidArgument` | refused |
/// | [`MemberNotFound`](Self::MemberNotFound) | `NotFound` | refused |
/// | [`BadMemberUrls`](Self::BadMemberUrls) | `InvalidArgument` | refused |
/// | [`MemberExists`](Self::MemberExists), [`PeerUrlExists`](Self::PeerUrlExists), [`NotALearner`](Self::NotALearner), [`LearnerNotReady`](Self::LearnerNotReady), [`TooManyLearners`](Self::TooManyLearners) | `FailedPrecondition` | refused |
/// | [`NotEnoughStartedMembers`](Self::NotEnoughStartedMembers) | `Unknown` | refused |
/// | [`Unhealthy`](Self::Unhealthy) | `Unavailable` | refused |
/// | [`FixedMembers`](Self::FixedMembers) | `Unimplemented` | refused |
/// | [`LeaderChanged`](Self::LeaderChanged) | `Unavailable` | perhaps done |
/// | [`Timeout`](Self::Timeout) | `Unavailable` | perhaps done |
/// | [`Stopped`](Self::Stopped) | `Unavailable` | perhaps done |
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The store refuses it: on sight, or when its turn came in the log.
    #[error(transparent)]
    Kv(#[from] kv::Error),
    /// There is no leader to take it, and it was not passed to anybody.
    #[error("etcdserver: no leader")]
    NoLeader,
    /// The queue is full: admission control turned it away.
    #[error("etcdserver: too many requests")]
    TooManyRequests,
    /// It is larger than [`MAX_REQUEST_BYTES`](crate::MAX_REQUEST_BYTES).
    #[error("etcdserver: request is too large")]
    RequestTooLarge,
    /// This member has no vote and answers serializable reads only.
    #[error("etcdserver: rpc not supported for learner")]
    NotSupportedForLearner,
    /// The state of this replica is known to be wrong.
    #[error("etcdserver: corrupt cluster")]
    Corrupt,
    /// A transaction compares in a way that this version does not know. (etcd
    /// takes such a comparison for true.)
    #[error("quorate: unknown comparison in txn request")]
    UnknownComparison,
    /// The id drawn for a new member is taken.
    #[error("etcdserver: member ID already exist")]
    MemberExists,
    /// Another member is reached at one of these URLs.
    #[error("etcdserver: Peer URLs already exists")]
    PeerUrlExists,
    /// After the change fewer members than a quorum would have started ever.
    /// (etcd maps its error to one without a gRPC status, so that its code is
    /// `Unknown`; its client finds the kind by the text.)
    #[error("etcdserver: re-configuration failed due to not enough started members")]
    NotEnoughStartedMembers,
    /// See [`check_peer_urls`](crate::check_peer_urls).
    #[error("etcdserver: given member URLs are invalid")]
    BadMemberUrls,
    /// No such member, or no longer.
    #[error("etcdserver: member not found")]
    MemberNotFound,
    /// It has a vote already.
    #[error("etcdserver: can only promote a learner member")]
    NotALearner,
    /// The learner has not caught up with the leader yet.
    #[error("etcdserver: can only promote a learner member which is in sync with leader")]
    LearnerNotReady,
    /// The cluster has as many learners as it may have; in etcd one, by default.
    #[error("etcdserver: too many learner members in cluster")]
    TooManyLearners,
    /// The members that are reachable now would be no quorum after the change.
    #[error("etcdserver: unhealthy cluster")]
    Unhealthy,
    /// The members of this cluster can't be changed.
    #[error("quorate: the members of this cluster can't be changed")]
    FixedMembers,
    /// The leader that took it was deposed before it answered.
    #[error("etcdserver: leader changed")]
    LeaderChanged,
    /// No answer within the server's time.
    #[error("etcdserver: request timed out")]
    Timeout,
    /// The server is stopping.
    #[error("etcdserver: server stopped")]
    Stopped,
}

/// What a client may conclude from a [`Refusal`] of its write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was not done and never will be.
    Refused,
    /// It may have been done, or may still be.
    Unknown,
}

impl Refusal {
    /// What a client may conclude.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Kv(_)
            | Self::NoLeader
            | Self::TooManyRequests
            | Self::RequestTooLarge
            | Self::NotSupportedForLearner
            | Self::Corrupt
            | Self::UnknownComparison
            | Self::MemberExists
            | Self::PeerUrlExists
            | Self::NotEnoughStartedMembers
            | Self::BadMemberUrls
            | Self::MemberNotFound
            | Self::NotALearner
            | Self::LearnerNotReady
            | Self::TooManyLearners
            | Self::Unhealthy
            | Self::FixedMembers => Outcome::Refused,
            Self::LeaderChanged | Self::Timeout | Self::Stopped => Outcome::Unknown,
        }
    }

    /// The gRPC status code that etcd sends for it.
    pub fn code(self) -> Code {
        match self {
            Self::Kv(error) => match error.code() {
                kv::Code::InvalidArgument => Code::InvalidArgument,
                kv::Code::NotFound => Code::NotFound,
                kv::Code::FailedPrecondition => Code::FailedPrecondition,
                kv::Code::OutOfRange => Code::OutOfRange,
                kv::Code::ResourceExhausted => Code::ResourceExhausted,
                kv::Code::Internal => Code::Internal,
            },
            Self::RequestTooLarge | Self::UnknownComparison | Self::BadMemberUrls => {
                Code::InvalidArgument
            }
            Self::TooManyRequests => Code::ResourceExhausted,
            Self::NotSupportedForLearner
            | Self::MemberExists
            | Self::PeerUrlExists
            | Self::NotALearner
            | Self::LearnerNotReady
            | Self::TooManyLearners => Code::FailedPrecondition,
            Self::Corrupt => Code::DataLoss,
            Self::MemberNotFound => Code::NotFound,
            Self::NotEnoughStartedMembers => Code::Unknown,
            Self::FixedMembers => Code::Unimplemented,
            Self::NoLeader
            | Self::Unhealthy
            | Self::LeaderChanged
            | Self::Timeout
            | Self::Stopped => Code::Unavailable,
        }
    }

    /// The reason as a metric label; `None` for what the request itself caused.
    pub(crate) fn label(self) -> Option<&'static str> {
        match self {
            Self::Kv(kv::Error::NoSpace) => Some("no_space"),
            Self::Kv(_)
            | Self::NotSupportedForLearner
            | Self::UnknownComparison
            | Self::MemberExists
            | Self::PeerUrlExists
            | Self::NotEnoughStartedMembers
            | Self::BadMemberUrls
            | Self::MemberNotFound
            | Self::NotALearner
            | Self::LearnerNotReady
            | Self::TooManyLearners
            | Self::Unhealthy
            | Self::FixedMembers => None,
            Self::NoLeader => Some("no_leader"),
            Self::TooManyRequests => Some("too_many_requests"),
            Self::RequestTooLarge => Some("request_too_large"),
            Self::Corrupt => Some("corrupt"),
            Self::LeaderChanged => Some("leader_changed"),
            Self::Timeout => Some("timeout"),
            Self::Stopped => Some("stopped"),
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        Status::new(refusal.code(), refusal.to_string())
    }
}
