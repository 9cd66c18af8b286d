//! Single-decree Paxos: one value, whatever happens; and a value, once it stops happening.

use crate::world::*;
use bytes::Bytes;
use expect_test::expect;
use quorate_core::NodeId;
use quorate_crash::paxos::*;
use std::collections::BTreeSet;

fn propose(value: &str) -> Propose {
    Propose(Bytes::copy_from_slice(value.as_bytes()))
}

fn decided(world: &World<Paxos>) -> BTreeSet<Bytes> {
    let outputs = world.outputs.iter();
    let values = outputs.filter_map(|(_, _, output)| match output {
        Output::Decided { value } => Some(value.clone()),
        Output::Busy => None,
    });
    values.collect()
}

fn cluster(nodes: u8, seed: u64, weather: WireProfile) -> World<Paxos> {
    let config = Config {
        nodes,
        ..Config::default()
    };
    config.check().unwrap();
    lab_world(config, nodes, seed, weather)
}

#[test]
fn a_value_is_chosen() {
    let mut world = cluster(3, 0, WireProfile::CALM);
    world.print = arrivals();
    world.ask(0, propose("X"));
    world.run_to(10 * MS);
    expect![[r#"
        0.0 ms     n0 is asked Propose(b"X")
        1.0 ms     n0 → n1  Prepare { ballot: Ballot { round: 1, node: NodeId(0) } }
        1.0 ms     n0 → n2  Prepare { ballot: Ballot { round: 1, node: NodeId(0) } }
        2.0 ms     n1 → n0  Promise { ballot: Ballot { round: 1, node: NodeId(0) }, accepted: None }
        2.0 ms     n2 → n0  Promise { ballot: Ballot { round: 1, node: NodeId(0) }, accepted: None }
        3.0 ms     n0 → n1  Accept(Vote { ballot: Ballot { round: 1, node: NodeId(0) }, value: b"X" })
        3.0 ms     n0 → n2  Accept(Vote { ballot: Ballot { round: 1, node: NodeId(0) }, value: b"X" })
        4.0 ms     n1 → n0  Accepted { ballot: Ballot { round: 1, node: NodeId(0) } }
        4.0 ms     n0 says Decided { value: b"X" }
        4.0 ms     n2 → n0  Accepted { ballot: Ballot { round: 1, node: NodeId(0) } }
        5.0 ms     n0 → n1  Decided { value: b"X" }
        5.0 ms     n1 says Decided { value: b"X" }
        5.0 ms     n0 → n2  Decided { value: b"X" }
        5.0 ms     n2 says Decided { value: b"X" }
    "#]].assert_eq(&world.transcript);
}

#[test]
fn a_later_proposer_takes_over_what_may_be_chosen_already() {
    // n0 gets its value accepted by n0 and n1, and dies before it can tell anybody. n2 asks for
    // another value, and finds the first one.
    let mut world = cluster(3, 0, WireProfile::CALM);
    world.transit = Box::new(|_, _, _, to, message| {
        let blocked = to == NodeId(2) && matches!(message, Message::Accept(_));
        (!blocked).then_some(ZERO)
    });
    world.ask(0, propose("X"));
    world.run_to(3 * MS + MS / 2);
    world.crash(0);
    world.transit = on_time();
    world.print = arrivals();
    world.ask(2, propose("Y"));
    world.run_to(20 * MS);
    assert_eq!(decided(&world), BTreeSet::from(["X".into()]));
    expect![[r#"
        3.5 ms     n2 is asked Propose(b"Y")
        4.5 ms     n2 → n1  Prepare { ballot: Ballot { round: 2, node: NodeId(2) } }
        5.5 ms     n1 → n2  Promise { ballot: Ballot { round: 2, node: NodeId(2) }, accepted: Some(Vote { ballot: Ballot { round: 1, node: NodeId(0) }, value: b"X" }) }
        6.5 ms     n2 → n1  Accept(Vote { ballot: Ballot { round: 2, node: NodeId(2) }, value: b"X" })
        7.5 ms     n1 → n2  Accepted { ballot: Ballot { round: 2, node: NodeId(2) } }
        7.5 ms     n2 says Decided { value: b"X" }
        8.5 ms     n2 → n1  Decided { value: b"X" }
        8.5 ms     n1 says Decided { value: b"X" }
    "#]].assert_eq(&world.transcript);
}

/// Any schedule: late, lost, repeated; crashes of anybody at any time. In the end all are up and
/// messages arrive.
fn storm(seed: u64, lying_disks: bool) -> Result<(), String> {
    let mut dice = Dice(seed);
    let nodes = [1, 2, 3, 3, 4, 5, 7][dice.index(7)];
    let rough = WireProfile {
        delay: MS..=MS * [1, 30, 300][dice.index(3)],
        loss: [0, 10, 40][dice.index(3)],
        repeat: [0, 30][dice.index(2)],
        sync: ZERO..=MS * [0, 20][dice.index(2)],
    };
    let mut world = cluster(nodes, seed, rough);
    if lying_disks {
        world
            .nodes
            .iter_mut()
            .for_each(|node| node.disk.lies = true);
    }
    let somebody = |dice: &mut Dice| NodeId(dice.index(usize::from(nodes)) as u32);
    for _ in 0..dice.index(10) {
        let node = somebody(&mut dice);
        let at = dice.within(&(ZERO..=1000 * MS));
        world.at(at, Event::Crash(node));
        world.at(at + dice.within(&(ZERO..=300 * MS)), Event::Restart(node));
    }
    let wishes = 1 + dice.index(5);
    for wish in 0..wishes {
        let at = dice.within(&(ZERO..=1000 * MS));
        world.at(
            at,
            Event::Request(somebody(&mut dice), propose(&format!("{wish}"))),
        );
    }
    let deadline = 2000 * MS;
    let mut calm = false;
    while world.now < 40_000 * MS && world.turn() {
        world.check()?;
        if !calm && world.now > deadline {
            calm = true;
            world.profile = Some(WireProfile::CALM);
            NodeId::all(nodes).for_each(|node| world.restart(node.index()));
            world.ask(0, propose("last"));
        }
    }
    let values = decided(&world);
    if values.len() != 1 {
        return Err(format!("agreement: {values:?}"));
    }
    let silent = (0..nodes).find(|n| world.state(*n).decided().is_none());
    match silent {
        Some(node) => Err(format!("termination: n{node} never learns")),
        None => Ok(()),
    }
}

#[test]
fn whatever_happens_one_value_is_chosen_and_when_it_stops_everybody_learns_it() {
    for seed in 0..1500 {
        storm(seed, false).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
}

#[test]
fn promises_that_a_crash_takes_back_let_two_values_be_chosen() {
    let broken = (0..1500).filter_map(|seed| storm(seed, true).err());
    let agreement = broken.filter(|e| e.contains("agreement")).count();
    assert!(agreement > 0);
}

#[test]
fn with_a_minority_down_the_rest_decide_and_with_a_majority_down_nobody_does() {
    for nodes in [1, 2, 3, 4, 5, 31, 128] {
        let minority = (nodes - 1) / 2;
        for down in [minority, minority + 1] {
            let mut world = cluster(nodes, 7, WireProfile::CALM);
            NodeId::all(nodes)
                .rev()
                .take(down.into())
                .for_each(|n| world.crash(n.index()));
            world.ask(0, propose("X"));
            world.run_to(500 * MS);
            let told = world.outputs.len();
            let up = if down == minority { nodes - down } else { 0 };
            assert_eq!(told, usize::from(up), "{down} of {nodes} down");
        }
    }
}

#[test]
fn rivals_come_apart() {
    for nodes in [3, 5, 9] {
        for seed in 0..50 {
            let mut world = cluster(nodes, seed, WireProfile::CALM);
            for node in 0..nodes {
                world.ask(node, propose(&format!("of {node}")));
            }
            world.run_to(5_000 * MS);
            assert_eq!(decided(&world).len(), 1, "{nodes} rivals, seed {seed}");
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
    for nodes in [3, 4, 5, 31, 100] {
        let mut world = cluster(nodes, 0, SLOW_DISKS);
        world.ask(0, propose("X"));
        world.run_to(40 * MS);
        let cost = PROTOCOL.cost(nodes.into(), 1);
        assert_eq!(world.sent, cost.messages);
        let time = cost.delays + 10 * cost.syncs_in_sequence;
        assert_eq!(world.outputs[0].0, ms(time));
        let syncs: u64 = world.nodes.iter().map(|node| node.disk.syncs).sum();
        assert_eq!(syncs, cost.syncs);
    }
}
