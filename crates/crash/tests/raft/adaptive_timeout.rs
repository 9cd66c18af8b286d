//! What is given up too early and comes after all makes a node wait twice as long; nothing else
//! does, and a leader that stands makes it wait half as long again.

use crate::cluster::{Cluster, Packet};
use quorate_core::{Input, NodeId};
use quorate_crash::raft::*;
use std::time::Duration;

fn cluster(max_timeout_factor: u32) -> Cluster {
    Cluster::new(Config {
        max_timeout_factor,
        ..Config::default()
    })
}

fn is_vote(packet: &Packet) -> bool {
    matches!(packet.message.body, Body::Claim(Claim::Vote { .. })) && packet.from != packet.to
}

fn is_ack(packet: &Packet) -> bool {
    matches!(
        packet.message.body,
        Body::Notice(Notice::HeartbeatAck { .. })
    )
}

/// Delivers all but what is held back.
fn settle_without(cluster: &mut Cluster, held: fn(&Packet) -> bool) {
    while cluster.deliver_one(|packet| !held(packet)).is_some() {}
}

fn elect(cluster: &mut Cluster, node: usize) {
    cluster.time_out(node);
    cluster.settle();
    assert_eq!(cluster.raft(node).role(), Role::Leader);
}

/// n0 campaigns, and gives up before its votes arrive.
fn votes_come_late(cluster: &mut Cluster) {
    cluster.time_out(0);
    settle_without(cluster, is_vote);
    assert_eq!(cluster.raft(0).role(), Role::Candidate);
    cluster.time_out(0);
    assert_eq!(cluster.raft(0).role(), Role::PreCandidate);
}

#[test]
fn late_votes_double_it_once_a_candidacy() {
    let mut cluster = cluster(4);
    for expected in [2, 4, 4] {
        votes_come_late(&mut cluster);
        while cluster.deliver_one(is_vote).is_some() {}
        assert_eq!(cluster.raft(0).timeout_factor(), expected);
    }
    cluster.time_out(0);
    let config = &cluster.config;
    let armed = cluster.nodes[0].timers[&Timer::Election];
    assert_eq!(armed, (config.election_min * 4, config.election_max * 4));
    cluster.check();
}

#[test]
fn votes_of_several_candidacies_with_one_patience_double_it_once() {
    let mut cluster = cluster(64);
    votes_come_late(&mut cluster);
    votes_come_late(&mut cluster);
    votes_come_late(&mut cluster);
    assert_eq!(cluster.raft(0).timeout_factor(), 1);
    while cluster.deliver_one(is_vote).is_some() {}
    assert_eq!(cluster.raft(0).timeout_factor(), 2);
}

#[test]
fn where_the_bound_is_known_nothing_is_learned() {
    let mut cluster = cluster(1);
    votes_come_late(&mut cluster);
    while cluster.deliver_one(is_vote).is_some() {}
    assert_eq!(cluster.raft(0).timeout_factor(), 1);
}

#[test]
fn answers_to_a_leader_that_stepped_down_double_it() {
    let mut cluster = cluster(64);
    elect(&mut cluster, 0);
    cluster.beat(0);
    settle_without(&mut cluster, is_ack);
    cluster.time_out(0); // it has heard the votes and the first entry's answers
    cluster.time_out(0);
    assert_eq!(cluster.raft(0).role(), Role::Follower);
    assert_eq!(cluster.raft(0).timeout_factor(), 1);
    cluster.settle();
    assert_eq!(cluster.raft(0).timeout_factor(), 2);
}

#[test]
fn a_leader_that_speaks_after_all_doubles_it() {
    let mut cluster = cluster(64);
    elect(&mut cluster, 0);
    cluster.beat(0);
    cluster.settle();
    for _ in 0..2 {
        cluster.time_out(1);
    }
    assert_eq!(cluster.raft(1).role(), Role::PreCandidate);
    cluster.beat(0);
    cluster.settle();
    assert_eq!(cluster.raft(1).leader(), Some(NodeId(0)));
    assert_eq!(cluster.raft(1).timeout_factor(), 2);
    assert_eq!(cluster.raft(2).timeout_factor(), 1);
}

/// n0's beats come when n1 leads, `before` or after n1 had an entry of its own committed.
fn deposed_leader_speaks(before: bool) -> Cluster {
    let mut cluster = cluster(64);
    elect(&mut cluster, 0);
    cluster.beat(0);
    let beats: Vec<Packet> = cluster.net.packets.drain(..).collect();
    for _ in 0..2 {
        cluster.time_out(1);
    }
    settle_without(&mut cluster, |packet| {
        matches!(packet.message.body, Body::Claim(Claim::Appended { .. }))
            && packet.from != packet.to
    });
    if !before {
        cluster.settle();
    }
    assert_eq!(cluster.raft(1).role(), Role::Leader);
    assert_eq!(cluster.raft(1).timeout_factor(), 1);
    beats.into_iter().for_each(|beat| cluster.hand(beat));
    assert_eq!(cluster.raft(2).timeout_factor(), 1);
    cluster
}

/// Also when somebody else leads by then.
#[test]
fn a_deposed_leader_that_speaks_after_all_doubles_it() {
    let cluster = deposed_leader_speaks(true);
    assert_eq!(cluster.raft(1).timeout_factor(), 2);
}

/// Twenty leaders paused for a second each made everybody wait for several seconds when the next one
/// was lost, although each of them had been replaced at once.
#[test]
fn a_deposed_leader_whose_successor_decides_teaches_nothing() {
    let cluster = deposed_leader_speaks(false);
    assert_eq!(cluster.raft(1).timeout_factor(), 1);
}

#[test]
fn an_outage_and_a_hint_cost_nothing() {
    let mut cluster = cluster(64);
    elect(&mut cluster, 0);
    // A broken link to a leader that lives.
    cluster.beat(0);
    cluster.settle();
    let suspect = Input::Request(Request::Suspect(NodeId(0)));
    cluster.input(1, suspect);
    cluster.input(1, Input::Timer(Timer::Election));
    assert_eq!(cluster.raft(1).role(), Role::PreCandidate);
    cluster.beat(0);
    cluster.settle();
    assert_eq!(cluster.raft(1).leader(), Some(NodeId(0)));
    assert_eq!(cluster.raft(1).timeout_factor(), 1);
    // Everybody alone, for long.
    NodeId::all(3).for_each(|node| cluster.net.isolate(node, 3, true));
    for _ in 0..100 {
        (0..3).for_each(|node| cluster.time_out(node));
    }
    cluster.net.cut.clear();
    cluster.time_out(2);
    cluster.settle();
    assert!((0..3).any(|node| cluster.raft(node).role() == Role::Leader));
    assert!((0..3).all(|node| cluster.raft(node).timeout_factor() == 1));
}

#[test]
fn a_leader_that_stands_halves_it() {
    let mut cluster = cluster(4);
    for _ in 0..2 {
        votes_come_late(&mut cluster);
        while cluster.deliver_one(is_vote).is_some() {}
    }
    cluster.settle();
    cluster.time_out(0);
    cluster.settle();
    assert_eq!(cluster.raft(0).role(), Role::Leader);
    assert_eq!(cluster.raft(0).timeout_factor(), 4);
    // Each step is one `election_max`; the longest timeout is four of them.
    let mut seen = vec![];
    for _ in 0..12 {
        cluster.beat(0);
        cluster.settle();
        cluster.time_out(0);
        seen.push(cluster.raft(0).timeout_factor());
    }
    seen.dedup();
    assert_eq!(seen, [4, 2, 1]);
    assert_eq!(cluster.raft(0).role(), Role::Leader);
    // A follower's halves too, and not while it hears nobody.
    let mut cluster = Cluster::new(Config {
        heartbeat: Duration::from_millis(60),
        ..cluster.config.clone()
    });
    elect(&mut cluster, 0);
    cluster.beat(0);
    cluster.settle();
    (0..2).for_each(|_| cluster.time_out(1));
    cluster.beat(0);
    cluster.settle();
    assert_eq!(cluster.raft(1).timeout_factor(), 2);
    for _ in 0..4 {
        cluster.beat(0);
        cluster.settle();
        let beats = cluster.now;
        cluster.now = beats + cluster.config.election_min;
        cluster.input(1, Input::Timer(Timer::Election));
        assert_eq!(cluster.raft(1).timeout_factor(), 2);
    }
    for _ in 0..8 {
        cluster.beat(0);
        cluster.settle();
        cluster.now = cluster.now + cluster.config.election_min;
        cluster.input(1, Input::Timer(Timer::Election));
    }
    assert_eq!(cluster.raft(1).timeout_factor(), 1);
}

#[test]
fn a_config_without_patience_is_refused() {
    let config = Config {
        max_timeout_factor: 0,
        ..Config::default()
    };
    assert!(config.check().unwrap_err().contains("max_timeout_factor"));
}

#[test]
fn a_timing_model_without_bounds_asks_for_patience_that_has_one() {
    use quorate_contract::{Stabilization, Timing};
    let max = |timing: &Timing, millis| max_timeout_factor(timing, Duration::from_millis(millis));
    let unknown = Timing::PartiallySynchronous(Stabilization::Unknown);
    for timing in [&unknown, &Timing::Asynchronous] {
        assert_eq!(
            [80, 300, 2500, 9000].map(|min| max(timing, min)),
            [32, 16, 2, 1]
        );
        assert_eq!(max(timing, 0), 1 << 31);
    }
}
