//! What an error allows a client to conclude.

use std::error::Error;

use quorate_etcd::Refusal;
use tonic::{Code, Status};

/// What became of a request that got an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It was not done and never will be.
    Refused,
    /// It may have been done, or may still be.
    Unknown,
    /// Likewise, and the connection is of no more use.
    Broken,
}

/// Judges an error by its gRPC code. Only what a server has said of itself can be definite: the
/// transport makes errors with the same codes, but they carry a source or another text.
pub(crate) fn of(status: &Status) -> Failure {
    let said_by_server =
        status.message().starts_with("etcdserver: ") || status.message().starts_with("quorate: ");
    if status.source().is_some() {
        return Failure::Broken;
    }
    match status.code() {
        Code::InvalidArgument
        | Code::NotFound
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::ResourceExhausted
        | Code::DataLoss
            if said_by_server =>
        {
            Failure::Refused
        }
        // Of etcd's reasons to be unavailable, this one alone says that it was not passed on.
        Code::Unavailable if status.message() == Refusal::NoLeader.to_string() => Failure::Refused,
        Code::Unavailable if said_by_server && status.message() != Refusal::Stopped.to_string() => {
            Failure::Unknown
        }
        _ => Failure::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_etcd::Outcome;

    /// The server's own table and ours agree, whichever way a refusal travels.
    #[test]
    fn a_refusal_is_definite_exactly_when_the_server_means_it_so() {
        for refusal in [
            Refusal::NoLeader,
            Refusal::TooManyRequests,
            Refusal::RequestTooLarge,
            Refusal::NotSupportedForLearner,
            Refusal::Corrupt,
            Refusal::UnknownComparison,
            Refusal::LeaderChanged,
            Refusal::Timeout,
            Refusal::Stopped,
        ] {
            let concluded = of(&Status::from(refusal));
            assert_eq!(
                concluded == Failure::Refused,
                refusal.outcome() == Outcome::Refused,
                "{refusal}"
            );
        }
    }

    #[test]
    fn what_the_transport_says_is_never_definite() {
        for status in [
            Status::resource_exhausted("h2 protocol error: enhance your calm"),
            Status::out_of_range("Error, decoded message length too large"),
            Status::unavailable("transport is closing"),
            Status::from_error("connection reset".into()),
        ] {
            assert_eq!(of(&status), Failure::Broken, "{status}");
        }
    }
}
