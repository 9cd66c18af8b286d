//! The shortest stories, in code.

use crate::cluster::Cluster;
use quorate_crash::raft::*;

#[test]
fn three_nodes_elect_a_leader_and_commit() {
    let mut cluster = Cluster::new(Config::default());
    cluster.settle();
    cluster.time_out(1);
    cluster.settle();
    assert_eq!(cluster.raft(1).role(), Role::Leader);
    assert!(cluster.raft(1).is_leader_with_own_term_commit());
    for command in ["a", "b", "c"] {
        cluster.propose(1, command);
    }
    cluster.settle();
    cluster.check();
    for node in 0..3 {
        assert_eq!(cluster.nodes[node].machine.commands, ["a", "b", "c"]);
        assert_eq!(cluster.raft(node).leader().map(|l| l.0), Some(1));
        cluster.check_fold(node);
    }
}

#[test]
fn a_cluster_of_one_decides_alone_once_its_disk_has_answered() {
    let mut cluster = Cluster::new(Config::of(1));
    cluster.settle();
    assert_eq!(cluster.raft(0).role(), Role::Leader);
    cluster.nodes[0].quick = false;
    cluster.propose(0, "a");
    cluster.settle();
    assert!(cluster.nodes[0].machine.commands.is_empty());
    let end = cluster.nodes[0].disk.end();
    cluster.sync(0, end);
    cluster.settle();
    assert_eq!(cluster.nodes[0].machine.commands, ["a"]);
}

#[test]
fn a_follower_that_is_too_far_behind_gets_the_snapshot() {
    let mut cluster = Cluster::new(Config {
        trailing_entries: 2,
        max_batch_bytes: 40,
        ..Config::default()
    });
    cluster.time_out(0);
    cluster.settle();
    cluster.crash(2, 0);
    for n in 0..20 {
        cluster.propose(0, &format!("command {n}"));
        cluster.settle();
    }
    cluster.checkpoint(0);
    assert!(cluster.raft(0).log().base().index > 10);
    cluster.check_fold(0);
    cluster.propose(0, "after");
    cluster.settle();
    cluster.restart(2);
    for _ in 0..4 {
        cluster.beat(0);
        cluster.settle();
    }
    cluster.check();
    assert_eq!(cluster.nodes[2].machine, cluster.nodes[0].machine);
    cluster.check_fold(2);
    cluster.crash(2, 0);
    cluster.restart(2);
    cluster.settle();
    cluster.beat(0);
    cluster.settle();
    assert_eq!(cluster.nodes[2].machine, cluster.nodes[0].machine);
}
