//! The majority commit: the traces of doc 000, the table of doc 003, and what each lesson costs.

use crate::world::*;
use bytes::Bytes;
use expect_test::expect;
use quorate_core::NodeId;
use quorate_crash::majority::*;
use std::collections::BTreeSet;

fn commit(value: &'static str) -> Commit {
    Commit(Bytes::from_static(value.as_bytes()))
}

fn vote(ballot: u64, value: &'static str) -> Vote {
    let value = Bytes::from_static(value.as_bytes());
    Vote { ballot, value }
}

fn committed(world: &World<Majority>) -> Vec<(u32, Bytes)> {
    let outputs = world.outputs.iter();
    let values = outputs.filter_map(|(_, node, output)| match output {
        Output::Committed { value } => Some((node.0, value.clone())),
        _ => None,
    });
    values.collect()
}

/// The values that were ever committed anywhere.
fn decided(world: &World<Majority>) -> BTreeSet<Bytes> {
    committed(world)
        .into_iter()
        .map(|(_, value)| value)
        .collect()
}

fn traced(config: Config) -> World<Majority> {
    let size = config.nodes;
    let mut world: World<Majority> = lab_world(config, size, 0, WireProfile::CALM);
    world.print = arrivals();
    world
}

#[test]
fn crash_stop_as_traced() {
    let mut world = traced(Config::default());
    world.crash(2);
    world.ask(0, commit("X"));
    world.settle();
    world.check().unwrap();
    expect![[r#"
        0.0 ms     n2 crashes
        0.0 ms     n0 is asked Commit(b"X")
        1.0 ms     n0 → n1  Propose(Vote { ballot: 0, value: b"X" })
        1.0 ms     n0 → n3  Propose(Vote { ballot: 0, value: b"X" })
        1.0 ms     n0 → n4  Propose(Vote { ballot: 0, value: b"X" })
        2.0 ms     n1 → n0  Ack(Vote { ballot: 0, value: b"X" })
        2.0 ms     n3 → n0  Ack(Vote { ballot: 0, value: b"X" })
        2.0 ms     n0 says Committed { value: b"X" }
        2.0 ms     n4 → n0  Ack(Vote { ballot: 0, value: b"X" })
        3.0 ms     n0 → n1  Committed { value: b"X" }
        3.0 ms     n1 says Committed { value: b"X" }
        3.0 ms     n0 → n3  Committed { value: b"X" }
        3.0 ms     n3 says Committed { value: b"X" }
        3.0 ms     n0 → n4  Committed { value: b"X" }
        3.0 ms     n4 says Committed { value: b"X" }
    "#]]
    .assert_eq(&world.transcript);
}

#[test]
fn crash_recovery_as_traced() {
    // C has written the value down and crashes before its acknowledgement leaves. It comes back
    // with the value, and nobody tells it that it is committed: this protocol has no catch-up.
    let mut world = traced(Config::default());
    world.nodes[2].breath = Some(0);
    world.ask(0, commit("X"));
    world.at(30_000 * MS, Event::Restart(NodeId(2)));
    world.settle();
    world.check().unwrap();
    assert_eq!(world.state(2).hard().accepted, Some(vote(0, "X")));
    assert_eq!(world.state(2).committed(), None);
    expect![[r#"
        0.0 ms     n0 is asked Commit(b"X")
        1.0 ms     n0 → n1  Propose(Vote { ballot: 0, value: b"X" })
        1.0 ms     n0 → n2  Propose(Vote { ballot: 0, value: b"X" })
        1.0 ms     n2 crashes
        1.0 ms     n0 → n3  Propose(Vote { ballot: 0, value: b"X" })
        1.0 ms     n0 → n4  Propose(Vote { ballot: 0, value: b"X" })
        2.0 ms     n1 → n0  Ack(Vote { ballot: 0, value: b"X" })
        2.0 ms     n3 → n0  Ack(Vote { ballot: 0, value: b"X" })
        2.0 ms     n0 says Committed { value: b"X" }
        2.0 ms     n4 → n0  Ack(Vote { ballot: 0, value: b"X" })
        3.0 ms     n0 → n1  Committed { value: b"X" }
        3.0 ms     n1 says Committed { value: b"X" }
        3.0 ms     n0 → n3  Committed { value: b"X" }
        3.0 ms     n3 says Committed { value: b"X" }
        3.0 ms     n0 → n4  Committed { value: b"X" }
        3.0 ms     n4 says Committed { value: b"X" }
        30000.0 ms n2 recovers
    "#]]
    .assert_eq(&world.transcript);
}

#[test]
fn omission_as_traced() {
    // C gets everything and nothing that it says arrives.
    let mut world = traced(Config::default());
    world.transit = Box::new(|_, _, from, _, _| (from != NodeId(2)).then_some(ZERO));
    world.ask(0, commit("X"));
    world.settle();
    world.check().unwrap();
    expect![[r#"
        0.0 ms     n0 is asked Commit(b"X")
        1.0 ms     n0 → n1  Propose(Vote { ballot: 0, value: b"X" })
        1.0 ms     n0 → n2  Propose(Vote { ballot: 0, value: b"X" })
        1.0 ms     n2 ⇢ n0  Ack(Vote { ballot: 0, value: b"X" }) is lost
        1.0 ms     n0 → n3  Propose(Vote { ballot: 0, value: b"X" })
        1.0 ms     n0 → n4  Propose(Vote { ballot: 0, value: b"X" })
        2.0 ms     n1 → n0  Ack(Vote { ballot: 0, value: b"X" })
        2.0 ms     n3 → n0  Ack(Vote { ballot: 0, value: b"X" })
        2.0 ms     n0 says Committed { value: b"X" }
        2.0 ms     n4 → n0  Ack(Vote { ballot: 0, value: b"X" })
        3.0 ms     n0 → n1  Committed { value: b"X" }
        3.0 ms     n1 says Committed { value: b"X" }
        3.0 ms     n0 → n2  Committed { value: b"X" }
        3.0 ms     n2 says Committed { value: b"X" }
        3.0 ms     n0 → n3  Committed { value: b"X" }
        3.0 ms     n3 says Committed { value: b"X" }
        3.0 ms     n0 → n4  Committed { value: b"X" }
        3.0 ms     n4 says Committed { value: b"X" }
    "#]]
    .assert_eq(&world.transcript);
}

#[test]
fn a_liar_as_traced() {
    // C plays along, and tells D and E something else in the leader's name. Where nobody can tell
    // who speaks, D and E overwrite what they have acknowledged.
    let mut world = traced(Config::default());
    world.ask(0, commit("X"));
    world.run_to(MS);
    for victim in [3, 4] {
        world.forge(0, victim, Message::Propose(vote(0, "Y")));
    }
    world.settle();
    let honest = [0, 1, 3, 4].into_iter();
    let holders = honest.filter(|n| world.on_disk(*n).accepted == Some(vote(0, "X")));
    assert_eq!(holders.count(), 2, "it is committed, and no quorum has it");
    expect![[r#"
        0.0 ms     n0 is asked Commit(b"X")
        1.0 ms     n0 → n1  Propose(Vote { ballot: 0, value: b"X" })
        1.0 ms     n0 → n2  Propose(Vote { ballot: 0, value: b"X" })
        1.0 ms     n0 → n3  Propose(Vote { ballot: 0, value: b"X" })
        1.0 ms     n0 → n4  Propose(Vote { ballot: 0, value: b"X" })
        1.0 ms     n3 is told in the name of n0: Propose(Vote { ballot: 0, value: b"Y" })
        1.0 ms     n4 is told in the name of n0: Propose(Vote { ballot: 0, value: b"Y" })
        1.0 ms     n0 → n3  Propose(Vote { ballot: 0, value: b"Y" })
        1.0 ms     n0 → n4  Propose(Vote { ballot: 0, value: b"Y" })
        2.0 ms     n1 → n0  Ack(Vote { ballot: 0, value: b"X" })
        2.0 ms     n2 → n0  Ack(Vote { ballot: 0, value: b"X" })
        2.0 ms     n0 says Committed { value: b"X" }
        2.0 ms     n3 → n0  Ack(Vote { ballot: 0, value: b"X" })
        2.0 ms     n4 → n0  Ack(Vote { ballot: 0, value: b"X" })
        2.0 ms     n0 says Tally(VoteTally { acks: 5, voters: 5, quorum: 3, agreed: true, tampered_seen: false, winning: Some(b"X") })
        2.0 ms     n3 → n0  Ack(Vote { ballot: 0, value: b"Y" })
        2.0 ms     n4 → n0  Ack(Vote { ballot: 0, value: b"Y" })
        3.0 ms     n0 → n1  Committed { value: b"X" }
        3.0 ms     n1 says Committed { value: b"X" }
        3.0 ms     n0 → n2  Committed { value: b"X" }
        3.0 ms     n2 says Committed { value: b"X" }
        3.0 ms     n0 → n3  Committed { value: b"X" }
        3.0 ms     n3 says Committed { value: b"X" }
        3.0 ms     n0 → n4  Committed { value: b"X" }
        3.0 ms     n4 says Committed { value: b"X" }
    "#]].assert_eq(&world.transcript);
}

/// A follower's mode in doc 003.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Healthy,
    Crash,
    Omission,
    Timing,
    Byzantine,
}

fn tampered(message: Message) -> Message {
    match message {
        Message::Ack(Vote { ballot, value }) => {
            let value = [&value[..], b"_TAMPERED"].concat().into();
            Message::Ack(Vote { ballot, value })
        }
        other => other,
    }
}

fn four_modes(modes: [Mode; 4], count: Count, seed: u64) -> World<Majority> {
    let config = Config {
        quorum: QuorumRule::OfFollowers,
        deadline: Some(ms(200)),
        count,
        ..Config::default()
    };
    let weather = WireProfile {
        delay: MS..=5 * MS,
        ..WireProfile::CALM
    };
    let mut world: World<Majority> = lab_world(config, 5, seed, weather);
    let mode = move |node: NodeId| match node {
        NodeId(0) => Mode::Healthy,
        NodeId(node) => modes[node as usize - 1],
    };
    for node in NodeId::all(5).filter(|node| mode(*node) == Mode::Crash) {
        world.crash(node.index());
    }
    let mut dice = Dice(seed);
    world.transit = Box::new(move |_, _, from, _, _| match mode(from) {
        Mode::Omission => (!dice.percent(40)).then_some(ZERO),
        Mode::Timing => Some(dice.within(&(500 * MS..=1200 * MS))),
        _ => Some(ZERO),
    });
    for node in (1..5).filter(|node| mode(NodeId(*node)) == Mode::Byzantine) {
        world.corrupt(
            node as u8,
            Box::new(|_, _, message| vec![tampered(message)]),
        );
    }
    world.ask(0, commit("balance=9000"));
    world.settle();
    world
}

fn tally(world: &World<Majority>) -> VoteTally {
    let mut outputs = world.outputs.iter();
    let tally = outputs.find_map(|(_, _, output)| match output {
        Output::Tally(tally) => Some(tally.clone()),
        _ => None,
    });
    tally.expect("the deadline has passed")
}

#[test]
fn the_table_of_four_modes() {
    use Mode::*;
    let rows = [
        ("healthy", [Healthy; 4]),
        ("crash-1", [Crash, Healthy, Healthy, Healthy]),
        ("crash-2", [Crash, Crash, Healthy, Healthy]),
        ("omission", [Omission, Omission, Healthy, Healthy]),
        ("timing", [Timing, Timing, Healthy, Healthy]),
        ("byzantine-1", [Byzantine, Healthy, Healthy, Healthy]),
    ];
    let mut table = String::new();
    for (name, modes) in rows {
        let world = four_modes(modes, Count::SameContent, 7);
        world.check().unwrap();
        let it = tally(&world);
        let winning = it.winning.as_deref().map(String::from_utf8_lossy);
        table += &format!(
            "{name:12} acks={}/{} quorum={} agreed={} tampered_seen={} winning={}\n",
            it.acks,
            it.voters,
            it.quorum,
            it.agreed,
            it.tampered_seen,
            winning.unwrap_or_default(),
        );
    }
    // Three of four equal acknowledgements are a quorum of three: the last row is agreed, and it
    // is agreed on what was proposed.
    expect![[r#"
        healthy      acks=4/4 quorum=3 agreed=true tampered_seen=false winning=balance=9000
        crash-1      acks=3/4 quorum=3 agreed=true tampered_seen=false winning=balance=9000
        crash-2      acks=2/4 quorum=3 agreed=false tampered_seen=false winning=balance=9000
        omission     acks=3/4 quorum=3 agreed=true tampered_seen=false winning=balance=9000
        timing       acks=2/4 quorum=3 agreed=false tampered_seen=false winning=balance=9000
        byzantine-1  acks=4/4 quorum=3 agreed=true tampered_seen=true winning=balance=9000
    "#]]
    .assert_eq(&table);
}

#[test]
fn who_counts_acknowledgements_and_not_their_content_commits_what_nobody_proposed() {
    use Mode::*;
    let modes = [Byzantine, Healthy, Healthy, Healthy];
    let mut tampered = 0;
    for seed in 0..100 {
        let honest = decided(&four_modes(modes, Count::SameContent, seed));
        assert_eq!(honest, BTreeSet::from(["balance=9000".into()]));
        let naive = decided(&four_modes(modes, Count::AnyContent, seed));
        tampered += usize::from(naive.contains(&b"balance=9000_TAMPERED"[..]));
    }
    // Whenever the liar's is the third of four.
    assert!((10..50).contains(&tampered), "{tampered} of 100");
}

/// X is committed; then every node crashes, at a moment when no disk of a follower has synced yet
/// unless somebody waited for it, and comes back; then Y is asked for.
fn twice(config: Config) -> World<Majority> {
    let weather = WireProfile {
        sync: 5 * MS..=5 * MS,
        ..WireProfile::CALM
    };
    let size = config.nodes;
    let mut world: World<Majority> = lab_world(config, size, 0, weather);
    world.ask(0, commit("X"));
    while committed(&world).is_empty() && world.turn() {}
    world.run_to(world.now + MS);
    for node in NodeId::all(size) {
        world.crash(node.index());
        world.restart(node.index());
    }
    world.ask(0, commit("Y"));
    world.settle();
    world
}

#[test]
fn an_acknowledgement_before_the_sync_is_lost_in_a_crash_and_two_values_are_committed() {
    let careful = Config {
        quorum: QuorumRule::OfFollowers,
        order: PrepareRule::PromiseFirst,
        ..Config::default()
    };
    let careless = Config {
        acknowledge: Acknowledge::AtOnce,
        ..careful.clone()
    };
    assert_eq!(decided(&twice(careful)), BTreeSet::from(["X".into()]));
    assert_eq!(
        decided(&twice(careless)),
        BTreeSet::from(["X".into(), "Y".into()])
    );
}

#[test]
fn a_leader_that_does_not_wait_for_promises_overwrites_what_it_committed_before_a_crash() {
    let waits = Config {
        order: PrepareRule::PromiseFirst,
        ..Config::default()
    };
    let hurries = Config {
        order: PrepareRule::Together,
        ..waits.clone()
    };
    assert_eq!(decided(&twice(waits)), BTreeSet::from(["X".into()]));
    assert_eq!(
        decided(&twice(hurries)),
        BTreeSet::from(["X".into(), "Y".into()])
    );
}

#[test]
fn only_a_leader_that_does_not_wait_is_overtaken_by_its_own_value() {
    let run = |order, seed| {
        let config = Config {
            order,
            ..Config::default()
        };
        let weather = WireProfile {
            delay: MS..=50 * MS,
            loss: 10,
            repeat: 20,
            ..WireProfile::CALM
        };
        let mut world: World<Majority> = lab_world(config, 5, seed, weather);
        world.ask(0, commit("X"));
        world.settle();
        world.check()
    };
    let overtaken = (0..100).filter(|seed| run(PrepareRule::Together, *seed).is_err());
    assert!(overtaken.count() > 90);
    for seed in 0..100 {
        run(PrepareRule::PromiseFirst, seed).unwrap();
    }
}

#[test]
fn with_the_safe_options_one_value_is_committed_and_a_quorum_keeps_it() {
    let mut decisions = 0;
    for seed in 0..1500 {
        let mut dice = Dice(seed);
        let nodes = [1, 2, 3, 4, 5][dice.index(5)];
        let config = Config {
            nodes,
            leader: NodeId(dice.index(usize::from(nodes)) as u32),
            quorum: match nodes {
                1 => QuorumRule::OfAll,
                _ => [QuorumRule::OfAll, QuorumRule::OfFollowers][dice.index(2)],
            },
            order: [PrepareRule::Simple, PrepareRule::PromiseFirst][dice.index(2)],
            deadline: [None, Some(ms(30))][dice.index(2)],
            ..Config::default()
        };
        config.check().unwrap();
        assert_eq!(config.protocol(), Some(PROTOCOL));
        let weather = WireProfile {
            delay: MS..=MS * [1, 10, 60][dice.index(3)],
            loss: [0, 5, 20][dice.index(3)],
            repeat: [0, 20][dice.index(2)],
            sync: ZERO..=MS * [0, 10][dice.index(2)],
        };
        let mut world: World<Majority> = lab_world(config.clone(), nodes, seed, weather);
        for _ in 0..dice.index(8) {
            let node = match dice.percent(50) {
                true => config.leader,
                false => NodeId(dice.index(usize::from(nodes)) as u32),
            };
            let at = dice.within(&(ZERO..=200 * MS));
            world.at(at, Event::Crash(node));
            world.at(at + dice.within(&(ZERO..=50 * MS)), Event::Restart(node));
        }
        for value in ["X", "Y", "Z"].into_iter().cycle().take(12) {
            let at = dice.within(&(ZERO..=250 * MS));
            world.at(at, Event::Request(config.leader, commit(value)));
        }
        while world.turn() {
            world.check().unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        }
        let decided = decided(&world);
        assert!(decided.len() <= 1, "seed {seed}: {decided:?}");
        if let Some(value) = decided.first() {
            decisions += 1;
            assert!([&b"X"[..], b"Y", b"Z"].contains(&&value[..]));
            let voters = NodeId::all(nodes)
                .filter(|n| config.quorum == QuorumRule::OfAll || *n != config.leader);
            let keep = voters.filter(|n| {
                let accepted = world.on_disk(n.0 as u8).accepted;
                accepted.is_some_and(|vote| vote.value == *value)
            });
            assert!(keep.count() >= config.quorum(), "seed {seed}");
        }
    }
    assert!(decisions > 800, "{decisions}");
}

#[test]
fn with_a_minority_of_followers_silent_the_rest_commit() {
    for nodes in [1, 3, 4, 5, 31, 128] {
        for order in [PrepareRule::Simple, PrepareRule::PromiseFirst] {
            let config = Config {
                nodes,
                order,
                ..Config::default()
            };
            let mut world: World<Majority> = lab_world(config, nodes, 0, WireProfile::CALM);
            let silent = (nodes - 1) / 2;
            NodeId::all(nodes)
                .rev()
                .take(silent.into())
                .for_each(|n| world.crash(n.index()));
            world.ask(0, commit("X"));
            world.settle();
            assert_eq!(committed(&world).len(), usize::from(nodes - silent));
        }
    }
}

/// Each sync takes as long as ten messages.
const SLOW_DISKS: WireProfile = WireProfile {
    sync: ms(10)..=ms(10),
    ..WireProfile::CALM
};

#[test]
fn it_costs_what_the_catalogue_says() {
    for nodes in [3, 5, 31, 100] {
        let config = Config {
            nodes,
            ..Config::default()
        };
        let mut world: World<Majority> = lab_world(config, nodes, 0, SLOW_DISKS);
        world.ask(0, commit("X"));
        world.settle();
        let cost = PROTOCOL.cost(nodes.into(), 0);
        assert_eq!(world.sent, cost.messages);
        let time = cost.delays + 10 * cost.syncs_in_sequence;
        assert_eq!(world.outputs[0].0, ms(time));
        let syncs: u64 = world.nodes.iter().map(|node| node.disk.syncs).sum();
        assert_eq!(syncs, cost.syncs);
    }
}

#[test]
fn what_comes_late_from_an_older_ballot_is_not_accepted_after_a_newer_promise() {
    let config = Config {
        order: PrepareRule::PromiseFirst,
        ..Config::default()
    };
    let mut world: World<Majority> = lab_world(config, 5, 0, WireProfile::CALM);
    world.forge(0, 1, Message::Prepare { ballot: 2 });
    world.forge(0, 1, Message::Propose(vote(1, "old")));
    world.forge(0, 1, Message::Prepare { ballot: 1 });
    world.settle();
    assert_eq!(world.on_disk(1).accepted, None);
    assert_eq!(world.on_disk(1).promised, 2);
    world.forge(0, 1, Message::Propose(vote(2, "new")));
    world.settle();
    assert_eq!(world.on_disk(1).accepted, Some(vote(2, "new")));
    world.check().unwrap();
}
