//! Answers that are larger than what a record of the log carries: the replicas go on, through
//! checkpoints and restarts.

use super::harness::{Cluster, MS};
use bytes::Bytes;
use quorate_kv as kv;
use quorate_replica::{Limits, Notice, Outcome, Reply, Request, RequestId, SessionId, Uncertainty};

fn put(key: String, bytes: usize, prev_kv: bool) -> kv::Command {
    kv::Command::Put(kv::PutRequest {
        key: key.into(),
        value: Bytes::from(vec![7; bytes]),
        prev_kv,
        ..kv::PutRequest::default()
    })
}

fn write(cluster: &mut Cluster, n: u8, command: kv::Command, id: Option<RequestId>) -> Outcome {
    let ticket = cluster.ask(n, Request::Write { command, id });
    cluster.outcome(ticket)
}

fn healthy(cluster: &Cluster) {
    for (n, node) in cluster.nodes.iter().enumerate() {
        let failed = |notice: &&Notice| matches!(notice, Notice::DiskFailed { .. });
        assert_eq!(node.notices.iter().find(failed), None, "at {n}");
    }
    cluster.no_violations();
}

fn restart_all(cluster: &mut Cluster) {
    (0..3).for_each(|n| cluster.crash(n));
    (0..3).for_each(|n| cluster.start(n));
    cluster.run(3000 * MS);
}

/// A delete whose answer has 100 MiB is followed by checkpoints.
#[test]
fn an_answer_larger_than_a_record_does_not_stop_checkpoints_and_recovery() {
    let mut cluster = Cluster::new(3, Limits::default());
    cluster.run(2000 * MS);
    for n in 0..100 {
        let big = put(format!("big/{n:03}"), 1 << 20, false);
        assert!(matches!(
            write(&mut cluster, 0, big, None),
            Outcome::Done(..)
        ));
    }
    let delete = kv::Command::DeleteRange(kv::DeleteRangeRequest {
        key: "big/".into(),
        range_end: "big0".into(),
        prev_kv: true,
    });
    // Through a replica that takes no other writes, so that its session keeps the answer.
    match write(&mut cluster, 1, delete, None) {
        Outcome::Done(_, Reply::Written(kv::Response::DeleteRange(deleted))) => {
            assert_eq!(deleted.prev_kvs.len(), 100, "the first answer is whole");
        }
        other => panic!("{other:?}"),
    }
    // Enough for a checkpoint at each replica, wherever between two it stands.
    for n in 0..120 {
        let small = put(format!("small/{n}"), 512 << 10, false);
        assert!(matches!(
            write(&mut cluster, 0, small, None),
            Outcome::Done(..)
        ));
    }
    cluster.run(500 * MS);
    healthy(&cluster);
    for n in 0..3 {
        assert!(cluster.replica(n).status().counters.checkpoints > 0);
    }
    restart_all(&mut cluster);
    for n in 0..3 {
        assert_eq!(
            cluster.get(n, "small/119").map(|v| v.len()),
            Some(512 << 10)
        );
        assert_eq!(cluster.get(n, "big/000"), None);
    }
    healthy(&cluster);
}

/// A hundred sessions hold 75 MiB of answers that are never settled: more than a record carries.
#[test]
fn many_large_answers_do_not_stop_checkpoints_and_recovery() {
    let limits = Limits {
        checkpoint_bytes: 8 << 20,
        ..Limits::default()
    };
    let mut cluster = Cluster::new(3, limits);
    cluster.run(2000 * MS);
    let sessions: Vec<SessionId> = (0..100)
        .map(|_| {
            let ticket = cluster.ask(0, Request::OpenSession);
            match cluster.outcome(ticket) {
                Outcome::Done(_, Reply::Session(id)) => id,
                other => panic!("{other:?}"),
            }
        })
        .collect();
    let mut done = 0;
    for seq in 1..=4 {
        for &session in &sessions {
            let id = RequestId {
                session,
                seq,
                settled: 1,
            };
            let command = put(format!("key/{}", session.0), 256 << 10, true);
            match write(&mut cluster, 0, command, Some(id)) {
                Outcome::Done(_, Reply::Written(kv::Response::Put(put))) => {
                    assert_eq!(put.prev_kv.is_some(), seq > 1);
                    done += 1;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(done, 400);
    cluster.run(500 * MS);
    healthy(&cluster);
    restart_all(&mut cluster);
    for n in 0..3 {
        assert!(cluster.get(n, &format!("key/{}", sessions[0].0)).is_some());
    }
    healthy(&cluster);
}

/// A repetition of a write whose answer is too large to keep is told that it was applied, and is
/// not applied again; the session goes on.
#[test]
fn a_repetition_of_a_write_with_a_large_answer_is_told_that_it_was_applied() {
    let mut cluster = Cluster::new(3, Limits::default());
    cluster.run(2000 * MS);
    let ticket = cluster.ask(0, Request::OpenSession);
    let session = match cluster.outcome(ticket) {
        Outcome::Done(_, Reply::Session(id)) => id,
        other => panic!("{other:?}"),
    };
    for n in 0..4 {
        write(
            &mut cluster,
            0,
            put(format!("big/{n}"), 1 << 20, false),
            None,
        );
    }
    let delete = kv::Command::DeleteRange(kv::DeleteRangeRequest {
        key: "big/".into(),
        range_end: "big0".into(),
        prev_kv: true,
    });
    let id = |seq| RequestId {
        session,
        seq,
        settled: 1,
    };
    let revision = match write(&mut cluster, 0, delete.clone(), Some(id(1))) {
        Outcome::Done(header, _) => header.revision,
        other => panic!("{other:?}"),
    };
    write(&mut cluster, 0, put("big/0".into(), 10, false), None);
    for n in 0..3 {
        let again = write(&mut cluster, n, delete.clone(), Some(id(1)));
        let forgotten = Uncertainty::AnswerForgotten { revision };
        assert_eq!(again, Outcome::Unknown(forgotten), "at {n}");
        assert!(cluster.get(n, "big/0").is_some(), "it is not applied again");
    }
    let next = write(&mut cluster, 1, put("next".into(), 1, false), Some(id(2)));
    assert!(matches!(next, Outcome::Done(..)));
    cluster.no_violations();
}
