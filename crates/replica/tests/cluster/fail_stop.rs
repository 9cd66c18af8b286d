//! Fail-stop: given a replica that can't be trusted, it leaves the service once, and the rest goes
//! on.

use super::cluster;
use crate::harness::{Cluster, Input, MS, PeerMessage, put};
use bytes::Bytes;
use quorate_core::NodeId;
use quorate_replica::{Notice, Outcome, Refusal, Request, Stopped, StoppedKind};

fn reasons(cluster: &Cluster, n: u8) -> Vec<Stopped> {
    let notices = cluster.nodes[usize::from(n)].notices.iter();
    notices
        .filter_map(|notice| match notice {
            Notice::Stopped(why) => Some(why.clone()),
            _ => None,
        })
        .collect()
}

fn forwarded(cluster: &mut Cluster, entry: &'static [u8]) {
    let message = PeerMessage::Forward(vec![Bytes::from_static(entry)]);
    let from = NodeId(1);
    cluster.input(0, Input::Peer { from, message });
    cluster.run(5000 * MS);
}

/// The leader stops, and then its successor; the last one can't commit, and so can't find out.
fn stopped_by(cluster: &Cluster, is: impl Fn(&Stopped) -> bool) {
    let all: Vec<_> = (0..3).map(|n| reasons(cluster, n)).collect();
    let stopped = all.iter().filter(|why| why.iter().any(&is)).count();
    assert_eq!(stopped, 2, "{all:?}");
    assert!(all.iter().all(|why| why.len() <= 1), "once: {all:?}");
}

/// The wrong replica's word was once enough: two right ones believed that they had diverged, and
/// every replica went on voting, with ten lines of error a second.
#[test]
fn a_replica_whose_state_a_quorum_does_not_share_leaves_once() {
    let mut cluster = cluster();
    (0..200).for_each(|n| drop(cluster.put(0, &format!("k{n}"), "v")));
    cluster.run(2000 * MS);
    // Again and again, as it would hear it.
    for _ in 0..5 {
        for from in [NodeId(0), NodeId(1)] {
            let message = PeerMessage::Digest {
                software: 1,
                index: 64,
                digest: 1,
            };
            cluster.input(2, Input::Peer { from, message });
        }
        cluster.run(1000 * MS);
    }
    let why = reasons(&cluster, 2);
    assert!(
        matches!(&why[..], [Stopped::Violation { property, .. }] if *property == "state-machine safety"),
        "{why:?}"
    );
    assert!(reasons(&cluster, 0).is_empty() && reasons(&cluster, 1).is_empty());

    // It gives no vote and no answer, and the others go on without it.
    let refused = cluster.ask(2, Request::Barrier);
    let kind = Refusal::Stopped(StoppedKind::Violation);
    assert_eq!(cluster.outcome(refused), Outcome::Refused(kind));
    assert!(matches!(cluster.put(0, "after", "v"), Outcome::Done(..)));
    cluster.crash(1);
    let unserved = cluster.ask(
        0,
        Request::Write {
            command: put("lonely", "v"),
            id: None,
        },
    );
    assert!(!matches!(cluster.outcome(unserved), Outcome::Done(..)));
}

#[test]
fn one_wrong_replica_does_not_drive_the_others_out() {
    let mut cluster = cluster();
    (0..200).for_each(|n| drop(cluster.put(0, &format!("k{n}"), "v")));
    cluster.run(2000 * MS);
    for n in [0, 1] {
        let message = PeerMessage::Digest {
            software: 1,
            index: 64,
            digest: 1,
        };
        let from = NodeId(2);
        cluster.input(n, Input::Peer { from, message });
    }
    cluster.run(5000 * MS);
    assert!((0..3).all(|n| reasons(&cluster, n).is_empty()));
    assert!(matches!(cluster.put(0, "after", "v"), Outcome::Done(..)));
}

/// An entry that was skipped let the replica go on with another state than its peers'.
#[test]
fn an_entry_of_a_newer_format_stops_before_anything_after_it_is_applied() {
    let mut cluster = cluster();
    cluster.put(0, "before", "v");
    let applied = cluster.replica(0).machine().index();
    forwarded(&mut cluster, &[2, 0, 7]);
    let needed = Stopped::TooOld {
        needed: 2,
        known: 1,
    };
    stopped_by(&cluster, |why| *why == needed);
    for n in 0..3 {
        assert_eq!(cluster.replica(n).machine().index(), applied);
    }
}

#[test]
fn an_entry_that_can_not_be_read_stops_the_replica() {
    let mut cluster = cluster();
    forwarded(&mut cluster, &[1, 0xff]);
    stopped_by(
        &cluster,
        |why| matches!(why, Stopped::Violation { property, .. } if *property == "entries are well-formed"),
    );
}
