//! Every metric by name.

use std::sync::atomic::Ordering;

use super::text::Exposition;
use super::{Metrics, REJECTIONS, RpcCounters, process};
use crate::ETCD_VERSION;
use crate::backend::{Backend, Identity, Status};
use crate::rpcs::RPCS;
use crate::service::KvService;

/// The whole page.
pub(crate) fn expose<B: Backend>(face: &KvService<B>) -> String {
    let mut text = Exposition::default();
    let (identity, status) = (face.backend.identity(), face.backend.status());
    let metrics = face.backend.metrics();
    server(&mut text, identity, &status, &metrics);
    disk_and_network(&mut text, identity, &metrics);
    store(&mut text, &status, &metrics);
    quorate(&mut text, identity, &status, &metrics);
    face_itself(&mut text, &face.counters);
    process::write(&mut text);
    text.finish()
}

fn server(text: &mut Exposition, identity: Identity, status: &Status, metrics: &Metrics) {
    text.gauge(
        "etcd_server_has_leader",
        "Whether or not a leader exists. 1 is existence, 0 is not.",
        status.leader != 0,
    );
    text.gauge(
        "etcd_server_is_leader",
        "Whether or not this member is a leader. 1 if is, 0 otherwise.",
        status.leader != 0 && status.leader == identity.member_id,
    );
    text.gauge(
        "etcd_server_is_learner",
        "Whether or not this member is a learner. 1 if is, 0 otherwise.",
        status.is_learner,
    );
    text.counter(
        "etcd_server_leader_changes_seen_total",
        "The number of leader changes seen.",
        metrics.leader_changes,
    );
    text.gauge(
        "etcd_server_proposals_committed_total",
        "The total number of consensus proposals committed.",
        metrics.proposals_committed,
    );
    text.gauge(
        "etcd_server_proposals_applied_total",
        "The total number of consensus proposals applied.",
        metrics.proposals_applied,
    );
    text.gauge(
        "etcd_server_proposals_pending",
        "The current number of pending proposals to commit.",
        metrics.proposals_pending,
    );
    text.counter(
        "etcd_server_proposals_failed_total",
        "The total number of failed proposals seen.",
        metrics.proposals_failed,
    );
    text.counter_if(
        "etcd_server_heartbeat_send_failures_total",
        "The total number of leader heartbeat send failures.",
        metrics.heartbeat_send_failures,
    );
    text.counter_if(
        "etcd_server_read_indexes_failed_total",
        "The total number of failed read indexes seen.",
        metrics.read_indexes_failed,
    );
    text.head("etcd_server_id", "The member's id in hexadecimal.", "gauge");
    let id = format!("{:x}", identity.member_id);
    text.sample("etcd_server_id", &[("server_id", &id)], true);
    text.head(
        "etcd_server_version",
        "The version of the etcd API that is followed.",
        "gauge",
    );
    text.sample(
        "etcd_server_version",
        &[("server_version", ETCD_VERSION)],
        true,
    );
}

fn disk_and_network(text: &mut Exposition, identity: Identity, metrics: &Metrics) {
    let name = "etcd_disk_wal_fsync_duration_seconds";
    text.head(
        name,
        "The latency distributions of fsync called by WAL.",
        "histogram",
    );
    text.histogram(name, &[], &metrics.wal_fsync);
    text.counter(
        "etcd_disk_wal_write_bytes_total",
        "Total number of bytes written in WAL.",
        metrics.wal_write_bytes,
    );

    let local = format!("{:x}", identity.member_id);
    let peers: Vec<_> = metrics
        .peers
        .iter()
        .map(|peer| (format!("{:x}", peer.member_id), peer))
        .collect();
    let name = "etcd_network_active_peers";
    text.head(
        name,
        "The current number of active peer connections.",
        "gauge",
    );
    for (id, peer) in &peers {
        text.sample(name, &[("Local", &local), ("Remote", id)], peer.connected);
    }
    let name = "etcd_network_peer_sent_bytes_total";
    text.head(name, "The total number of bytes sent to peers.", "counter");
    for (id, peer) in &peers {
        text.sample(name, &[("To", id)], peer.sent_bytes);
    }
    let name = "etcd_network_peer_received_bytes_total";
    text.head(
        name,
        "The total number of bytes received from peers.",
        "counter",
    );
    for (id, peer) in &peers {
        text.sample(name, &[("From", id)], peer.received_bytes);
    }
    let name = "etcd_network_peer_sent_failures_total";
    text.head(
        name,
        "The total number of send failures from peers.",
        "counter",
    );
    for (id, peer) in &peers {
        text.sample(name, &[("To", id)], peer.sent_failures);
    }
    let name = "etcd_network_peer_round_trip_time_seconds";
    text.head(
        name,
        "Round-Trip-Time histogram between peers.",
        "histogram",
    );
    for (id, peer) in &peers {
        text.histogram(name, &[("To", id)], &peer.round_trip);
    }
}

fn store(text: &mut Exposition, status: &Status, metrics: &Metrics) {
    let store = &metrics.store;
    text.gauge(
        "etcd_mvcc_db_total_size_in_bytes",
        "Total size of the underlying database physically allocated in bytes.",
        status.db_size,
    );
    text.gauge(
        "etcd_mvcc_db_total_size_in_use_in_bytes",
        "Total size of the underlying database logically in use in bytes.",
        status.db_size_in_use,
    );
    text.gauge(
        "etcd_debugging_mvcc_current_revision",
        "The current revision of store.",
        status.revision,
    );
    text.gauge(
        "etcd_debugging_mvcc_compact_revision",
        "The revision of the last compaction in store.",
        store.compact_revision,
    );
    if let Some(keys) = store.keys {
        text.gauge(
            "etcd_debugging_mvcc_keys_total",
            "Total number of keys.",
            keys,
        );
    }
    let counters = [
        (
            "put",
            "Total number of puts seen by this member.",
            store.puts,
        ),
        (
            "delete",
            "Total number of deletes seen by this member.",
            store.deletes,
        ),
        (
            "range",
            "Total number of ranges seen by this member.",
            store.ranges,
        ),
        (
            "txn",
            "Total number of txns seen by this member.",
            store.txns,
        ),
    ];
    for (name, help, value) in counters {
        // etcd is moving these out of `debugging` and writes both names.
        text.counter_if(&format!("etcd_mvcc_{name}_total"), help, value);
        text.counter_if(&format!("etcd_debugging_mvcc_{name}_total"), help, value);
    }
}

fn quorate(text: &mut Exposition, identity: Identity, status: &Status, metrics: &Metrics) {
    text.gauge("quorate_raft_term", "The current term.", identity.term);
    text.gauge(
        "quorate_raft_leader",
        "The leader's member id; 0 if unknown.",
        status.leader,
    );
    text.gauge(
        "quorate_raft_commit_index",
        "The commit index.",
        status.commit_index,
    );
    text.gauge(
        "quorate_raft_applied_index",
        "The applied index.",
        status.applied_index,
    );
    text.gauge(
        "quorate_config_version",
        "The version of the cluster's configuration.",
        metrics.config_version,
    );
    text.gauge(
        "quorate_in_service",
        "Whether this replica votes and answers: 1, or 0 once it has left the service.",
        status.out_of_service.is_none(),
    );
    let name = "quorate_invariant_violations_total";
    text.head(
        name,
        "Violations of a safety property seen by this replica.",
        "counter",
    );
    for (property, count) in &metrics.invariant_violations {
        text.sample(name, &[("property", property)], *count);
    }
}

fn face_itself(text: &mut Exposition, counters: &RpcCounters) {
    let name = "quorate_rejected_requests_total";
    text.head(
        name,
        "Requests that the replica, and not the store, turned away.",
        "counter",
    );
    for (reason, count) in REJECTIONS.iter().zip(&counters.rejected) {
        text.sample(name, &[("reason", reason)], count.load(Ordering::Relaxed));
    }
    text.counter(
        "etcd_server_health_success",
        "The total number of successful health checks.",
        counters.health_success.load(Ordering::Relaxed),
    );
    text.counter(
        "etcd_server_health_failures",
        "The total number of failed health checks.",
        counters.health_failures.load(Ordering::Relaxed),
    );

    let name = "grpc_server_started_total";
    text.head(
        name,
        "Total number of RPCs started on the server.",
        "counter",
    );
    for (rpc, started) in RPCS.iter().zip(&counters.started) {
        let (service, method) = rpc.names();
        let labels = [
            ("grpc_method", method),
            ("grpc_service", service),
            ("grpc_type", rpc.kind),
        ];
        text.sample(name, &labels, started.load(Ordering::Relaxed));
    }
    let name = "grpc_server_handled_total";
    text.head(
        name,
        "Total number of RPCs completed on the server.",
        "counter",
    );
    for (rpc, handled) in RPCS.iter().zip(&counters.handled) {
        let (service, method) = rpc.names();
        for (code, count) in handled.iter().enumerate() {
            let count = count.load(Ordering::Relaxed);
            // Zeros only for OK: the page stays short, and a rate over a code
            // that never occurred is empty either way.
            if count == 0 && code != 0 {
                continue;
            }
            let code = format!("{:?}", tonic::Code::from(code as i32));
            let code = if code == "Ok" { "OK" } else { &code };
            let labels = [
                ("grpc_code", code),
                ("grpc_method", method),
                ("grpc_service", service),
                ("grpc_type", rpc.kind),
            ];
            text.sample(name, &labels, count);
        }
    }
    text.counter(
        "quorate_grpc_unimplemented_total",
        "Calls of methods that are not implemented.",
        counters.unimplemented.load(Ordering::Relaxed),
    );
}
