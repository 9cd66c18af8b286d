//! The replica, as the etcd API sees it.

use crate::clock::Clock;
use crate::inbox::{Ask, Full, Inbox};
use crate::joining::{Admits, JoinAnswer, JoinRequest, Judged, judge};
use crate::peers::{PeerStats, Peers};
use crate::published::Published;
use crate::random::random_id;
use crate::serving::PeerMessage;
use quorate_core::NodeId;
use quorate_core::replicated::{Configuration, Role};
use quorate_etcd::metrics::{Histogram, Metrics, PeerMetrics, StoreMetrics};
use quorate_etcd::{self as etcd, Consistency, Refusal};
use quorate_etcd::{MemberChange, MembersChanged};
use quorate_kv as kv;
use quorate_replica::{
    Change, ChangeRefusal, Member, Outcome, Refusal as Why, Reply, Request, Roster, Uncertainty,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;

/// A replica's thread and what it publishes, behind etcd's trait.
#[derive(Clone, Debug)]
pub(crate) struct Backend(pub(crate) Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) request_timeout: Duration,
    /// Bytes that the store may take.
    pub(crate) quota: u64,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) published: Arc<Published>,
    pub(crate) syncs: Arc<Histogram>,
    pub(crate) log_bytes: Arc<AtomicU64>,
    /// Who the members are, and the connections to them.
    pub(crate) peers: Peers<PeerMessage>,
}

impl Backend {
    async fn ask(&self, request: Request) -> Result<Reply, Refusal> {
        let Shared {
            clock,
            inbox,
            request_timeout,
            ..
        } = &*self.0;
        let (reply, answer) = oneshot::channel();
        let deadline = clock.now() + *request_timeout;
        match inbox.ask(Ask {
            request,
            deadline,
            reply,
        }) {
            Ok(()) => {}
            Err(Full::Full) => return Err(Refusal::TooManyRequests),
            Err(Full::Closed) => return Err(Refusal::Stopped),
        }
        // The replica's thread ends without an answer only when the process stops.
        match answer.await.map_err(|_| Refusal::Stopped)? {
            Outcome::Done(_, reply) => Ok(reply),
            Outcome::Refused(why) => Err(refusal(why)),
            Outcome::Unknown(why) => Err(match why {
                Uncertainty::TimedOut => Refusal::Timeout,
                // Requests have no session here: it is the replica's own, across a restart.
                Uncertainty::Settled
                | Uncertainty::SessionExpired
                | Uncertainty::AnswerForgotten { .. } => Refusal::LeaderChanged,
                Uncertainty::DiskFailed | Uncertainty::Stopped => Refusal::Stopped,
            }),
        }
    }

    fn member_id(&self, node: NodeId) -> u64 {
        let membership = self.0.peers.membership();
        membership
            .roster
            .by_node(node)
            .map_or(0, |member| member.id)
    }
}

fn refusal(why: Why) -> Refusal {
    match why {
        Why::Store(error) => Refusal::Kv(error),
        Why::NoLeader => Refusal::NoLeader,
        Why::TimedOut => Refusal::Timeout,
        Why::TooManyRequests | Why::SessionWindow => Refusal::TooManyRequests,
        Why::TooLarge { .. } => Refusal::RequestTooLarge,
        Why::Change(why) => change_refusal(why),
        Why::Stopped(_) => Refusal::Corrupt,
        Why::DiskFailed | Why::BadTransfer => Refusal::Stopped,
    }
}

/// An answer of another kind than the request is a bug of ours; the client sees a server that has
/// stopped making sense, and must not conclude anything.
fn mismatch() -> Refusal {
    tracing::error!("the replica answered a request in another kind");
    Refusal::Stopped
}

/// The members of a configuration, as etcd's clients see them.
fn members(configuration: &Configuration) -> Result<Vec<etcd::Member>, Refusal> {
    let roster = Roster::of(configuration).map_err(|error| {
        tracing::error!("{error}");
        Refusal::Corrupt
    })?;
    let member = |member: Member| etcd::Member {
        id: member.id,
        // A voter that is catching up has no vote yet and gets it by itself.
        is_learner: configuration.is_learner(member.node) && !member.promote,
        name: member.name,
        peer_urls: member.peer_urls,
        client_urls: member.client_urls,
    };
    Ok(roster.members.into_iter().map(member).collect())
}

/// etcd's answer to a change that is not made.
fn change_refusal(why: ChangeRefusal) -> Refusal {
    match why {
        ChangeRefusal::NotFound => Refusal::MemberNotFound,
        ChangeRefusal::IdExists => Refusal::MemberExists,
        ChangeRefusal::UrlExists => Refusal::PeerUrlExists,
        ChangeRefusal::NotLearner => Refusal::NotALearner,
        ChangeRefusal::NotCaughtUp => Refusal::LearnerNotReady,
        ChangeRefusal::TooManyLearners => Refusal::TooManyLearners,
        ChangeRefusal::LastVoter => Refusal::NotEnoughStartedMembers,
        ChangeRefusal::TooFewUp
        | ChangeRefusal::TooManyMembers
        | ChangeRefusal::Claimed
        | ChangeRefusal::Unsupported
        | ChangeRefusal::LevelFalls => Refusal::Unhealthy,
        ChangeRefusal::Invalid => Refusal::BadMemberUrls,
    }
}

fn serializable(consistency: Consistency) -> bool {
    consistency == Consistency::Serializable
}

impl etcd::Backend for Backend {
    async fn range(
        &self,
        request: kv::RangeRequest,
        consistency: Consistency,
    ) -> Result<kv::RangeResponse, Refusal> {
        let serializable = serializable(consistency);
        match self
            .ask(Request::Range {
                request,
                serializable,
            })
            .await?
        {
            Reply::Range(response) => Ok(response),
            _ => Err(mismatch()),
        }
    }

    async fn read_txn(
        &self,
        txn: kv::TxnRequest,
        consistency: Consistency,
    ) -> Result<kv::TxnResponse, Refusal> {
        let serializable = serializable(consistency);
        match self.ask(Request::ReadTxn { txn, serializable }).await? {
            Reply::Txn(response) => Ok(response),
            _ => Err(mismatch()),
        }
    }

    async fn propose(&self, command: kv::Command) -> Result<kv::Response, Refusal> {
        match self.ask(Request::Write { command, id: None }).await? {
            Reply::Written(response) => Ok(response),
            _ => Err(mismatch()),
        }
    }

    fn identity(&self) -> etcd::Identity {
        etcd::Identity {
            cluster_id: self.0.peers.local().founding.cluster_id,
            member_id: self.0.peers.local().member_id,
            term: self.0.published.term(),
        }
    }

    fn availability(&self) -> etcd::Availability {
        if self.0.published.out_of_service().is_some() {
            return etcd::Availability::OutOfService;
        }
        match self.0.published.is_learner() {
            true => etcd::Availability::Learner,
            false => etcd::Availability::Full,
        }
    }

    fn status(&self) -> etcd::Status {
        let (status, _) = self.0.published.latest();
        let member_id = self.member_id(status.me);
        let mut alarms = vec![];
        if status.counters.violations > 0 {
            alarms.push(etcd::Alarm::Corrupt { member_id });
        }
        // Unlike etcd's it ends by itself, when there is room again.
        if status.store_bytes >= self.0.quota {
            alarms.push(etcd::Alarm::NoSpace { member_id });
        }
        etcd::Status {
            leader: status.leader.map_or(0, |leader| self.member_id(leader)),
            revision: status.revision,
            commit_index: status.commit,
            applied_index: status.applied,
            db_size: status.store_bytes,
            db_size_in_use: status.store_bytes,
            is_learner: status.role == Role::Learner,
            alarms,
            out_of_service: self.0.published.out_of_service().map(str::to_owned),
        }
    }

    async fn members(&self, consistency: Consistency) -> Result<Vec<etcd::Member>, Refusal> {
        let serializable = serializable(consistency);
        match self.ask(Request::Members { serializable }).await? {
            Reply::Configuration(configuration) => members(&configuration),
            _ => Err(mismatch()),
        }
    }

    async fn change_members(&self, change: MemberChange) -> Result<MembersChanged, Refusal> {
        let (change, added) = match change {
            MemberChange::Add {
                peer_urls,
                is_learner,
            } => {
                let id = random_id();
                let learner = is_learner;
                let change = Change::Add {
                    id,
                    peer_urls,
                    learner,
                };
                (change, Some(id))
            }
            MemberChange::Remove { id } => (Change::Remove { id }, None),
            MemberChange::Update { id, peer_urls } => (Change::Update { id, peer_urls }, None),
            MemberChange::Promote { id } => (Change::Promote { id }, None),
        };
        let members = match self.ask(Request::Change(change)).await? {
            Reply::Configuration(configuration) => members(&configuration)?,
            _ => return Err(mismatch()),
        };
        let member = members.iter().find(|member| Some(member.id) == added);
        Ok(MembersChanged {
            member: member.cloned(),
            members,
        })
    }

    fn metrics(&self) -> Metrics {
        let Shared {
            published,
            syncs,
            log_bytes,
            peers,
            ..
        } = &*self.0;
        let (status, _) = published.latest();
        let counters = status.counters;
        let others = peers.outboxes();
        let others = others.iter();
        Metrics {
            leader_changes: counters.leader_changes,
            proposals_committed: status.commit,
            proposals_applied: status.applied,
            proposals_pending: status.in_flight as u64,
            proposals_failed: counters.timed_out,
            wal_fsync: syncs.snapshot(),
            wal_write_bytes: log_bytes.load(Ordering::Relaxed),
            peers: others
                .map(|(node, outbox)| peer_metrics(self.member_id(*node), outbox.stats()))
                .collect(),
            store: StoreMetrics {
                compact_revision: status.compacted_revision,
                ..StoreMetrics::default()
            },
            config_version: self.0.peers.membership().roster.version,
            invariant_violations: published.violations(),
            ..Metrics::default()
        }
    }
}

fn peer_metrics(member_id: u64, stats: &PeerStats) -> PeerMetrics {
    let snapshot = stats.snapshot();
    PeerMetrics {
        member_id,
        connected: snapshot.connected,
        sent_bytes: snapshot.sent_bytes,
        received_bytes: snapshot.received_bytes,
        sent_failures: snapshot.dropped,
        round_trip: stats.round_trips.snapshot(),
    }
}

impl Admits for Backend {
    async fn admit(&self, request: JoinRequest) -> JoinAnswer {
        let roster = self.0.peers.membership().roster.clone();
        let id = match judge(&request, &roster) {
            Judged::Claim { id } => id,
            Judged::Answer(answer) => return answer,
        };
        let claim = Change::Publish {
            id,
            name: request.name.clone(),
            client_urls: vec![format!("http://{}", request.client)],
            directory: request.directory,
        };
        let why = match self.ask(Request::Change(claim)).await {
            Ok(Reply::Configuration(after)) => match Roster::of(&after) {
                Ok(roster) => match judge(&request, &roster) {
                    Judged::Answer(answer) => return answer,
                    Judged::Claim { .. } => "the claim is not in the log yet".to_owned(),
                },
                Err(error) => error.to_string(),
            },
            Ok(_) => mismatch().to_string(),
            Err(why) => why.to_string(),
        };
        JoinAnswer::Waiting { why }
    }
}
