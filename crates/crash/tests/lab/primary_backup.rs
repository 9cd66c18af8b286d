//! Primary and backups: nothing acknowledged is lost in any number of crashes, as long as silence
//! means death; and two primaries as soon as it does not.

use crate::world::{Dice, Event, MS, Weather, World};
use bytes::Bytes;
use expect_test::expect;
use quorate_core::NodeId;
use quorate_crash::primary_backup::*;
use std::collections::BTreeMap;

fn op(text: impl ToString) -> Do {
    Do(Bytes::from(text.to_string()))
}

fn cluster(nodes: u8, seed: u64, weather: Weather) -> World<PrimaryBackup> {
    let config = Config {
        nodes,
        ..Config::default()
    };
    config.check().unwrap();
    World::new(config, nodes, seed, weather)
}

fn primaries(world: &World<PrimaryBackup>) -> usize {
    let up = (0..world.size).filter(|n| world.up(*n));
    up.filter(|n| world.state(*n).is_primary()).count()
}

fn history(world: &World<PrimaryBackup>, node: u8) -> Vec<Update> {
    let of = world.outputs.iter().filter(|(_, of, _)| of.0 == node);
    of.filter_map(|(_, _, output)| match output {
        Output::Applied(update) => Some(update.clone()),
        _ => None,
    })
    .collect()
}

/// Delays just under delta.
const WITHIN_BOUNDS: Weather = Weather {
    delay: 0..=20 * MS - 1,
    repeat: 10,
    ..Weather::CALM
};

#[test]
fn the_next_in_rank_takes_over_and_passes_on_what_only_it_has_got() {
    let mut world = cluster(3, 0, Weather::CALM);
    world.run_until(50 * MS);
    world.transcript = Some(String::new());
    world.request(0, op("a"));
    world.run_until(60 * MS);
    world.nodes[0].breath = Some(1);
    world.request(0, op("b"));
    world.run_until(200 * MS);
    world.request(1, op("c"));
    world.request(2, op("d"));
    world.run_until(230 * MS);
    world.check().unwrap();
    expect![[r#"
        50.0 ms    n0 is asked Do(b"a")
        50.0 ms    n0 says Applied(Update { seq: 1, op: b"a" })
        50.0 ms    n0 says Done { seq: 1 }
        51.0 ms    n0 → n1  Update(Update { seq: 1, op: b"a" })
        51.0 ms    n1 says Applied(Update { seq: 1, op: b"a" })
        51.0 ms    n0 → n2  Update(Update { seq: 1, op: b"a" })
        51.0 ms    n2 says Applied(Update { seq: 1, op: b"a" })
        60.0 ms    n0 is asked Do(b"b")
        60.0 ms    n0 crashes
        61.0 ms    n0 → n1  Update(Update { seq: 2, op: b"b" })
        61.0 ms    n1 says Applied(Update { seq: 2, op: b"b" })
        181.0 ms   n1 says Promoted
        182.0 ms   n1 → n2  Takeover { updates: [Update { seq: 1, op: b"a" }, Update { seq: 2, op: b"b" }] }
        182.0 ms   n2 says Applied(Update { seq: 2, op: b"b" })
        200.0 ms   n1 is asked Do(b"c")
        200.0 ms   n1 says Applied(Update { seq: 3, op: b"c" })
        200.0 ms   n1 says Done { seq: 3 }
        200.0 ms   n2 is asked Do(b"d")
        200.0 ms   n2 says Refused(NotPrimary { primary: NodeId(1) })
        201.0 ms   n1 → n2  Update(Update { seq: 3, op: b"c" })
        201.0 ms   n2 says Applied(Update { seq: 3, op: b"c" })
    "#]].assert_eq(&world.transcript.unwrap());
}

#[test]
fn up_to_all_but_one_crash_and_nothing_acknowledged_is_lost() {
    let mut answered = 0;
    for seed in 0..600 {
        let mut dice = Dice(seed);
        let nodes = 1 + dice.below(6) as u8;
        let mut world = cluster(nodes, seed, WITHIN_BOUNDS);
        let mut die: Vec<usize> = (0..usize::from(nodes)).collect();
        die.remove(dice.below(die.len()));
        for node in die {
            if dice.percent(70) {
                let at = dice.within(&(0..=1500 * MS));
                match dice.percent(50) {
                    // Between two messages, once it sends any.
                    true => world.nodes[node].breath = Some(dice.below(60)),
                    false => world.at(at, Event::Crash(NodeId(node as u8))),
                }
            }
        }
        for n in 0..100 {
            let at = dice.within(&(0..=3000 * MS));
            let node = NodeId(dice.below(usize::from(nodes)) as u8);
            world.at(at, Event::Request(node, op(n)));
        }
        while world.now < 4500 * MS && world.turn() {
            if world.now > 3500 * MS {
                // The last crash is long enough ago for somebody to have taken over.
                world.nodes.iter_mut().for_each(|node| node.breath = None);
            }
            world.check().unwrap_or_else(|e| panic!("seed {seed}: {e}"));
            assert!(primaries(&world) <= 1, "Pb1, seed {seed}");
        }
        assert_eq!(primaries(&world), 1, "seed {seed}");
        let survivors: Vec<u8> = (0..nodes).filter(|n| world.up(*n)).collect();
        let common = history(&world, survivors[0]);
        for node in &survivors {
            assert_eq!(history(&world, *node), common, "seed {seed}");
        }
        // Whoever was told that an update is done finds it where it was said to be.
        let done = world
            .outputs
            .iter()
            .filter_map(|(_, node, output)| match output {
                Output::Done { seq } => Some((node.0, *seq)),
                _ => None,
            });
        for (node, seq) in done {
            answered += 1;
            let at = seq as usize - 1;
            assert_eq!(history(&world, node)[at], common[at], "seed {seed}");
        }
    }
    assert!(answered > 5_000, "{answered}");
}

#[test]
fn service_is_back_within_the_declared_time() {
    for seed in 0..200 {
        let mut world = cluster(4, seed, WITHIN_BOUNDS);
        world.run_until(500 * MS);
        let config = Config::default();
        world.crash(NodeId(0));
        world.crash(NodeId(1));
        let bound = config.patience() + config.succession() + config.delta;
        world.run_until(500 * MS + bound.as_nanos() as u64);
        assert_eq!(primaries(&world), 1, "seed {seed}");
    }
}

/// What was said to be done, by place: more than one answer for a place is a split brain.
fn answers(world: &World<PrimaryBackup>) -> BTreeMap<u64, Vec<u8>> {
    let mut answers: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    for (_, node, output) in &world.outputs {
        if let Output::Done { seq } = output {
            answers.entry(*seq).or_default().push(node.0);
        }
    }
    answers
}

#[test]
fn one_late_heartbeat_and_two_primaries_answer() {
    let mut world = cluster(2, 0, Weather::CALM);
    world.run_until(150 * MS);
    // A pause: what node 0 says in the next 100 ms is late by as much.
    let until = 250 * MS;
    world.fate = Some(Box::new(move |_, _, _| Some(100 * MS)));
    world.run_until(until);
    world.fate = None;
    assert_eq!(primaries(&world), 2);
    world.request(0, op("of the old"));
    world.request(1, op("of the new"));
    world.run_until(400 * MS);
    assert_eq!(answers(&world), BTreeMap::from([(1, vec![0, 1])]));
    assert_ne!(history(&world, 0), history(&world, 1));
    assert!(world.check().unwrap_err().contains("taken for crashed"));
}

#[test]
fn one_lost_message_and_a_backup_misses_what_was_acknowledged() {
    let mut world = cluster(2, 0, Weather::CALM);
    world.run_until(10 * MS);
    world.fate = Some(Box::new(|_, _, m| {
        (!matches!(m, Message::Update(_))).then_some(0)
    }));
    world.request(0, op("lost"));
    world.run_until(20 * MS);
    world.crash(NodeId(0));
    world.run_until(500 * MS);
    assert_eq!(answers(&world), BTreeMap::from([(1, vec![0])]));
    assert!(world.state(1).is_primary() && world.state(1).applied() == 0);
}

#[test]
fn who_restarts_has_forgotten_everything_and_takes_itself_for_the_primary() {
    let mut world = cluster(2, 0, Weather::CALM);
    world.request(0, op("a"));
    world.run_until(50 * MS);
    world.crash(NodeId(0));
    world.run_until(500 * MS);
    world.restart(NodeId(0));
    assert_eq!(primaries(&world), 2);
    world.request(0, op("b"));
    world.run_until(600 * MS);
    assert_eq!(answers(&world), BTreeMap::from([(1, vec![0, 0])]));
    assert!(world.check().is_err());
}

#[test]
fn more_updates_than_the_window_are_refused() {
    let config = Config {
        window: 3,
        ..Config::default()
    };
    let mut world: World<PrimaryBackup> = World::new(config, 2, 0, Weather::CALM);
    for n in 0..5 {
        world.request(0, op(n));
    }
    world.run_until(10 * MS);
    let refused = world.outputs.iter();
    let refused = refused.filter(|(_, _, o)| *o == Output::Refused(Refusal::Busy));
    assert_eq!(refused.count(), 2);
    assert_eq!(world.state(1).applied(), 3);
    world.run_until(150 * MS);
    world.request(0, op("later"));
    world.run_until(160 * MS);
    assert_eq!(world.state(1).applied(), 4);
}

#[test]
fn it_costs_what_the_catalogue_says() {
    for nodes in [2, 4, 31, 128] {
        let mut world = cluster(nodes, 0, Weather::CALM);
        world.run_until(50 * MS);
        let before = world.sent;
        world.request(0, op("a"));
        world.run_until(60 * MS);
        let cost = PROTOCOL.cost(nodes.into(), 1);
        assert_eq!(world.sent - before, cost.messages);
        let at = |node| {
            let mut outputs = world.outputs.iter();
            let applied =
                outputs.find(|(_, of, o)| *of == NodeId(node) && matches!(o, Output::Applied(_)));
            applied.unwrap().0
        };
        assert_eq!(at(1) - at(0), cost.delays * MS);
    }
}
