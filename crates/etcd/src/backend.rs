//! What the face asks of the replica behind it.

use std::future::Future;

use quorate_kv as kv;

use crate::membership::{Availability, Member, MemberChange, MembersChanged};
use crate::metrics::Metrics;
use crate::refusal::Refusal;

/// A replica, as the etcd API sees it.
///
/// Requests arrive checked ([`kv::Command::check`] and its like have passed)
/// and in the store's own terms. A future that is dropped (the client went away
/// or gave up) withdraws nothing: a command that was proposed may still be
/// applied.
pub trait Backend: Clone + Send + Sync + 'static {
    /// Reads a range at the consistency asked for.
    fn range(
        &self,
        request: kv::RangeRequest,
        consistency: Consistency,
    ) -> impl Future<Output = Result<kv::RangeResponse, Refusal>> + Send;

    /// Answers a transaction that only reads ([`kv::TxnRequest::is_read_only`]).
    fn read_txn(
        &self,
        request: kv::TxnRequest,
        consistency: Consistency,
    ) -> impl Future<Output = Result<kv::TxnResponse, Refusal>> + Send;

    /// Puts a command through the log, and answers once it is applied here. The
    /// response is of the command's own kind.
    fn propose(
        &self,
        command: kv::Command,
    ) -> impl Future<Output = Result<kv::Response, Refusal>> + Send;

    /// Who answers. Called once per answer, so it has to be cheap.
    fn identity(&self) -> Identity;

    /// How the replica is. Called for `endpoint status`, health checks and
    /// metrics, and for requests that insist on a leader.
    fn status(&self) -> Status;

    /// Which calls are answered. Asked once per call, so it has to be cheap;
    /// the default reads it off [`status`](Self::status).
    fn availability(&self) -> Availability {
        self.status().availability()
    }

    /// The members of the cluster, in any order, this one included unless it was
    /// removed. Linearizable: as of a moment after the call began.
    fn members(
        &self,
        consistency: Consistency,
    ) -> impl Future<Output = Result<Vec<Member>, Refusal>> + Send;

    /// Changes the members, and answers once the change is committed. What it
    /// may refuse is listed at [`MemberChange`]; the default is for a cluster
    /// whose members never change.
    fn change_members(
        &self,
        change: MemberChange,
    ) -> impl Future<Output = Result<MembersChanged, Refusal>> + Send {
        let _ = change;
        std::future::ready(Err(Refusal::FixedMembers))
    }

    /// What has been counted so far.
    fn metrics(&self) -> Metrics;
}

/// How fresh a read has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consistency {
    /// Sees every write acknowledged before the read began. Needs a quorum.
    Linearizable,
    /// This replica's own state, however old. Needs no other replica.
    Serializable,
}

impl Consistency {
    /// From the flag of a request on the wire.
    pub(crate) fn of(serializable: bool) -> Self {
        if serializable {
            Self::Serializable
        } else {
            Self::Linearizable
        }
    }
}

/// Who answers: the part of a response's header that is not the revision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The cluster.
    pub cluster_id: u64,
    /// The member that answers.
    pub member_id: u64,
    /// Its current term.
    pub term: u64,
}

/// How a replica is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The current leader's member id; 0 if none is known.
    pub leader: u64,
    /// The store's revision.
    pub revision: i64,
    /// The commit index.
    pub commit_index: u64,
    /// The applied index.
    pub applied_index: u64,
    /// Bytes on disk.
    pub db_size: u64,
    /// Bytes of these that live data takes.
    pub db_size_in_use: u64,
    /// Whether the member has no vote.
    pub is_learner: bool,
    /// What is wrong, and stays wrong until somebody acts.
    pub alarms: Vec<Alarm>,
    /// Why this replica has left the service, if it has: it neither votes nor
    /// answers until it is restarted or replaced. One line that says what to do.
    pub out_of_service: Option<String>,
}

impl Status {
    /// Which calls a replica in this state answers.
    pub fn availability(&self) -> Availability {
        if self.out_of_service.is_some() {
            Availability::OutOfService
        } else if self.is_learner {
            Availability::Learner
        } else {
            Availability::Full
        }
    }
}

/// A condition that stays until somebody acts on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// A member's space is used up.
    NoSpace {
        /// The member concerned.
        member_id: u64,
    },
    /// A member's state is known to differ from the others'.
    Corrupt {
        /// The member concerned.
        member_id: u64,
    },
}
