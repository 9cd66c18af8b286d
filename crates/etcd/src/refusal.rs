//! Why a request was not done, and whether it may have been done all the same.

use quorate_kv as kv;
use tonic::{Code, Status};

/// Why a request gets no answer but an error, in etcd's codes and texts.
///
/// A timeout is a third outcome: [`Refusal::outcome`] tells what a client may
/// conclude. It must never report an unknown outcome as a failure.
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
    /// The gRPC status code that etcd sends for it, what a client may conclude of its write, and
    /// the reason as a metric label; `None` for what the request itself caused.
    fn row(self) -> (Code, Outcome, Option<&'static str>) {
        use Code::*;
        use Outcome::*;
        match self {
            Self::Kv(kv::Error::NoSpace) => {
                (kv_code(kv::Error::NoSpace), Refused, Some("no_space"))
            }
            Self::Kv(error) => (kv_code(error), Refused, None),
            Self::NoLeader => (Unavailable, Refused, Some("no_leader")),
            Self::TooManyRequests => (ResourceExhausted, Refused, Some("too_many_requests")),
            Self::RequestTooLarge => (InvalidArgument, Refused, Some("request_too_large")),
            Self::NotSupportedForLearner => (FailedPrecondition, Refused, None),
            Self::Corrupt => (DataLoss, Refused, Some("corrupt")),
            Self::UnknownComparison => (InvalidArgument, Refused, None),
            Self::MemberExists => (FailedPrecondition, Refused, None),
            Self::PeerUrlExists => (FailedPrecondition, Refused, None),
            Self::NotEnoughStartedMembers => (Code::Unknown, Refused, None),
            Self::BadMemberUrls => (InvalidArgument, Refused, None),
            Self::MemberNotFound => (NotFound, Refused, None),
            Self::NotALearner => (FailedPrecondition, Refused, None),
            Self::LearnerNotReady => (FailedPrecondition, Refused, None),
            Self::TooManyLearners => (FailedPrecondition, Refused, None),
            Self::Unhealthy => (Unavailable, Refused, None),
            Self::FixedMembers => (Unimplemented, Refused, None),
            Self::LeaderChanged => (Unavailable, Outcome::Unknown, Some("leader_changed")),
            Self::Timeout => (Unavailable, Outcome::Unknown, Some("timeout")),
            Self::Stopped => (Unavailable, Outcome::Unknown, Some("stopped")),
        }
    }

    /// What a client may conclude.
    pub fn outcome(self) -> Outcome {
        self.row().1
    }

    /// The gRPC status code that etcd sends for it.
    pub fn code(self) -> Code {
        self.row().0
    }

    /// The reason as a metric label; `None` for what the request itself caused.
    pub(crate) fn label(self) -> Option<&'static str> {
        self.row().2
    }
}

fn kv_code(error: kv::Error) -> Code {
    match error.code() {
        kv::Code::InvalidArgument => Code::InvalidArgument,
        kv::Code::NotFound => Code::NotFound,
        kv::Code::FailedPrecondition => Code::FailedPrecondition,
        kv::Code::OutOfRange => Code::OutOfRange,
        kv::Code::ResourceExhausted => Code::ResourceExhausted,
        kv::Code::Internal => Code::Internal,
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        Status::new(refusal.code(), refusal.to_string())
    }
}
