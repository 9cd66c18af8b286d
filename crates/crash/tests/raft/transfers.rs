//! Transfers of snapshots: kept under load, several pieces under way, started over at the bounds.

use crate::cluster::Cluster;
use quorate_core::NodeId;
use quorate_crash::raft::*;
use std::time::Duration;

/// n2 is down, and lacks what the log of n0 no longer has.
fn far_behind(config: Config) -> Cluster {
    let mut cluster = Cluster::new(Config {
        trailing_entries: 0,
        ..config
    });
    cluster.piece = 8;
    cluster.time_out(0);
    cluster.settle();
    cluster.crash(2, 0);
    for n in 0..8 {
        cluster.propose(0, &format!("command {n}"));
        cluster.settle();
    }
    cluster.checkpoint(0);
    cluster.restart(2);
    cluster.beat(0);
    cluster.settle_until_transfer();
    assert_eq!(cluster.raft(0).transfers().count(), 1);
    cluster
}

/// One round trip of the transfer, then an entry, and a snapshot of it. Returns which is sent then.
fn load(cluster: &mut Cluster, n: usize) -> Option<u64> {
    let slow = |p: &crate::cluster::Packet| p.from == NodeId(2) || p.to == NodeId(2);
    cluster.propose(0, &format!("more {n}"));
    while cluster.deliver_one(|p| !slow(p)).is_some() {}
    cluster.checkpoint(0);
    cluster.check();
    cluster.check_fold(0);
    let under_way = cluster.net.packets.iter().filter(|p| slow(p)).count();
    for _ in 0..under_way {
        cluster.deliver_one(slow);
    }
    let sent = cluster.raft(0).transfers().next();
    sent.map(|(_, meta)| meta.at.index)
}

/// Which snapshots are sent, one after the other, until n2 has caught up.
fn transfer(config: Config, keeps: bool) -> Option<Vec<u64>> {
    let mut cluster = far_behind(config);
    cluster.nodes[0].keeps = keeps;
    let mut sent = vec![];
    for n in 0..200 {
        cluster.now = cluster.now + Duration::from_millis(20);
        if n % 5 == 0 {
            cluster.beat(0);
        }
        sent.extend(load(&mut cluster, n));
        sent.dedup();
        if cluster.raft(2).commit() + 4 > cluster.raft(0).commit() {
            cluster.settle();
            assert_eq!(cluster.nodes[2].machine, cluster.nodes[0].machine);
            let base = cluster.raft(0).log().base().index;
            load(&mut cluster, n + 1);
            load(&mut cluster, n + 2);
            let after = cluster.raft(0).log().base().index;
            assert!(after > base, "nothing is kept any longer than needed");
            return Some(sent);
        }
    }
    None
}

#[test]
fn a_transfer_ends_under_load_with_the_snapshot_with_which_it_began() {
    for window in [1, 4] {
        let config = Config {
            max_snapshot_inflight: window,
            ..Config::default()
        };
        assert_eq!(transfer(config, true), Some(vec![9]));
    }
}

#[test]
fn beyond_the_bounds_it_starts_over() {
    let entries = Config {
        max_retained_entries: 5,
        max_snapshot_inflight: 1,
        ..Config::default()
    };
    let bytes = Config {
        max_retained_bytes: 100,
        max_snapshot_inflight: 1,
        ..Config::default()
    };
    // With a bound so small, and a snapshot that grows, it does not end: that is what the bound
    // costs, and what happened always without the log's tail.
    for config in [entries, bytes] {
        assert_eq!(transfer(config, true), None);
    }
    assert_eq!(
        transfer(Config::default(), false).map(|sent| sent.len()),
        None
    );
}

#[test]
fn a_transfer_that_does_not_advance_keeps_nothing() {
    let mut cluster = far_behind(Config::default());
    cluster.crash(2, 0);
    for n in 0..3 {
        cluster.propose(0, &format!("{n}"));
        cluster.settle();
        cluster.checkpoint(0);
        assert_eq!(cluster.raft(0).log().base().index, 9);
    }
    cluster.now = cluster.now + Duration::from_secs(30);
    cluster.propose(0, "later");
    cluster.settle();
    cluster.checkpoint(0);
    assert_eq!(cluster.raft(0).log().base().index, 13);
    // It comes back, and gets the newest.
    cluster.restart(2);
    for _ in 0..40 {
        cluster.beat(0);
        cluster.settle();
    }
    assert_eq!(cluster.nodes[2].machine, cluster.nodes[0].machine);
}

#[test]
fn what_is_restated_fits_into_records() {
    let mut cluster = far_behind(Config {
        max_batch_bytes: 60,
        ..Config::default()
    });
    for n in 0..10 {
        load(&mut cluster, n);
    }
    let records = cluster.nodes[0].disk.records.iter();
    let tails = records.filter_map(|record| match record {
        Record::SnapshotTail { entries, .. } => Some(entries.bytes()),
        _ => None,
    });
    let tails: Vec<usize> = tails.collect();
    assert!(!tails.is_empty() && tails.iter().all(|bytes| *bytes <= 60));
}
