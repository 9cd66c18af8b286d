//! Stories in text files: lines that begin with `>` are commands, with `#` remarks, all others
//! say what happened. `UPDATE_EXPECT=1 cargo test -p quorate-crash` writes them again.
//!
//! | command | |
//! |---|---|
//! | `cluster 3 batch=40 inflight=2 trailing=0 reads=8 piece=16` | first of all; starts anew |
//! | `timeout 1` | the election timer of n1 runs out, nothing heard for long |
//! | `expire 1` | the same, without time passing |
//! | `beat 1` | the heartbeat timer of n1 |
//! | `retry 1` | the timer of n1's reads |
//! | `propose 1 a b` | in one burst |
//! | `join` | one more node starts, which is no member yet |
//! | `members 1 voters=0,1,3 learners=4` | asks n1 to change the members |
//! | `read 1 7`, `transfer 1 2`, `suspect 1 2`, `checkpoint 1` | requests |
//! | `deliver`, `deliver 1->2`, `deliver *->2`, `deliver 1->2 1` | all until rest; those under way; one |
//! | `drop 1->*`, `repeat 1->2`, `reverse 1->2` | of those under way |
//! | `cut 1`, `cut 1->2`, `heal` | lose all to and from n1; one way |
//! | `slow 1`, `durable 1`, `durable 1 1`, `quick 1` | n1's disk waits; syncs; one record; each at once |
//! | `crash 1`, `crash 1 2`, `restart 1` | two records survive that were not durable |
//! | `wait 100` | milliseconds pass |
//! | `state`, `state 1`, `underway` | |
//! | `quietly ...` | any of these, without a word |

use crate::cluster::{Cluster, Packet};
use crate::words;
use bytes::Bytes;
use expect_test::expect_file;
use quorate_core::{Input, NodeId};
use quorate_crash::raft::*;
use std::time::Duration;

fn play(script: &str) -> String {
    let mut cluster: Option<Cluster> = None;
    let mut told = String::new();
    for line in script.lines() {
        if line.is_empty() && !told.is_empty() || line.starts_with('#') {
            told += line;
            told += "\n";
        }
        let Some(command) = line.strip_prefix("> ") else {
            continue;
        };
        told += line;
        told += "\n";
        let (quietly, command) = match command.strip_prefix("quietly ") {
            Some(command) => (true, command),
            None => (false, command),
        };
        let words: Vec<&str> = command.split_whitespace().collect();
        match &mut cluster {
            _ if words[0] == "cluster" => cluster = Some(open(&words)),
            None => panic!("first of all: cluster N"),
            Some(cluster) => {
                cluster.story.clear();
                run(cluster, &words);
                cluster.check();
            }
        }
        for line in cluster.iter().flat_map(|c| &c.story) {
            if !quietly && words[0] != "cluster" {
                told += line;
                told += "\n";
            }
        }
    }
    told
}

fn open(words: &[&str]) -> Cluster {
    let ["cluster", nodes, options @ ..] = words else {
        panic!("first of all: cluster N");
    };
    let mut config = Config {
        trailing_entries: 0,
        ..Config::of(nodes.parse().unwrap())
    };
    let mut piece = 1000;
    for option in options {
        let (name, value) = option.split_once('=').unwrap();
        let value: usize = value.parse().unwrap();
        match name {
            "batch" => config.max_batch_bytes = value,
            "inflight" => config.max_inflight = value,
            "uncommitted" => config.max_uncommitted_bytes = value,
            "trailing" => config.trailing_entries = value as u64,
            "window" => config.max_snapshot_inflight = value,
            "lag" => config.max_promotion_lag = value as u64,
            "reads" => config.max_reads = value,
            "piece" => piece = value,
            _ => panic!("no such option: {name}"),
        }
    }
    let mut cluster = Cluster::new(config);
    cluster.piece = piece;
    cluster.settle();
    cluster
}

/// `1->2`, `1->*`, `*->2`, or `1` for all to and from n1.
fn link(word: &str) -> impl Fn(u8, u8) -> bool + use<> {
    let end = |word: &str| (word != "*").then(|| word.parse::<u8>().unwrap());
    let (from, to, both) = match word.split_once("->") {
        Some((from, to)) => (end(from), end(to), false),
        None => (end(word), end(word), true),
    };
    move |f, t| {
        if both {
            f != t && (from == Some(f) || to == Some(t))
        } else {
            from.is_none_or(|from| from == f) && to.is_none_or(|to| to == t)
        }
    }
}

/// `voters=0,1 learners=3`; what is not named is none. New members have the next numbers.
fn target(now: &Configuration, lists: &[&str]) -> Configuration {
    let list = |name: &str| -> Vec<NodeId> {
        let list = lists.iter().find_map(|list| list.strip_prefix(name));
        let nodes = list
            .unwrap_or("")
            .split(',')
            .filter(|node| !node.is_empty());
        nodes.map(|node| NodeId(node.parse().unwrap())).collect()
    };
    let (voters, learners) = (list("voters="), list("learners="));
    let largest = voters.iter().chain(&learners).map(|node| node.0 + 1).max();
    Configuration {
        voters,
        learners,
        outgoing: vec![],
        next: now.next.max(largest.unwrap_or(0)),
        ..now.clone()
    }
}

fn run(cluster: &mut Cluster, words: &[&str]) {
    let number = |at: usize| words[at].parse::<usize>().unwrap();
    let request = |cluster: &mut Cluster, request| {
        cluster.input(number(1), Input::Request(request));
    };
    let matches = |word: &str| {
        let link = link(word);
        move |p: &Packet| link(p.from.0 as u8, p.to.0 as u8)
    };
    match words {
        ["timeout", _] => cluster.time_out(number(1)),
        ["expire", _] => cluster.input(number(1), Input::Timer(Timer::Election)),
        ["beat", _] => cluster.beat(number(1)),
        ["retry", _] => cluster.input(number(1), Input::Timer(Timer::Reads)),
        ["propose", _, commands @ ..] => {
            let inputs = commands.iter().map(|command| {
                let payload = Bytes::copy_from_slice(command.as_bytes());
                Input::Request(Request::Propose(payload))
            });
            cluster.burst(number(1), inputs.collect());
        }
        ["join"] => {
            cluster.join();
        }
        ["members", _, lists @ ..] => {
            let now = cluster.raft(number(1)).configuration();
            let target = target(now, lists);
            cluster.reconfigure(number(1), target);
        }
        ["read", _, _] => request(cluster, Request::Read(number(2) as u64)),
        ["transfer", _, _] => request(cluster, Request::Transfer(NodeId(number(2) as u32))),
        ["suspect", _, _] => request(cluster, Request::Suspect(NodeId(number(2) as u32))),
        ["checkpoint", _] => cluster.checkpoint(number(1)),
        ["deliver"] => cluster.settle(),
        ["deliver", link, limit @ ..] => {
            let wanted = matches(link);
            let under_way = cluster.net.packets.iter().filter(|p| wanted(p)).count();
            let limit = limit.first().map_or(under_way, |n| n.parse().unwrap());
            for _ in 0..limit {
                cluster.deliver_one(&wanted);
            }
        }
        ["drop", link] => {
            let wanted = matches(link);
            let lost = cluster.net.take_all(wanted);
            let lost = lost.iter().map(|p| format!("  lost: {}", words::packet(p)));
            cluster.story.extend(lost);
        }
        ["repeat", link] => {
            let wanted = matches(link);
            let again: Vec<Packet> = cluster
                .net
                .packets
                .iter()
                .filter(|p| wanted(p))
                .cloned()
                .collect();
            cluster.net.packets.extend(again);
        }
        ["reverse", link] => {
            let wanted = matches(link);
            let some = cluster.net.take_all(wanted).into_iter();
            cluster.net.packets.extend(some.rev());
        }
        ["cut", word] => {
            let cut = link(word);
            let n = cluster.nodes.len() as u8;
            let pairs = NodeId::all(n).flat_map(|from| NodeId::all(n).map(move |to| (from, to)));
            let pairs = pairs.filter(|(from, to)| cut(from.0 as u8, to.0 as u8));
            cluster.net.cut.extend(pairs);
        }
        ["heal"] => cluster.net.cut.clear(),
        ["slow", _] => cluster.nodes[number(1)].quick = false,
        ["quick", _] => {
            cluster.nodes[number(1)].quick = true;
            cluster.sync(number(1), u64::MAX);
        }
        ["durable", _] => cluster.sync(number(1), u64::MAX),
        ["durable", _, _] => {
            let synced = cluster.nodes[number(1)].disk.synced;
            cluster.sync(number(1), synced + number(2) as u64);
        }
        ["crash", _] => cluster.crash(number(1), 0),
        ["crash", _, _] => cluster.crash(number(1), number(2) as u64),
        ["restart", _] => cluster.restart(number(1)),
        ["wait", _] => cluster.now = cluster.now + Duration::from_millis(number(1) as u64),
        ["state"] => {
            let states = (0..cluster.nodes.len()).map(|node| words::state(cluster, node));
            cluster.story = states.collect();
        }
        ["state", _] => cluster.story = vec![words::state(cluster, number(1))],
        ["underway"] => cluster.story = cluster.net.packets.iter().map(words::packet).collect(),
        _ => panic!("no such command: {}", words.join(" ")),
    }
}

macro_rules! transcripts {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            let script = include_str!(concat!("transcripts/", stringify!($name), ".txt"));
            expect_file![concat!("./transcripts/", stringify!($name), ".txt")].assert_eq(&play(script));
        })*

        #[test]
        fn every_transcript_is_played() {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/raft/transcripts");
            let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
            let mut names: Vec<String> = names.map(|n| n.into_string().unwrap()).collect();
            names.sort();
            assert_eq!(names, [$(concat!(stringify!($name), ".txt")),*]);
        }
    };
}

// In alphabetical order.
transcripts! {
    check_quorum,
    checkpoint,
    configuration_rolls_back,
    conflict_back_up,
    election,
    figure_8,
    joint_change,
    leader_removes_itself,
    leaders_own_write,
    learner_promoted,
    loss_and_reordering,
    pre_vote,
    pre_vote_of_two,
    read_index,
    removed_node,
    single_node,
    snapshot_carries_configuration,
    snapshot_install,
    stalled_disk,
    suspicion,
    transfer,
    transfer_under_load,
    vote_persistence,
}
