//! The replica, as the etcd API sees it.

use crate::clock::Clock;
use crate::inbox::{Ask, Full, Inbox};
use crate::names::Names;
use crate::peers::PeerStats;
use crate::published::Published;
use quorate_contract::Contract;
use quorate_core::NodeId;
use quorate_etcd::metrics::{Histogram, Metrics, PeerMetrics, StoreMetrics};
use quorate_etcd::{self as etcd, Consistency, Refusal};
use quorate_kv as kv;
use quorate_replica::{Outcome, Refusal as Why, Reply, Request, Uncertainty};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;

/// A replica's thread and what it publishes, behind etcd's trait.
#[derive(Clone, Debug)]
pub(crate) struct Backend(pub(crate) Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) contract: Contract,
    pub(crate) names: Names,
    pub(crate) me: u8,
    pub(crate) clock: Clock,
    pub(crate) request_timeout: Duration,
    /// Bytes that the store may take.
    pub(crate) quota: u64,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) published: Arc<Published>,
    pub(crate) syncs: Arc<Histogram>,
    pub(crate) log_bytes: Arc<AtomicU64>,
    /// One for each member, ourselves included.
    pub(crate) peers: Vec<Arc<PeerStats>>,
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
                Uncertainty::Settled | Uncertainty::SessionExpired => Refusal::LeaderChanged,
                Uncertainty::DiskFailed | Uncertainty::Stopped => Refusal::Stopped,
            }),
        }
    }

    fn member_id(&self, node: NodeId) -> u64 {
        self.0
            .names
            .member_ids
            .get(node.index())
            .copied()
            .unwrap_or(0)
    }
}

fn refusal(why: Why) -> Refusal {
    match why {
        Why::Store(error) => Refusal::Kv(error),
        Why::NoLeader => Refusal::NoLeader,
        Why::TimedOut => Refusal::Timeout,
        Why::TooManyRequests | Why::SessionWindow => Refusal::TooManyRequests,
        Why::TooLarge { .. } => Refusal::RequestTooLarge,
        Why::DiskFailed | Why::BadTransfer | Why::Stopped(_) | Why::Change(_) => Refusal::Stopped,
    }
}

/// An answer of another kind than the request is a bug of ours; the client sees a server that has
/// stopped making sense, and must not conclude anything.
fn mismatch() -> Refusal {
    tracing::error!("the replica answered a request in another kind");
    Refusal::Stopped
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
            cluster_id: self.0.names.cluster_id,
            member_id: self.member_id(NodeId(self.0.me.into())),
            term: self.0.published.term(),
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
            is_learner: false,
            alarms,
            out_of_service: None,
        }
    }

    async fn members(&self, consistency: Consistency) -> Result<Vec<etcd::Member>, Refusal> {
        if consistency == Consistency::Linearizable {
            // A read that is linearizable goes first: the list is then no older than the call.
            let barrier = kv::RangeRequest {
                key: bytes::Bytes::from_static(b"members"),
                keys_only: true,
                ..kv::RangeRequest::default()
            };
            etcd::Backend::range(self, barrier, consistency).await?;
        }
        let Shared {
            contract, names, ..
        } = &*self.0;
        let members = contract.cluster.members.iter().zip(&names.member_ids);
        let url = |address| vec![format!("http://{address}")];
        Ok(members
            .map(|(member, id)| etcd::Member {
                id: *id,
                name: member.name.clone(),
                peer_urls: url(&member.peer),
                client_urls: url(&member.client),
                is_learner: false,
            })
            .collect())
    }

    fn metrics(&self) -> Metrics {
        let Shared {
            published,
            syncs,
            log_bytes,
            peers,
            names,
            me,
            ..
        } = &*self.0;
        let (status, _) = published.latest();
        let counters = status.counters;
        let others = peers.iter().zip(&names.member_ids).enumerate();
        let others = others.filter(|(id, _)| *id != usize::from(*me));
        Metrics {
            leader_changes: counters.leader_changes,
            proposals_committed: status.commit,
            proposals_applied: status.applied,
            proposals_pending: status.in_flight as u64,
            proposals_failed: counters.timed_out,
            wal_fsync: syncs.snapshot(),
            wal_write_bytes: log_bytes.load(Ordering::Relaxed),
            peers: others
                .map(|(_, (stats, id))| peer_metrics(*id, stats))
                .collect(),
            store: StoreMetrics {
                compact_revision: status.compacted_revision,
                ..StoreMetrics::default()
            },
            config_version: 1,
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
