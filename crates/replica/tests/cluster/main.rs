//! Replicas together: given this failure, this holds.

mod fail_stop;
mod harness;
mod large_answers;
mod snapshots;
mod versions;

use harness::{Cluster, MS, put, range};
use quorate_core::NodeId;
use quorate_kv as kv;
use quorate_replica::{
    Limits, Notice, Outcome, Refusal, Reply, Request, RequestId, SessionId, Uncertainty,
};

pub(crate) fn cluster() -> Cluster {
    let mut cluster = Cluster::new(3, Limits::default());
    cluster.run(2000 * MS);
    assert_eq!(cluster.leader(), Some(0));
    cluster
}

fn revision(outcome: &Outcome) -> i64 {
    match outcome {
        Outcome::Done(header, _) => header.revision,
        other => panic!("{other:?}"),
    }
}

fn session(cluster: &mut Cluster, n: u8) -> SessionId {
    let ticket = cluster.ask(n, Request::OpenSession);
    match cluster.outcome(ticket) {
        Outcome::Done(_, Reply::Session(id)) => id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_write_at_any_replica_is_read_at_any_other() {
    let mut cluster = cluster();
    for n in 0..3 {
        let value = format!("from {n}");
        assert_eq!(revision(&cluster.put(n, "k", &value)), i64::from(n) + 2);
        for m in 0..3 {
            assert_eq!(
                cluster.get(m, "k"),
                Some(value.clone()),
                "written at {n}, read at {m}"
            );
        }
    }
    cluster.no_violations();
}

/// Doc 004: the application layer has its own request ids for de-duplication.
#[test]
fn a_write_repeated_at_another_replica_is_applied_once() {
    let mut cluster = cluster();
    let session = session(&mut cluster, 0);
    let id = RequestId {
        session,
        seq: 1,
        settled: 1,
    };
    let mut write = |n| {
        let ticket = cluster.ask(
            n,
            Request::Write {
                command: put("k", "v"),
                id: Some(id),
            },
        );
        cluster.outcome(ticket)
    };
    let first = write(1);
    assert_eq!(revision(&first), 2);
    assert_eq!(write(2), first, "the first answer again");
    assert_eq!(write(0), first);
    assert_eq!(revision(&cluster.put(0, "k", "w")), 3);
    let ticket = cluster.ask(
        0,
        Request::Write {
            command: put("k", "x"),
            id: Some(RequestId {
                seq: 2,
                settled: 2,
                session,
            }),
        },
    );
    assert_eq!(revision(&cluster.outcome(ticket)), 4);
    let ticket = cluster.ask(
        1,
        Request::Write {
            command: put("k", "v"),
            id: Some(id),
        },
    );
    assert_eq!(
        cluster.outcome(ticket),
        Outcome::Unknown(Uncertainty::Settled)
    );
    assert_eq!(cluster.get(2, "k").as_deref(), Some("x"));
}

#[test]
fn an_unknown_session_is_not_served() {
    let mut cluster = cluster();
    let id = RequestId {
        session: SessionId(12345),
        seq: 1,
        settled: 1,
    };
    let ticket = cluster.ask(
        0,
        Request::Write {
            command: put("k", "v"),
            id: Some(id),
        },
    );
    assert_eq!(
        cluster.outcome(ticket),
        Outcome::Unknown(Uncertainty::SessionExpired)
    );
    assert_eq!(cluster.get(0, "k"), None);
}

/// The replica that took the write sends it again to the new leader; the client sees one answer.
#[test]
fn a_write_in_flight_survives_the_leader() {
    let mut cluster = cluster();
    cluster.put(1, "warm", "up");
    // The leader takes the write and can't replicate it.
    cluster.isolate(0, true);
    cluster.wire.cut.remove(&(NodeId(1), NodeId(0)));
    let ticket = cluster.ask_for(
        1,
        Request::Write {
            command: put("k", "v"),
            id: None,
        },
        20_000 * MS,
    );
    cluster.settle();
    cluster.isolate(0, true);
    assert!(matches!(cluster.outcome(ticket), Outcome::Done(..)));
    assert_ne!(cluster.leader(), Some(0));
    cluster.isolate(0, false);
    cluster.run(3000 * MS);
    assert_eq!(cluster.get(0, "k").as_deref(), Some("v"));
    cluster.no_violations();
}

/// Doc 002: a timeout is a third outcome. Doc 000: the minority stalls.
#[test]
fn in_the_minority_writes_end_unknown_and_reads_refused() {
    let mut cluster = cluster();
    cluster.put(0, "k", "old");
    cluster.isolate(0, true);
    let write = cluster.ask(
        0,
        Request::Write {
            command: put("k", "new"),
            id: None,
        },
    );
    let read = cluster.ask(0, range("k", false));
    assert_eq!(
        cluster.outcome(write),
        Outcome::Unknown(Uncertainty::TimedOut)
    );
    assert_eq!(cluster.outcome(read), Outcome::Refused(Refusal::TimedOut));
    // With no leader known, a write never leaves, and is certainly not applied.
    let write = cluster.ask(
        0,
        Request::Write {
            command: put("k", "newer"),
            id: None,
        },
    );
    assert_eq!(cluster.outcome(write), Outcome::Refused(Refusal::NoLeader));
    let read = cluster.ask(0, range("k", true));
    assert!(
        matches!(cluster.outcome(read), Outcome::Done(..)),
        "serializable reads go on"
    );
}

/// ZOO etcd#7331: a deposed leader must not answer from what it last knew.
#[test]
fn a_deposed_leader_serves_no_stale_read() {
    let mut cluster = cluster();
    cluster.put(0, "k", "old");
    cluster.isolate(0, true);
    let read = cluster.ask_for(0, range("k", false), 60_000 * MS);
    cluster.run(3000 * MS);
    let ticket = cluster.ask(
        1,
        Request::Write {
            command: put("k", "new"),
            id: None,
        },
    );
    assert!(matches!(cluster.outcome(ticket), Outcome::Done(..)));
    assert_eq!(cluster.replies.get(&read), None);
    cluster.isolate(0, false);
    match cluster.outcome(read) {
        Outcome::Done(_, Reply::Range(found)) => assert_eq!(&found.kvs[0].value[..], b"new"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn everything_acknowledged_survives_a_crash_of_all() {
    let mut cluster = cluster();
    for n in 0..50 {
        cluster.put(n % 3, &format!("k{n}"), "v");
    }
    (0..3).for_each(|n| cluster.crash(n));
    (0..3).for_each(|n| cluster.start(n));
    cluster.run(3000 * MS);
    for n in 0..50 {
        assert_eq!(
            cluster.get(0, &format!("k{n}")).as_deref(),
            Some("v"),
            "k{n}"
        );
    }
    cluster.no_violations();
}

/// Durable before send: while its disk stalls, a follower acknowledges nothing; the leader's own
/// disk may stall too, as long as a quorum of others is durable.
#[test]
fn what_is_not_durable_is_not_acknowledged() {
    let mut cluster = cluster();
    cluster.put(0, "warm", "up");
    cluster.disk(1).stalled = true;
    cluster.disk(2).stalled = true;
    let ticket = cluster.ask(
        0,
        Request::Write {
            command: put("k", "v"),
            id: None,
        },
    );
    cluster.run(100 * MS);
    assert_eq!(cluster.replies.get(&ticket), None);
    cluster.disk(1).sync();
    cluster.input(1, quorate_replica::Input::Disk);
    cluster.run(100 * MS);
    assert!(matches!(
        cluster.replies.get(&ticket),
        Some(Outcome::Done(..))
    ));

    cluster.disk(1).stalled = false;
    cluster.disk(2).stalled = false;
    cluster.run(500 * MS);
    cluster.disk(0).stalled = true;
    let ticket = cluster.ask(
        0,
        Request::Write {
            command: put("k", "w"),
            id: None,
        },
    );
    cluster.run(100 * MS);
    assert!(matches!(
        cluster.replies.get(&ticket),
        Some(Outcome::Done(..))
    ));
}

/// A checkpoint shortens the log; a follower that was away meanwhile gets the snapshot.
#[test]
fn a_checkpoint_cuts_the_log_and_a_snapshot_brings_a_laggard_back() {
    let limits = Limits {
        checkpoint_bytes: 16 << 10,
        chunk_bytes: 1 << 10,
        ..Limits::default()
    };
    let mut cluster = Cluster::new(3, limits);
    cluster.run(2000 * MS);
    cluster.put(0, "early", "bird");
    cluster.isolate(2, true);
    for n in 0..400 {
        cluster.put(0, &format!("k{n}"), &"v".repeat(200));
    }
    cluster.run(500 * MS);
    let status = cluster.replica(0).status();
    assert!(status.counters.checkpoints > 0, "{status:?}");
    assert!(status.first_index > 100, "the log is cut: {status:?}");
    assert!(cluster.disk(0).journal.wal().segments().count() < 8);

    cluster.isolate(2, false);
    cluster.run(3000 * MS);
    let installed = |notice: &Notice| matches!(notice, Notice::SnapshotInstalled { .. });
    assert!(cluster.nodes[2].notices.iter().any(installed));
    let digests: Vec<_> = (0..3).map(|n| cluster.replica(n).status()).collect();
    assert_eq!(digests[0].applied, digests[2].applied);
    assert_eq!(digests[0].digest, digests[2].digest);

    // And all of it is on disk.
    (0..3).for_each(|n| cluster.crash(n));
    (0..3).for_each(|n| cluster.start(n));
    cluster.run(3000 * MS);
    for n in 0..3 {
        assert_eq!(cluster.get(n, "early").as_deref(), Some("bird"));
        assert_eq!(cluster.get(n, "k399"), Some("v".repeat(200)));
    }
    cluster.no_violations();
}

/// A snapshot that does not have the digest it claims is not believed, however whole it looks.
#[test]
fn a_snapshot_with_another_digest_is_not_installed() {
    let limits = Limits {
        checkpoint_bytes: 8 << 10,
        ..Limits::default()
    };
    let mut cluster = Cluster::new(3, limits);
    cluster.run(2000 * MS);
    cluster.isolate(2, true);
    for n in 0..200 {
        cluster.put(0, &format!("k{n}"), &"v".repeat(200));
    }
    cluster.forge_digests = true;
    cluster.isolate(2, false);
    cluster.run(3000 * MS);
    let counters = cluster.replica(2).status().counters;
    assert_eq!(counters.snapshots_installed, 0);
    assert!(counters.snapshot_install_failures > 0);
    cluster.forge_digests = false;
    cluster.run(5000 * MS);
    assert!(cluster.replica(2).status().counters.snapshots_installed > 0);
    assert_eq!(cluster.get(2, "k199"), Some("v".repeat(200)));
}

/// Sessions travel in snapshots: a repetition is recognised by a replica that never saw the first.
#[test]
fn sessions_survive_a_snapshot() {
    let limits = Limits {
        checkpoint_bytes: 8 << 10,
        ..Limits::default()
    };
    let mut cluster = Cluster::new(3, limits);
    cluster.run(2000 * MS);
    let session = session(&mut cluster, 0);
    cluster.isolate(2, true);
    let id = RequestId {
        session,
        seq: 1,
        settled: 1,
    };
    let write = Request::Write {
        command: put("once", "v"),
        id: Some(id),
    };
    let ticket = cluster.ask(0, write.clone());
    let first = cluster.outcome(ticket);
    for n in 0..200 {
        cluster.put(0, &format!("k{n}"), &"v".repeat(200));
    }
    cluster.isolate(2, false);
    cluster.run(3000 * MS);
    assert!(cluster.replica(2).status().counters.snapshots_installed > 0);
    let ticket = cluster.ask(2, write);
    assert_eq!(cluster.outcome(ticket), first);
}

#[test]
fn leadership_moves_when_asked() {
    let mut cluster = cluster();
    let ticket = cluster.ask(0, Request::TransferLeadership(quorate_core::NodeId(2)));
    assert!(matches!(cluster.outcome(ticket), Outcome::Done(..)));
    cluster.run(200 * MS);
    assert_eq!(cluster.leader(), Some(2));
    let ticket = cluster.ask(0, Request::TransferLeadership(quorate_core::NodeId(1)));
    assert_eq!(
        cluster.outcome(ticket),
        Outcome::Refused(Refusal::BadTransfer)
    );
}

/// After a failed sync the replica answers nobody, and says so to those who wait.
#[test]
fn a_failed_disk_silences_the_replica() {
    let mut cluster = cluster();
    cluster.put(1, "k", "v");
    let journal = &mut cluster.disk(1).journal;
    let ops = journal.wal().storage().ops();
    journal
        .storage_mut()
        .fail_at(ops, std::io::ErrorKind::Other);
    let ticket = cluster.ask(
        0,
        Request::Write {
            command: put("k", "w"),
            id: None,
        },
    );
    assert!(
        matches!(cluster.outcome(ticket), Outcome::Done(..)),
        "two are enough"
    );
    cluster.run(200 * MS);
    let failed = |notice: &Notice| matches!(notice, Notice::DiskFailed { .. });
    assert!(cluster.nodes[1].notices.iter().any(failed));
    let ticket = cluster.ask(1, range("k", true));
    assert_eq!(
        cluster.outcome(ticket),
        Outcome::Refused(Refusal::DiskFailed)
    );
}

/// Doc 002: admission control before saturation.
#[test]
fn too_many_requests_are_refused_at_once() {
    let limits = Limits {
        requests: 10,
        ..Limits::default()
    };
    let mut cluster = Cluster::new(3, limits);
    cluster.run(2000 * MS);
    cluster.isolate(0, true);
    let tickets: Vec<_> = (0..11)
        .map(|_| {
            cluster.ask(
                0,
                Request::Write {
                    command: put("k", "v"),
                    id: None,
                },
            )
        })
        .collect();
    assert_eq!(
        cluster.replies.get(&tickets[10]),
        Some(&Outcome::Refused(Refusal::TooManyRequests))
    );
    let ticket = cluster.ask(0, range("k", false));
    assert_eq!(
        cluster.outcome(ticket),
        Outcome::Refused(Refusal::TooManyRequests)
    );
}

/// All writes that a follower held went to a new leader in one message, however many they were: more
/// than a frame may have, and more than the leader's inbox takes from everybody.
#[test]
fn writes_are_forwarded_in_messages_of_a_bounded_size() {
    let mut cluster = cluster();
    cluster.config.limits.forward_bytes = 10_000;
    cluster.crash(2);
    cluster.start(2);
    cluster.run(1000 * MS);
    cluster.isolate(2, true);
    let tickets: Vec<_> = (0..100)
        .map(|n| {
            let command = put(
                &format!("k{n}"),
                &"v".repeat(if n == 50 { 30_000 } else { 900 }),
            );
            cluster.ask(2, Request::Write { command, id: None })
        })
        .collect();
    cluster.forwards.clear();
    cluster.isolate(2, false);
    for ticket in tickets {
        assert!(matches!(cluster.outcome(ticket), Outcome::Done(..)));
    }
    let forwards = &cluster.forwards;
    assert!(forwards.len() >= 10, "{}", forwards.len());
    assert!(
        forwards.iter().any(|writes| writes.len() > 5),
        "several go together"
    );
    for writes in forwards {
        let alone = writes.len() == 1;
        assert!(
            alone || writes.iter().sum::<usize>() <= 10_000,
            "{writes:?}"
        );
    }
}

#[test]
fn too_large_a_write_is_refused() {
    let mut cluster = cluster();
    cluster.put(0, "warm", "up");
    match cluster.put(0, "k", &"v".repeat(2 << 20)) {
        Outcome::Refused(Refusal::TooLarge { limit, .. }) => assert_eq!(limit, 1536 << 10),
        other => panic!("{other:?}"),
    }
}

/// Bounded memory: a full store takes nothing that makes it larger, and a compaction makes room.
#[test]
fn a_full_store_refuses_writes_until_it_is_compacted() {
    let limits = Limits {
        store_bytes: 20_000,
        ..Limits::default()
    };
    let mut cluster = Cluster::new(3, limits);
    cluster.run(2000 * MS);
    let full = Outcome::Refused(Refusal::Store(kv::Error::NoSpace));
    let value = "v".repeat(1000);
    let mut revision = 1;
    while cluster.put(0, "k", &value) != full {
        revision += 1;
        assert!(revision < 100, "the bound holds");
    }
    assert_eq!(cluster.get(0, "k").as_deref(), Some(&value[..]));
    let command = kv::Command::Compact(kv::CompactRequest {
        revision,
        physical: true,
    });
    let ticket = cluster.ask(0, Request::Write { command, id: None });
    assert!(matches!(cluster.outcome(ticket), Outcome::Done(..)));
    // The space is freed step by step, with the commands that follow.
    let delete = kv::Command::DeleteRange(kv::DeleteRangeRequest {
        key: "none".into(),
        ..kv::DeleteRangeRequest::default()
    });
    for _ in 0..20 {
        let command = delete.clone();
        let ticket = cluster.ask(0, Request::Write { command, id: None });
        assert!(matches!(cluster.outcome(ticket), Outcome::Done(..)));
    }
    assert!(matches!(cluster.put(0, "k", &value), Outcome::Done(..)));
}

#[test]
fn one_replica_alone_is_a_cluster() {
    let mut cluster = Cluster::new(1, Limits::default());
    cluster.run(1000 * MS);
    assert_eq!(revision(&cluster.put(0, "k", "v")), 2);
    assert_eq!(cluster.get(0, "k").as_deref(), Some("v"));
    cluster.crash(0);
    cluster.start(0);
    cluster.run(1000 * MS);
    assert_eq!(cluster.get(0, "k").as_deref(), Some("v"));
}
