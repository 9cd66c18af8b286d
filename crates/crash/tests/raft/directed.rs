//! Messages made by hand, for what a cluster says too rarely.

use crate::cluster::{Cluster, Packet};
use bytes::Bytes;
use quorate_core::{Input, NodeId, Protocol};
use quorate_crash::raft::*;

fn say(cluster: &mut Cluster, from: u8, to: u8, term: u64, notice: Notice) {
    let body = Body::Notice(notice);
    cluster.hand(Packet {
        from: NodeId(from.into()),
        to: NodeId(to.into()),
        message: Message { term, body },
    });
}

fn append(prev: (u64, u64), terms: &[u64], commit: u64) -> Notice {
    let entries = terms.iter().map(|term| Entry {
        term: *term,
        payload: "x".into(),
    });
    Notice::Append {
        prev: Position {
            index: prev.0,
            term: prev.1,
        },
        entries: Entries::new(entries.collect::<Vec<_>>()).unwrap(),
        commit,
    }
}

/// What n0 has sent since the last look, to itself excepted.
fn sent(cluster: &mut Cluster) -> Vec<String> {
    let sent = cluster.net.packets.drain(..).filter(|p| p.from != p.to);
    sent.map(|packet| crate::words::packet(&packet)).collect()
}

fn outputs(cluster: &mut Cluster, node: usize) -> Vec<Output> {
    std::mem::take(&mut cluster.nodes[node].outputs)
}

#[test]
fn a_message_vouches_for_what_it_carries_only() {
    let mut cluster = Cluster::new(Config::default());
    say(&mut cluster, 1, 0, 1, append((0, 0), &[1, 1, 1, 1], 0));
    // The leader of term 2 has entries 1 and 2, others after them, and has committed 4.
    say(&mut cluster, 2, 0, 2, append((2, 1), &[], 4));
    assert_eq!(cluster.raft(0).commit(), 2);
    say(&mut cluster, 2, 0, 2, append((1, 1), &[1], 4));
    assert_eq!(cluster.raft(0).commit(), 2);
    say(&mut cluster, 2, 0, 2, append((2, 1), &[2, 2], 4));
    assert_eq!(cluster.raft(0).commit(), 4);
    cluster.check();
}

#[test]
fn a_leader_that_lacks_what_is_committed_is_a_breach_and_is_not_followed() {
    let mut cluster = Cluster::new(Config::default());
    say(&mut cluster, 1, 0, 1, append((0, 0), &[1, 1], 2));
    say(&mut cluster, 2, 0, 2, append((1, 1), &[2], 0));
    assert_eq!(cluster.raft(0).log().last().term, 1);
    let broken = cluster.raft(0).check_invariants().unwrap_err();
    assert!(broken.starts_with("leader completeness"), "{broken}");
}

#[test]
fn two_leaders_in_a_term_are_a_breach() {
    let mut cluster = Cluster::new(Config::default());
    say(&mut cluster, 1, 0, 1, append((0, 0), &[1], 0));
    say(&mut cluster, 2, 0, 1, append((0, 0), &[1, 1], 0));
    assert_eq!(cluster.raft(0).last_index(), 1);
    let broken = cluster.raft(0).check_invariants().unwrap_err();
    assert!(broken.starts_with("election safety"), "{broken}");
}

#[test]
fn an_append_ends_an_install() {
    let mut cluster = Cluster::new(Config::default());
    let meta = SnapshotMeta {
        at: Position { term: 1, index: 9 },
        size: 8,
        digest: 0,
    };
    let piece = |offset, last| Notice::Snapshot {
        meta,
        configuration: Configuration::founding(3).into(),
        offset,
        data: Bytes::from_static(b"1234"),
        last,
    };
    say(&mut cluster, 1, 0, 1, piece(0, false));
    // Late, from before the leader knew that a snapshot is needed. It is acknowledged, so it must
    // not go with the rest of the log when the snapshot counts.
    say(&mut cluster, 1, 0, 1, append((0, 0), &[1], 0));
    sent(&mut cluster);
    say(&mut cluster, 1, 0, 1, piece(4, true));
    assert_eq!(
        sent(&mut cluster),
        ["n0 -> n1 t1 SnapshotAcked 9@t1 from 0"]
    );
    assert!(
        outputs(&mut cluster, 0).contains(&Output::Install(Install::Abort { id: 1 })),
        "the layer above is told"
    );
    assert_eq!(cluster.raft(0).last_index(), 1);
}

#[test]
fn a_snapshot_that_does_not_check_is_not_believed() {
    let mut cluster = Cluster::new(Config::default());
    let data = Bytes::from_static(b"not a machine");
    let meta = SnapshotMeta {
        at: Position { term: 1, index: 9 },
        size: data.len() as u64,
        digest: 0,
    };
    let piece = |data: &Bytes| Notice::Snapshot {
        meta,
        configuration: Configuration::founding(3).into(),
        offset: 0,
        data: data.clone(),
        last: true,
    };
    say(&mut cluster, 1, 0, 1, piece(&data));
    assert_eq!(cluster.raft(0).log().base().index, 0);
    assert_eq!(cluster.raft(0).commit(), 0);
    // Longer than announced: nor is that.
    say(
        &mut cluster,
        1,
        0,
        1,
        piece(&Bytes::from_static(b"not a machine either")),
    );
    assert_eq!(cluster.raft(0).log().base().index, 0);
    assert!(sent(&mut cluster).is_empty());
    cluster.crash(0, 0);
    cluster.restart(0);
    assert_eq!(cluster.raft(0).log().base().index, 0);
}

#[test]
fn what_a_deposed_leader_had_taken_is_refused_not_forgotten() {
    let mut cluster = Cluster::new(Config::default());
    cluster.time_out(0);
    cluster.settle();
    outputs(&mut cluster, 0);
    let payload = Bytes::from_static(b"a");
    let propose = Input::Request(Request::Propose(payload.clone()));
    let read = Input::Request(Request::Read(7));
    let body = Body::Notice(append((1, 1), &[2], 0));
    let depose = Input::Message(NodeId(1), Message { term: 2, body });
    cluster.burst(0, vec![propose, read, depose]);
    let outputs = outputs(&mut cluster, 0);
    let why = Refusal::NotLeader { leader: None };
    assert!(outputs.contains(&Output::ProposeRefused { payload, why }));
    assert!(outputs.contains(&Output::ReadFailed { id: 7, why }));
    let terms: Vec<u64> = cluster.raft(0).log().iter().map(|e| e.term).collect();
    assert_eq!(terms, [1, 2], "nothing of it is in the log");
}

#[test]
fn a_snapshot_holds_what_is_committed_and_nothing_more() {
    let mut cluster = Cluster::new(Config::default());
    say(&mut cluster, 1, 0, 1, append((0, 0), &[1, 1, 1], 2));
    outputs(&mut cluster, 0);
    for (index, answer) in [
        (3, Output::CheckpointAborted),
        (2, Output::CheckpointBegun { id: 1 }),
    ] {
        let begin = Request::Checkpoint(Checkpoint::Begin { index });
        cluster.input(0, Input::Request(begin));
        assert_eq!(outputs(&mut cluster, 0), [answer]);
    }
}

#[test]
fn bounds_are_kept_and_refusals_say_so() {
    let mut cluster = Cluster::new(Config {
        max_uncommitted_bytes: 60,
        max_reads: 2,
        ..Config::default()
    });
    cluster.propose(0, "nobody leads");
    cluster.time_out(0);
    cluster.settle();
    outputs(&mut cluster, 0);
    cluster.propose(0, "");
    // One that is too large by itself goes through alone.
    cluster.propose(0, &"x".repeat(100));
    cluster.propose(0, "b");
    for id in 0..3 {
        cluster.input(0, Input::Request(Request::Read(id)));
    }
    let refused: Vec<Refusal> = outputs(&mut cluster, 0)
        .into_iter()
        .filter_map(|output| match output {
            Output::ProposeRefused { why, .. } | Output::ReadFailed { why, .. } => Some(why),
            _ => None,
        })
        .collect();
    assert_eq!(refused, [Refusal::Empty, Refusal::Busy, Refusal::Busy]);
    cluster.settle();
    cluster.propose(0, "b");
    cluster.settle();
    assert_eq!(cluster.nodes[1].machine.commands.len(), 2);
    assert_eq!(cluster.raft(0).uncommitted_bytes(), 0);
}

#[test]
fn a_large_burst_becomes_several_records() {
    let mut cluster = Cluster::new(Config {
        max_batch_bytes: 60,
        ..Config::default()
    });
    cluster.time_out(0);
    cluster.settle();
    let burst = (0..10).map(|n| {
        let payload = Bytes::from(vec![n; 10]);
        Input::Request(Request::Propose(payload))
    });
    cluster.burst(0, burst.collect());
    let records = cluster.nodes[0].disk.records.iter();
    let sizes: Vec<usize> = records
        .filter_map(|record| match record {
            Record::Append { entries, .. } => Some(entries.bytes()),
            _ => None,
        })
        .collect();
    assert_eq!(sizes, [16, 52, 52, 52, 52, 52]);
    cluster.settle();
    assert_eq!(cluster.nodes[2].machine.commands.len(), 10);
}

#[test]
fn votes_go_to_logs_that_are_at_least_as_new() {
    // n0 has entries 1 of term 1 and 2 of term 2 (section 5.4.1).
    for (index, term, granted) in [
        (2, 2, true),
        (3, 2, true),
        (1, 3, true),
        (1, 2, false),
        (9, 1, false),
        (0, 0, false),
    ] {
        let mut cluster = Cluster::new(Config::default());
        say(&mut cluster, 1, 0, 2, append((0, 0), &[1, 2], 0));
        let last = Position { term, index };
        let request = Claim::RequestVote {
            last,
            transfer: true,
        };
        let (from, to) = (NodeId(2), NodeId(0));
        let body = Body::Claim(request);
        let message = Message { term: 5, body };
        cluster.hand(Packet { from, to, message });
        let answers = sent(&mut cluster);
        let answer = answers.last().unwrap();
        assert_eq!(answer.ends_with("granted"), granted, "{last:?}: {answer}");
        assert_eq!(cluster.raft(0).term(), 5);
        assert_eq!(cluster.raft(0).hard().vote.is_some(), granted);
    }
}

#[test]
fn a_burst_of_entries_is_acknowledged_once() {
    let mut cluster = Cluster::new(Config::default());
    let message = |term, notice| {
        let body = Body::Notice(notice);
        Input::Message(NodeId(1), Message { term, body })
    };
    let burst = vec![
        message(1, append((0, 0), &[1, 1], 0)),
        message(1, append((2, 1), &[1], 1)),
        message(1, append((0, 0), &[1], 1)),
    ];
    cluster.burst(0, burst);
    assert_eq!(sent(&mut cluster), ["n0 -> n1 t1 Appended 3"]);

    // Not under a later term: its leader's log may differ.
    let vote = Claim::RequestVote {
        last: Position::default(),
        transfer: true,
    };
    let body = Body::Claim(vote);
    let burst = vec![
        message(1, append((3, 1), &[1], 1)),
        Input::Message(NodeId(1), Message { term: 2, body }),
    ];
    cluster.burst(0, burst);
    assert_eq!(sent(&mut cluster), ["n0 -> n1 t2 Vote refused"]);
}

/// A node that was removed while it was told to campaign asks for votes, not for pre-votes. It is told
/// that it was removed, and neither gets a vote nor raises the term; unanswered, it would go on asking.
#[test]
fn a_removed_node_that_asks_for_votes_is_told_so() {
    let mut cluster = Cluster::new(Config::default());
    cluster.time_out(0);
    cluster.settle();
    let mut target = Configuration::clone(cluster.raft(0).configuration());
    target.voters.retain(|node| *node != NodeId(2));
    cluster.crash(2, 0);
    cluster.reconfigure(0, target);
    for _ in 0..5 {
        cluster.beat(0);
        cluster.settle();
    }
    assert!(cluster.raft(1).configuration().has_removed(NodeId(2)));
    let term = cluster.raft(1).term();
    for transfer in [false, true] {
        let last = Position { term: 9, index: 99 };
        cluster.net.packets.clear();
        cluster.hand(Packet {
            from: NodeId(2),
            to: NodeId(1),
            message: Message {
                term: term + 1,
                body: Body::Claim(Claim::RequestVote { last, transfer }),
            },
        });
        let answers: Vec<_> = cluster
            .net
            .packets
            .iter()
            .map(|p| (p.to, &p.message.body))
            .collect();
        assert_eq!(answers, [(NodeId(2), &Body::Notice(Notice::Removed))]);
        assert_eq!(cluster.raft(1).term(), term);
    }
}
