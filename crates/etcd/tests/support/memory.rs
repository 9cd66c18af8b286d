//! One replica without a cluster, a log or a disk: the store behind a lock. It
//! is what the face is tested against, and refuses on request.

use std::sync::{Arc, Mutex};

use quorate_etcd::metrics::{Metrics, StoreMetrics};
use quorate_etcd::{Alarm, Backend, Consistency, Identity, Member, Refusal, Status};
use quorate_kv as kv;

/// The member's id, and of the cluster.
pub(crate) const MEMBER: u64 = 0x1111;
/// The cluster's id.
pub(crate) const CLUSTER: u64 = 0x2222;
const TERM: u64 = 7;

/// A single replica in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    store: kv::Store,
    applied: u64,
    client_url: String,
    /// What every write and linearizable read is refused with.
    refusal: Option<Refusal>,
    leaderless: bool,
    alarms: Vec<Alarm>,
}

impl Memory {
    /// An empty store whose member list says `client_url`.
    pub(crate) fn new(client_url: &str) -> Self {
        let memory = Self::default();
        memory.with(|state| state.client_url = client_url.into());
        memory
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self
            .0
            .lock()
            .expect("no test panics while it holds the lock"))
    }

    /// From now on refuses writes and linearizable reads; `None` ends that.
    #[allow(dead_code, reason = "not every user of this module tests refusals")]
    pub(crate) fn refuse(&self, refusal: Option<Refusal>) {
        self.with(|state| state.refusal = refusal);
    }

    /// Loses or regains the leader.
    #[allow(dead_code, reason = "not every user of this module tests refusals")]
    pub(crate) fn set_leaderless(&self, leaderless: bool) {
        self.with(|state| state.leaderless = leaderless);
    }

    /// Raises alarms.
    #[allow(dead_code, reason = "not every user of this module tests refusals")]
    pub(crate) fn set_alarms(&self, alarms: Vec<Alarm>) {
        self.with(|state| state.alarms = alarms);
    }
}

impl State {
    fn read(&self, consistency: Consistency) -> Result<&kv::Store, Refusal> {
        match self.refusal {
            Some(refusal) if consistency == Consistency::Linearizable => Err(refusal),
            _ => Ok(&self.store),
        }
    }
}

impl Backend for Memory {
    async fn range(
        &self,
        request: kv::RangeRequest,
        consistency: Consistency,
    ) -> Result<kv::RangeResponse, Refusal> {
        self.with(|state| Ok(state.read(consistency)?.range(&request)?))
    }

    async fn read_txn(
        &self,
        request: kv::TxnRequest,
        consistency: Consistency,
    ) -> Result<kv::TxnResponse, Refusal> {
        self.with(|state| Ok(state.read(consistency)?.read_txn(&request)?))
    }

    async fn propose(&self, command: kv::Command) -> Result<kv::Response, Refusal> {
        self.with(|state| {
            if let Some(refusal) = state.refusal {
                return Err(refusal);
            }
            state.applied += 1;
            Ok(state.store.apply(&command)?)
        })
    }

    fn identity(&self) -> Identity {
        Identity {
            cluster_id: CLUSTER,
            member_id: MEMBER,
            term: TERM,
        }
    }

    fn status(&self) -> Status {
        self.with(|state| Status {
            leader: if state.leaderless { 0 } else { MEMBER },
            revision: state.store.revision(),
            commit_index: state.applied,
            applied_index: state.applied,
            db_size: state.store.size_bytes(),
            db_size_in_use: state.store.size_bytes(),
            is_learner: false,
            alarms: state.alarms.clone(),
        })
    }

    fn members(&self) -> Vec<Member> {
        self.with(|state| {
            vec![Member {
                id: MEMBER,
                name: "default".into(),
                peer_urls: vec!["http://localhost:2380".into()],
                client_urls: vec![state.client_url.clone()],
                is_learner: false,
            }]
        })
    }

    fn metrics(&self) -> Metrics {
        self.with(|state| Metrics {
            proposals_committed: state.applied,
            proposals_applied: state.applied,
            store: StoreMetrics {
                compact_revision: state.store.compacted_revision(),
                ..StoreMetrics::default()
            },
            invariant_violations: vec![("state_machine_safety", 0)],
            ..Metrics::default()
        })
    }
}
