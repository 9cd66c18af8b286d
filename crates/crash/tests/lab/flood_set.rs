//! FloodSet: agreement in `f + 1` rounds with `f` crashes, and none with one crash more, or one
//! message late.

use crate::world::*;
use bytes::Bytes;
use quorate_core::NodeId;
use quorate_crash::flood_set::*;
use std::collections::BTreeSet;

fn begin(nodes: u8, faults: u8, seed: u64, weather: WireProfile) -> World<FloodSet> {
    let config = Config {
        nodes,
        faults,
        ..Config::default()
    };
    config.check().unwrap();
    let mut world = lab_world(config, nodes, seed, weather);
    for node in 0..nodes {
        let value = Bytes::from(format!("value {node}"));
        world.ask(node, Propose(value));
    }
    world
}

fn decided(world: &World<FloodSet>) -> BTreeSet<Bytes> {
    let outputs = world.outputs.iter();
    outputs
        .map(|(_, _, Decided { value })| value.clone())
        .collect()
}

const WITHIN_A_ROUND: WireProfile = WireProfile {
    delay: MS..=ms(99),
    repeat: 20,
    ..WireProfile::CALM
};

#[test]
fn with_up_to_f_crashes_all_survivors_decide_the_same_after_f_plus_one_rounds() {
    for seed in 0..1000 {
        let mut dice = Dice(seed);
        let nodes = 1 + dice.index(7) as u8;
        let faults = dice.index(usize::from(nodes)) as u8;
        let mut world = begin(nodes, faults, seed, WITHIN_A_ROUND);
        let mut crashed = BTreeSet::new();
        for _ in 0..faults {
            let node = dice.index(usize::from(nodes));
            if crashed.insert(node) {
                // In the middle of a broadcast.
                let breath = dice.index(usize::from(nodes) * (usize::from(faults) + 1));
                world.nodes[node].breath = Some(breath);
            }
        }
        world.settle();
        world.check().unwrap();
        let values = decided(&world);
        assert_eq!(values.len(), 1, "seed {seed}: {values:?}");
        let survivors = (0..nodes).filter(|node| world.up(*node));
        for node in survivors {
            assert!(world.state(node).decided().is_some());
        }
    }
}

/// The chain of the lower bound's proof: in round r, node r - 1 dies and reaches only node r.
fn chain(nodes: u8, faults: u8, crashes: u8) -> BTreeSet<Bytes> {
    let mut world = begin(nodes, faults, 0, WireProfile::CALM);
    for node in 0..crashes {
        // Until then it reaches everybody; then only its successor in the chain.
        let full = usize::from(node) * usize::from(nodes - 1);
        let last = usize::from(node) + 1;
        world.nodes[usize::from(node)].breath = Some(full + last);
    }
    // Its messages leave in the order of the ids: those before its successor must not arrive.
    world.transit = Box::new(move |_, _, from, to, message| {
        let dying = from.0 < crashes.into() && u32::from(message.round) == from.0 + 1;
        (!dying || to.0 == from.0 + 1).then_some(ZERO)
    });
    world.settle();
    decided(&world)
}

#[test]
fn one_crash_more_than_promised_and_survivors_differ() {
    for faults in 0..5 {
        let nodes = faults + 3;
        assert_eq!(chain(nodes, faults, faults).len(), 1);
        assert_eq!(chain(nodes, faults, faults + 1).len(), 2, "f = {faults}");
    }
}

#[test]
fn who_is_late_is_not_heard_and_survivors_differ() {
    // Node 0 is correct, and its messages to the last node take a round longer than they may.
    for (nodes, faults) in [(3, 0), (2, 1)] {
        let mut world = begin(nodes, faults, 0, WireProfile::CALM);
        world.transit = Box::new(move |_, _, from, to, _| {
            let late = from == NodeId(0) && to == NodeId((nodes - 1).into());
            Some(if late { 100 * MS } else { ZERO })
        });
        world.settle();
        assert_eq!(decided(&world).len(), 2);
    }
}

#[test]
fn who_restarts_has_missed_its_rounds() {
    let mut world = begin(3, 1, 0, WireProfile::CALM);
    world.at(50 * MS, Event::Crash(NodeId(0)));
    world.at(60 * MS, Event::Restart(NodeId(0)));
    world.settle();
    assert_eq!(world.state(0).decided(), None);
    assert_eq!(decided(&world).len(), 1);
}

#[test]
fn it_costs_what_the_catalogue_says() {
    for (nodes, faults) in [(3, 1), (5, 2), (31, 2), (100, 1)] {
        let mut world = begin(nodes, faults, 0, WireProfile::CALM);
        world.settle();
        let cost = PROTOCOL.cost(nodes.into(), faults.into());
        assert_eq!(world.sent, cost.messages);
        assert_eq!(world.now, ms(cost.delays * 100));
    }
}
