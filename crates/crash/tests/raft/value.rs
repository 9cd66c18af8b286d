//! A node is a value: states that behave alike are equal, and hashing one costs little.

use crate::cluster::Cluster;
use quorate_core::{Hard as _, Input};
use quorate_crash::raft::*;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::time::{Duration, Instant};

fn hash(value: &impl std::hash::Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(value)
}

/// A cluster in the middle of things: a snapshot is being sent, leadership is being handed over, a
/// disk hangs, a follower waits.
fn busy(start: u64) -> Cluster {
    let mut cluster = Cluster::new(Config {
        trailing_entries: 0,
        max_timeout_factor: 4,
        ..Config::default()
    });
    cluster.piece = 8;
    cluster.now = quorate_core::Time(start);
    cluster.time_out(0);
    cluster.settle();
    cluster.crash(2, 0);
    cluster.propose(0, "a rather long command");
    cluster.settle();
    cluster.checkpoint(0);
    cluster.restart(2);
    cluster.beat(0);
    cluster.settle_until_transfer();
    cluster.nodes[0].quick = false;
    cluster.propose(0, "b");
    cluster.beat(0);
    let transfer = Request::Transfer(quorate_core::NodeId(1));
    cluster.input(0, Input::Request(transfer));
    cluster.now = cluster.now + Duration::from_millis(7);
    cluster
}

#[test]
fn the_time_of_day_makes_no_difference() {
    let (early, late) = (busy(10_000_000_000), busy(77_777_777_777));
    for node in 0..3 {
        let (one, other) = (early.raft(node), late.raft(node));
        assert_ne!(one, other, "they remember moments");
        let (one, other) = (one.canonical(early.now), other.canonical(late.now));
        assert_eq!(one, other);
        assert_eq!(hash(&one), hash(&other));
        assert_eq!(one.canonical(quorate_core::Time::CANONICAL_NOW), one);
    }
}

#[test]
fn what_was_long_ago_makes_no_difference() {
    let mut here = busy(10_000_000_000);
    let long = Duration::from_secs(100);
    let one = here.raft(0).canonical(here.now + long);
    assert_eq!(one, here.raft(0).canonical(here.now + long * 2));
    assert_ne!(one, here.raft(0).canonical(here.now));
    // It does there what it does here.
    let mut there = busy(10_000_000_000);
    let now = there.now;
    for node in 0..3 {
        there.nodes[node].state = Some(there.raft(node).canonical(now));
    }
    there.now = quorate_core::Time::CANONICAL_NOW;
    for _ in 0..20 {
        for it in [&mut here, &mut there] {
            it.beat(0);
            it.settle();
        }
        assert_eq!(there.story, here.story);
    }
    assert_eq!(there.raft(2).log(), here.raft(2).log());
}

/// How long ago a moment was that a canonical state remembers, by its name in the state's text.
fn age(canonical: &Raft, name: &str) -> Duration {
    let text = format!("{canonical:?}");
    let (_, rest) = text.split_once(name).expect(name);
    let (_, rest) = rest.split_once("Time(").expect(name);
    let (digits, _) = rest.split_once(')').expect(name);
    let at: u64 = digits.parse().expect(name);
    quorate_core::Time::CANONICAL_NOW.since(quorate_core::Time(at))
}

/// A moment counts as long as a rule asks how long ago it was, and no longer. Counted for less, two
/// states are taken for one that behave differently, and a search misses what only one of them
/// does. Counted for longer, one state is taken for many, and a search doesn't end.
#[test]
fn each_moment_counts_as_long_as_a_rule_asks_for_it() {
    let leader = busy(10_000_000_000);
    // It waits twice as long, as its votes came late, and has seen its leadership stand since.
    let mut patient = Cluster::new(leader.config.clone());
    patient.now = leader.now;
    let is_vote = |packet: &crate::cluster::Packet| {
        matches!(packet.message.body, Body::Claim(Claim::Vote { .. }))
    };
    patient.time_out(0);
    while patient
        .deliver_one(|p| !is_vote(p) || p.from == p.to)
        .is_some()
    {}
    patient.time_out(0);
    patient.settle();
    while patient.raft(0).role() != Role::Leader {
        patient.time_out(0);
        patient.settle();
    }
    patient.beat(0);
    patient.settle();
    patient.time_out(0);
    assert_eq!(patient.raft(0).timeout_factor(), 2);

    let config = &leader.config;
    let patience = config.election_max * config.max_timeout_factor;
    for (cluster, node, name, counts) in [
        (&leader, 1, " heard: ", patience),
        (&patient, 0, "steady: Some(", patience),
        (&leader, 0, "disk_owes: Some(", patience),
        (&leader, 0, "transfer: Some(", patience),
        (&leader, 0, "advanced: ", config.transfer_timeout),
        (&leader, 0, "asked: ", config.chunk_timeout),
    ] {
        let at = |later: Duration| {
            let canonical = cluster.raft(node).canonical(cluster.now + later);
            age(&canonical, name)
        };
        let ago = at(Duration::ZERO);
        assert!(ago < counts, "{name} is recent: {ago:?}");
        let left = counts - ago;
        for (later, expected) in [
            (left / 2, ago + left / 2),
            (
                left - Duration::from_nanos(1),
                counts - Duration::from_nanos(1),
            ),
            (left, counts),
            (left + Duration::from_nanos(1), counts),
            (left * 100, counts),
        ] {
            assert_eq!(at(later), expected, "{name} {later:?} later");
        }
    }
}

#[test]
fn the_configuration_of_a_node_is_not_compared() {
    let one = Cluster::new(Config::default());
    let other = Cluster::new(Config {
        max_reads: 7,
        ..Config::default()
    });
    assert_eq!(one.raft(0), other.raft(0));
    assert_eq!(hash(one.raft(0)), hash(other.raft(0)));
}

fn record(at: u64, count: u64) -> Record {
    let entries = (at..at + count).map(|n| Entry {
        term: 1,
        payload: bytes::Bytes::from(n.to_be_bytes().to_vec()).into(),
    });
    let entries = Entries::new(entries.collect::<Vec<_>>()).unwrap();
    Record::Append { at, entries }
}

#[test]
fn a_log_is_hashed_by_what_changed() {
    let mut hard = Hard::default();
    hard.apply(&Record::Boot);
    for n in 0..100_000 {
        hard.apply(&record(n * 2 + 1, 2));
    }
    let began = Instant::now();
    hash(&hard);
    let first = began.elapsed();
    let began = Instant::now();
    for _ in 0..1000 {
        hash(&hard);
    }
    let again = began.elapsed();
    assert!(again < first, "{first:?}, and a thousand times {again:?}");
}
