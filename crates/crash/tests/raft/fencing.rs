//! A node that can't be relied on takes no part: its disk hangs, or it has seen what can't be.

use crate::cluster::{Cluster, Packet};
use quorate_core::{Mutant, NodeId};
use quorate_crash::raft::*;
use std::time::Duration;

/// Three nodes, led by n0.
fn led(mutant: Mutant) -> Cluster {
    let mut cluster = Cluster::new(Config {
        mutant,
        ..Config::default()
    });
    cluster.time_out(0);
    cluster.settle();
    cluster
}

/// n0 beats for an election timeout and a heartbeat. Gives who led before each of its beats.
fn beat_for_a_timeout(cluster: &mut Cluster) -> Vec<Option<NodeId>> {
    let beats = cluster.config.election_min.as_millis() / cluster.config.heartbeat.as_millis() + 1;
    let beat = |_| {
        let leader = cluster.raft(2).leader();
        cluster.beat(0);
        cluster.settle();
        leader
    };
    (0..beats).map(beat).collect()
}

/// Who leads an election timeout and a heartbeat after n0's disk began to hang.
fn leader_after_stall(mutant: Mutant) -> Option<NodeId> {
    let mut cluster = led(mutant);
    cluster.nodes[0].quick = false;
    cluster.propose(0, "a");
    beat_for_a_timeout(&mut cluster);
    cluster.check();
    assert_eq!(cluster.nodes[1].machine.commands, ["a"]);
    cluster.raft(2).leader()
}

#[test]
fn a_leader_whose_disk_hangs_hands_over() {
    assert_eq!(leader_after_stall(Mutant::None), Some(NodeId(1)));
}

#[test]
fn a_stalled_leader_that_leads_is_found() {
    assert_eq!(
        leader_after_stall(Mutant::StalledLeaderLeads),
        Some(NodeId(0))
    );
}

#[test]
fn an_idle_leader_is_not_stalled() {
    let mut cluster = led(Mutant::None);
    cluster.nodes[0].quick = false;
    for _ in 0..100 {
        cluster.beat(0);
        cluster.settle();
    }
    assert!(!cluster.raft(0).is_stalled(cluster.now));
    assert_eq!(cluster.raft(2).leader(), Some(NodeId(0)));
    // Slow is not stalled either: something is done all the time.
    for n in 0..100 {
        cluster.propose(0, &format!("{n}"));
        cluster.beat(0);
        let end = cluster.nodes[0].disk.end();
        cluster.sync(0, end - 1);
        cluster.settle();
    }
    assert_eq!(cluster.raft(2).leader(), Some(NodeId(0)));
}

/// A leader whose clients were silent led on while its disk hung with pieces of a snapshot: it looked
/// at its entries alone. Found by a simulated world, one of 30,000.
#[test]
fn a_leader_whose_disk_hangs_with_a_snapshot_hands_over() {
    let mut cluster = led(Mutant::None);
    cluster.propose(0, "a");
    cluster.settle();
    cluster.nodes[0].quick = false;
    cluster.checkpoint(0);
    let leaders = beat_for_a_timeout(&mut cluster);
    assert!(
        leaders.iter().all(|leader| *leader == Some(NodeId(0))),
        "{leaders:?}"
    );
    assert_eq!(cluster.raft(2).leader(), Some(NodeId(1)));
}

/// A follower whose disk hangs campaigned all the same: its vote for itself never became durable, so
/// it won nothing, and each of its pre-votes kept a healthy rival back for an election timeout.
#[test]
fn a_follower_whose_disk_hangs_is_no_candidate() {
    let mut cluster = led(Mutant::None);
    cluster.propose(0, "a");
    cluster.nodes[1].quick = false;
    cluster.settle();
    cluster.crash(0, 0);
    // At its first timeout it asks its disk, and does not know yet.
    cluster.time_out(1);
    cluster.net.packets.clear();
    for _ in 0..5 {
        cluster.time_out(1);
        assert!(cluster.raft(1).is_stalled(cluster.now));
        assert_eq!(cluster.raft(1).role(), Role::Follower);
        assert!(
            cluster.net.packets.iter().all(|p| p.from != NodeId(1)),
            "it asks for no votes"
        );
    }
    // It holds no rival back, and is one itself again when its disk goes on.
    let end = cluster.nodes[1].disk.end();
    cluster.sync(1, end);
    assert!(!cluster.raft(1).is_stalled(cluster.now));
    cluster.time_out(1);
    assert_eq!(cluster.raft(1).role(), Role::PreCandidate);
}

#[test]
fn after_a_violation_a_node_says_nothing() {
    let mut cluster = Cluster::new(Config::default());
    cluster.time_out(0);
    cluster.settle();
    let heartbeat = |from, term| Packet {
        from: NodeId(from),
        to: NodeId(0),
        message: Message {
            term,
            body: Body::Notice(Notice::Heartbeat {
                commit: 0,
                round: 0,
            }),
        },
    };
    assert_eq!(cluster.raft(0).violation(), None);
    cluster.hand(heartbeat(1, 1));
    let broken = cluster.raft(0).violation();
    assert_eq!(broken, Some("election safety: two leaders in one term"));
    assert_eq!(cluster.raft(0).role(), Role::Follower);
    assert!(cluster.nodes[0].timers.is_empty());
    let written = cluster.nodes[0].disk.end();
    cluster.hand(heartbeat(1, 2));
    cluster.time_out(0);
    cluster.propose(0, "a");
    cluster.hand(Packet {
        from: NodeId(2),
        to: NodeId(0),
        message: Message {
            term: 9,
            body: Body::Claim(Claim::RequestVote {
                last: Position { term: 8, index: 9 },
                transfer: true,
            }),
        },
    });
    assert!(cluster.net.packets.iter().all(|p| p.from != NodeId(0)));
    assert_eq!(cluster.nodes[0].disk.end(), written);
    // Nor does time make it well.
    cluster.now = cluster.now + Duration::from_secs(100);
    assert_eq!(cluster.raft(0).violation(), broken);
}
