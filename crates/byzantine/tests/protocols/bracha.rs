use crate::world::World;
use crate::{betray, draw_traitors, value};
use quorate_byzantine::AgreedValue;
use quorate_byzantine::bracha::*;
use quorate_core::{NodeId, NodeSet};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(5);

fn world(n: u8, f: u8, seed: u64) -> World<Bracha> {
    crate::world::honest(n, seed, |_| Config {
        nodes: n,
        faulty: f,
        sender: NodeId(0),
    })
}

fn forge(dice: &mut crate::Dice, _to: NodeId, message: Message) -> Vec<Message> {
    let lie = value(["a", "b", "c"][dice.below(3) as usize]);
    match dice.below(4) {
        0 => vec![message],
        1 => vec![Message::Echo(lie.clone()), Message::Ready(lie)],
        2 => vec![Message::Ready(lie), message],
        _ => vec![Message::Initial(lie), Message::Again],
    }
}

fn one_run(n: u8, f: u8, traitors: u8, seed: u64) -> World<Bracha> {
    let mut world = world(n, f, seed);
    let traitors = draw_traitors(&mut world, traitors);
    let mut copies = vec![0];
    for traitor in &traitors {
        let twin = betray(&mut world, *traitor, forge);
        copies.extend(twin.filter(|_| *traitor == 0));
    }
    for (copy, text) in copies.into_iter().zip(["a", "b"]) {
        world.request(copy, value(text));
    }
    world.run(LONG);
    world
}

#[test]
fn all_honest_nodes_deliver_one_value_or_none_does() {
    for (n, f) in [(4, 1), (7, 2), (10, 3)] {
        for seed in 0..300 {
            let world = one_run(n, f, f, seed);
            assert!(!world.disagree(), "n {n}, seed {seed}");
            let delivered = world.decisions().iter().flatten().count();
            let honest = world.honest().count();
            assert!(delivered == 0 || delivered == honest, "n {n}, seed {seed}");
            if world.nodes[0].honest {
                assert_eq!(delivered, honest, "n {n}, seed {seed}");
                assert_eq!(world.nodes[0].outputs, [value("a")]);
            }
        }
    }
}

#[test]
fn one_liar_more_breaks_it() {
    let broken = (0..300).filter(|seed| one_run(4, 1, 2, *seed).disagree());
    assert!(broken.count() > 0, "two liars of four do no harm");
}

#[test]
fn with_three_nodes_one_silent_liar_stops_it() {
    let mut world = world(3, 1, 1);
    world.silence(2);
    world.request(0, value("a"));
    world.run(LONG);
    assert_eq!(world.decisions(), [None::<&AgreedValue>, None]);
}

#[test]
fn its_cost_is_the_declared_one() {
    for (n, f) in [(4, 1), (7, 2), (31, 10)] {
        let mut world = world(n, f, 1);
        world.request(0, value("a"));
        world.run(LONG);
        let cost = PROTOCOL.cost(n.into(), f.into());
        assert_eq!(world.sent, cost.messages);
        let syncs: u64 = world.nodes.iter().map(|slot| slot.disk.syncs).sum();
        assert_eq!(syncs, cost.syncs);
    }
}

/// The sender has two faces; one honest node is down for a while and is asked again, by the other
/// face, when it is back.
fn crash_story(forgets: bool) -> World<Bracha> {
    let mut world = world(4, 1, 1);
    world.transit = crate::world::lock_step();
    world.nodes[1].forgets = forgets;
    // The first face talks with 1 and 2, the second with 1 and 3.
    let second = world.twins(0, NodeSet::from_iter([NodeId(3)]));
    world.request(0, value("a"));
    world.run(crate::world::DELTA);
    world.crash(1);
    world.restart(1);
    world.nodes[0].sees = NodeSet::from_iter([NodeId(2)]);
    world.nodes[second].sees = NodeSet::from_iter([NodeId(1), NodeId(3)]);
    world.request(second, value("b"));
    world.run(LONG);
    world
}

#[test]
fn a_node_that_was_down_is_bound_by_its_echo() {
    let world = crash_story(false);
    assert!(!world.disagree());
    assert_eq!(world.nodes[1].disk.records[0], Record::Echo(value("a")));
    // Without its log, it would have said the contrary.
    let world = crash_story(true);
    let said = world.nodes[1]
        .state
        .as_ref()
        .map(|node| format!("{node:?}"));
    assert!(said.is_some_and(|said| said.contains("echo: Some(b\"b\")")));
}

#[test]
fn nodes_that_were_down_deliver_all_the_same() {
    for seed in 0..200 {
        let mut world = world(4, 1, seed);
        world.request(0, value("a"));
        for _ in 0..6 {
            world.run(Duration::from_millis(4));
            let node = world.dice.below(4) as usize;
            world.crash(node);
            world.restart(node);
        }
        world.run(LONG);
        for slot in world.honest() {
            assert_eq!(slot.outputs.last(), Some(&value("a")), "seed {seed}");
        }
    }
}

#[test]
fn what_is_too_large_is_ignored() {
    let mut world = world(4, 1, 1);
    let large = AgreedValue::from(vec![0; quorate_byzantine::MAX_VALUE + 1]);
    world.request(0, large.clone());
    world.inject(0, 1, Message::Initial(large));
    world.run(LONG);
    assert_eq!(world.sent, 0);
}
