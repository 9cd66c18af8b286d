//! One replica without a cluster, a log or a disk: the store behind a lock. It
//! is what the face is tested against, and refuses on request. Its members are
//! a list that changes by etcd's rules.

#[path = "roster.rs"]
mod roster;

use std::sync::{Arc, Mutex};

use quorate_etcd::metrics::{Metrics, StoreMetrics};
use quorate_etcd::{
    Alarm, Backend, Consistency, Identity, Member, MemberChange, MembersChanged, Refusal, Status,
};
use quorate_kv as kv;

use roster::Roster;

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
    roster: Roster,
    /// What every write and linearizable read is refused with.
    refusal: Option<Refusal>,
    leaderless: bool,
    alarms: Vec<Alarm>,
    is_learner: bool,
    out_of_service: Option<String>,
}

impl Memory {
    /// An empty store whose member list says `client_url`.
    pub(crate) fn new(client_url: &str) -> Self {
        let memory = Self::default();
        memory.with(|state| state.roster.found(MEMBER, "default", client_url));
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

#[allow(dead_code, reason = "not every user of this module tests members")]
impl Memory {
    /// Changes the list of members as if by itself: a member starts, say.
    pub(crate) fn with_roster<T>(&self, f: impl FnOnce(&mut Roster) -> T) -> T {
        self.with(|state| f(&mut state.roster))
    }

    /// Takes this replica's vote or gives it back.
    pub(crate) fn set_learner(&self, is_learner: bool) {
        self.with(|state| state.is_learner = is_learner);
    }

    /// Takes this replica out of the service, or back.
    pub(crate) fn set_out_of_service(&self, why: Option<&str>) {
        self.with(|state| state.out_of_service = why.map(Into::into));
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
            is_learner: state.is_learner,
            alarms: state.alarms.clone(),
            out_of_service: state.out_of_service.clone(),
        })
    }

    async fn members(&self, consistency: Consistency) -> Result<Vec<Member>, Refusal> {
        self.with(|state| {
            state.read(consistency)?;
            Ok(state.roster.members())
        })
    }

    async fn change_members(&self, change: MemberChange) -> Result<MembersChanged, Refusal> {
        self.with(|state| match state.refusal {
            Some(refusal) => Err(refusal),
            None => state.roster.change(change),
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
