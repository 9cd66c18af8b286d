//! What is counted, and its text for Prometheus.
//!
//! Names follow etcd where etcd has the same figure, so that its dashboards and
//! alerts work unchanged; what etcd does not have begins with `quorate_`.

mod expose;
mod histogram;
mod process;
mod text;

use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use expose::expose;
pub use histogram::{Histogram, HistogramSnapshot};

use crate::refusal::Refusal;
use crate::rpcs::RPCS;

/// What a backend has counted so far. What it does not count is `None`, and its
/// name is left out of the page: a zero would be a claim.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Times this replica saw a new leader.
    pub leader_changes: u64,
    /// Commands committed.
    pub proposals_committed: u64,
    /// Commands applied.
    pub proposals_applied: u64,
    /// Commands proposed here whose outcome is open.
    pub proposals_pending: u64,
    /// Commands proposed here that were refused or got no answer in time.
    pub proposals_failed: u64,
    /// Heartbeats that could not be sent.
    pub heartbeat_send_failures: Option<u64>,
    /// Read-index requests that failed.
    pub read_indexes_failed: Option<u64>,
    /// Time that a sync of the log takes.
    pub wal_fsync: HistogramSnapshot,
    /// Bytes written to the log.
    pub wal_write_bytes: u64,
    /// The other members.
    pub peers: Vec<PeerMetrics>,
    /// The store.
    pub store: StoreMetrics,
    /// The version of the cluster's configuration.
    pub config_version: u64,
    /// Violations seen, by the name of the property.
    pub invariant_violations: Vec<(&'static str, u64)>,
}

/// Traffic with one other member.
#[derive(Clone, Debug, Default)]
pub struct PeerMetrics {
    /// The member.
    pub member_id: u64,
    /// Whether there is a connection.
    pub connected: bool,
    /// Bytes sent to it.
    pub sent_bytes: u64,
    /// Bytes received from it.
    pub received_bytes: u64,
    /// Messages that could not be sent.
    pub sent_failures: u64,
    /// Time from a message to its answer.
    pub round_trip: HistogramSnapshot,
}

/// What the store has done and holds.
#[derive(Clone, Copy, Debug, Default)]
pub struct StoreMetrics {
    /// The oldest revision that is readable; 0 before any compaction.
    pub compact_revision: i64,
    /// Keys that exist.
    pub keys: Option<u64>,
    /// Puts applied.
    pub puts: Option<u64>,
    /// Deletes applied.
    pub deletes: Option<u64>,
    /// Ranges answered.
    pub ranges: Option<u64>,
    /// Transactions applied.
    pub txns: Option<u64>,
}

/// gRPC status codes are 0 to 16.
const CODES: usize = 17;

/// What the face itself counts.
#[derive(Debug, Default)]
pub(crate) struct RpcCounters {
    /// Calls begun and, by status code, calls answered, in the order of [`RPCS`].
    started: [AtomicU64; RPCS.len()],
    handled: [[AtomicU64; CODES]; RPCS.len()],
    pub(crate) unimplemented: AtomicU64,
    pub(crate) health_success: AtomicU64,
    pub(crate) health_failures: AtomicU64,
    rejected: [AtomicU64; REJECTIONS.len()],
}

/// Labels of [`Refusal::label`].
const REJECTIONS: [&str; 8] = [
    "corrupt",
    "leader_changed",
    "no_leader",
    "no_space",
    "request_too_large",
    "stopped",
    "timeout",
    "too_many_requests",
];

impl RpcCounters {
    pub(crate) fn start(&self, rpc: usize) {
        self.started[rpc].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn handle(&self, rpc: usize, code: tonic::Code) {
        self.handled[rpc][code as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn reject(&self, refusal: Refusal) {
        if let Some(label) = refusal.label()
            && let Some(i) = REJECTIONS.iter().position(|known| *known == label)
        {
            self.rejected[i].fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn health(&self, healthy: bool) {
        let counter = if healthy {
            &self.health_success
        } else {
            &self.health_failures
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_kv as kv;

    #[test]
    fn every_label_of_a_refusal_is_counted() {
        let refusals = [
            Refusal::Kv(kv::Error::NoSpace),
            Refusal::NoLeader,
            Refusal::TooManyRequests,
            Refusal::RequestTooLarge,
            Refusal::Corrupt,
            Refusal::LeaderChanged,
            Refusal::Timeout,
            Refusal::Stopped,
        ];
        let counters = RpcCounters::default();
        refusals
            .iter()
            .for_each(|refusal| counters.reject(*refusal));
        counters.reject(Refusal::Kv(kv::Error::EmptyKey));
        for counter in &counters.rejected {
            assert_eq!(counter.load(Ordering::Relaxed), 1);
        }
    }
}
