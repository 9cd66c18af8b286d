//! Primary and backups: nothing acknowledged is lost in any number of crashes, whomever a crash in
//! the middle of a broadcast leaves out, as long as silence means death; and two primaries as soon as
//! it does not.

use crate::world::*;
use bytes::Bytes;
use expect_test::expect;
use quorate_core::NodeId;
use quorate_crash::primary_backup::*;
use std::collections::BTreeMap;
use std::time::Duration;

fn op(text: impl ToString) -> UpdateRequest {
    UpdateRequest(Bytes::from(text.to_string()))
}

fn cluster(nodes: u8, seed: u64, weather: WireProfile) -> World<PrimaryBackup> {
    let config = Config {
        nodes,
        ..Config::default()
    };
    config.check().unwrap();
    lab_world(config, nodes, seed, weather)
}

fn primaries(world: &World<PrimaryBackup>) -> usize {
    let up = (0..world.n).filter(|n| world.up(*n));
    up.filter(|n| world.state(*n).is_primary()).count()
}

fn history(world: &World<PrimaryBackup>, node: u8) -> Vec<Update> {
    let of = world
        .outputs
        .iter()
        .filter(|(_, of, _)| of.0 == node.into());
    of.filter_map(|(_, _, output)| match output {
        Output::Applied(update) => Some(update.clone()),
        _ => None,
    })
    .collect()
}

/// Just under delta.
const ALMOST_20_MS: Duration = Duration::from_nanos(19_999_999);

/// Delays just under delta.
const WITHIN_BOUNDS: WireProfile = WireProfile {
    delay: ZERO..=ALMOST_20_MS,
    repeat: 10,
    ..WireProfile::CALM
};

/// What this node says next reaches only these, and then it is down.
fn last_words(world: &mut World<PrimaryBackup>, node: u8, reached: &'static [u8]) {
    world.transit = Box::new(move |_, _, from, to, _| {
        (from.0 != node.into() || reached.contains(&(to.0 as u8))).then_some(ZERO)
    });
    world.nodes[usize::from(node)].breath = Some(usize::from(world.n - 1 - node));
}

#[test]
fn the_next_in_rank_takes_over_with_what_only_another_has_got() {
    let mut world = cluster(3, 0, WireProfile::CALM);
    world.run_to(50 * MS);
    world.print = arrivals();
    world.ask(0, op("a"));
    world.run_to(60 * MS);
    last_words(&mut world, 0, &[2]);
    world.ask(0, op("b"));
    world.run_to(200 * MS);
    world.ask(1, op("c"));
    world.ask(2, op("d"));
    world.run_to(230 * MS);
    world.ask(1, op("e"));
    world.run_to(350 * MS);
    world.check().unwrap();
    let transcript = std::mem::take(&mut world.transcript);
    expect![[r#"
        50.0 ms    n0 is asked UpdateRequest(b"a")
        50.0 ms    n0 says Applied(Update { seq: 1, op: b"a" })
        50.0 ms    n0 says Done { seq: 1 }
        51.0 ms    n0 → n1  Update(Update { seq: 1, op: b"a" })
        51.0 ms    n0 → n2  Update(Update { seq: 1, op: b"a" })
        60.0 ms    n0 is asked UpdateRequest(b"b")
        60.0 ms    n0 ⇢ n1  Update(Update { seq: 2, op: b"b" }) is lost
        60.0 ms    n0 crashes
        61.0 ms    n0 → n2  Update(Update { seq: 2, op: b"b" })
        61.0 ms    n2 says Applied(Update { seq: 1, op: b"a" })
        172.0 ms   n1 → n2  Collect { known: 1 }
        173.0 ms   n2 → n1  Answer { updates: [Update { seq: 2, op: b"b" }] }
        200.0 ms   n1 is asked UpdateRequest(b"c")
        200.0 ms   n1 says Refused(TakingOver)
        200.0 ms   n2 is asked UpdateRequest(b"d")
        200.0 ms   n2 says Refused(NotPrimary { primary: NodeId(1) })
        211.0 ms   n1 says Applied(Update { seq: 1, op: b"a" })
        211.0 ms   n1 says Applied(Update { seq: 2, op: b"b" })
        211.0 ms   n1 says Promoted
        212.0 ms   n1 → n2  Takeover { updates: [Update { seq: 1, op: b"a" }, Update { seq: 2, op: b"b" }] }
        230.0 ms   n1 is asked UpdateRequest(b"e")
        230.0 ms   n1 says Applied(Update { seq: 3, op: b"e" })
        230.0 ms   n1 says Done { seq: 3 }
        231.0 ms   n1 → n2  Update(Update { seq: 3, op: b"e" })
        231.0 ms   n2 says Applied(Update { seq: 2, op: b"b" })
        312.0 ms   n1 → n2  Heartbeat { applied: 3 }
        312.0 ms   n2 says Applied(Update { seq: 3, op: b"e" })
    "#]].assert_eq(&transcript);
    assert_eq!(history(&world, 1), history(&world, 2));
}

/// A backup that has applied what nobody else has got would part from the others by crashing.
#[test]
fn nobody_applies_what_perhaps_not_everybody_has_got() {
    let mut world = cluster(4, 0, WireProfile::CALM);
    world.run_to(50 * MS);
    last_words(&mut world, 0, &[3]);
    world.ask(0, op("of node 3 alone"));
    world.run_to(60 * MS);
    assert_eq!(world.state(3).known(), 1);
    world.crash(3);
    world.transit = on_time();
    world.run_to(300 * MS);
    world.ask(1, op("another"));
    world.run_to(500 * MS);
    assert_eq!(history(&world, 3), vec![]);
    assert_eq!(history(&world, 1)[0].op, "another");
    assert_eq!(history(&world, 2), history(&world, 1));
}

/// The slowest that the bounds allow: node 2 hears last of node 0, and as late as can be; node 3
/// alone hears of node 1, and as soon as can be. If a word could shorten a deadline, node 3 would
/// give up node 2 before it hears of it.
#[test]
fn who_heard_the_last_words_of_one_waits_for_the_next_who_did_not() {
    let quick = WireProfile {
        delay: ZERO..=ZERO,
        ..WireProfile::CALM
    };
    let mut world = cluster(4, 0, quick);
    world.run_to(150 * MS);
    world.transit = Box::new(|_, _, from, to, _| match (from.0, to.0) {
        (0, 2) | (2, 3) => Some(ALMOST_20_MS),
        (1, 3) => Some(ZERO),
        _ => None,
    });
    world.run_to(201 * MS);
    world.crash(0);
    world.run_to(221 * MS);
    world.crash(1);
    assert_eq!(world.state(3).primary(), NodeId(1));
    while !world.state(2).is_primary() {
        world.turn();
        world.check().unwrap();
    }
    world.run_to(world.now + 20 * MS);
    assert_eq!(world.state(3).primary(), NodeId(2));
    world.check().unwrap();
}

#[test]
fn two_updates_for_one_place_are_noticed() {
    let update = |op: &'static str| Update {
        seq: 1,
        op: Bytes::from(op),
    };
    let mut world = cluster(3, 0, WireProfile::CALM);
    world.run_to(50 * MS);
    last_words(&mut world, 0, &[1]);
    world.ask(0, op("a"));
    world.run_to(200 * MS);
    world.check().unwrap();
    let updates = vec![update("b")];
    world.forge(2, 1, Message::Answer { updates });
    world.run_to(201 * MS);
    assert!(world.check().unwrap_err().contains("the same place"));
}

#[test]
fn an_answer_that_comes_after_the_takeover_is_noticed_if_it_tells_news() {
    let mut world = cluster(3, 0, WireProfile::CALM);
    world.run_to(50 * MS);
    last_words(&mut world, 0, &[2]);
    world.ask(0, op("a"));
    world.run_to(60 * MS);
    world.transit = Box::new(|_, _, _, _, m| {
        Some(match m {
            Message::Answer { .. } => 50 * MS,
            _ => ZERO,
        })
    });
    while !world.state(1).is_primary() {
        world.turn();
    }
    world.check().unwrap();
    world.run_to(world.now + 40 * MS);
    assert!(world.check().unwrap_err().contains("takes no longer"));
}

#[test]
fn up_to_all_but_one_crash_and_nothing_acknowledged_is_lost() {
    let mut answered = 0;
    for seed in 0..600 {
        let mut dice = Dice(seed);
        let nodes = 1 + dice.index(6) as u8;
        let mut world = cluster(nodes, seed, WITHIN_BOUNDS);
        world.any_order = true;
        if seed % 2 == 0 {
            // The worst is at the edges: at once, or as late as can be.
            let mut dice = Dice(seed);
            world.profile = Some(WireProfile {
                delay: ZERO..=ZERO,
                ..WITHIN_BOUNDS
            });
            world.transit =
                Box::new(move |_, _, _, _, _| Some([ZERO, ALMOST_20_MS][dice.index(2)]));
        }
        let mut die: Vec<usize> = (0..usize::from(nodes)).collect();
        die.remove(dice.index(die.len()));
        for node in die {
            if dice.percent(70) {
                let at = dice.within(&(ZERO..=1500 * MS));
                match dice.percent(50) {
                    // In the middle of what it sends, soon or later; a backup when it takes over.
                    true => {
                        let messages = [nodes.into(), 60][dice.index(2)];
                        world.nodes[node].breath = Some(dice.index(messages));
                    }
                    false => world.at(at, Event::Crash(NodeId(node as u32))),
                }
            }
        }
        for n in 0..100 {
            let at = dice.within(&(ZERO..=3000 * MS));
            let node = NodeId(dice.index(usize::from(nodes)) as u32);
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
        let survivor = (0..nodes).find(|n| world.up(*n)).expect("not all die");
        let common = history(&world, survivor);
        for node in 0..nodes {
            let applied = history(&world, node);
            match world.up(node) {
                true => assert_eq!(applied, common, "seed {seed}"),
                // Also who crashed has applied nothing else.
                false => assert!(common.starts_with(&applied), "seed {seed}"),
            }
        }
        // Whoever was told that an update is done finds it where it was said to be.
        let done = world
            .outputs
            .iter()
            .filter_map(|(_, node, output)| match output {
                Output::Done { seq } => Some((node.0 as u8, *seq)),
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
        world.run_to(500 * MS);
        let config = Config::default();
        world.crash(0);
        world.crash(1);
        let bound = config.delta + config.patience() + config.succession() + config.collection();
        world.run_to(500 * MS + bound);
        assert_eq!(primaries(&world), 1, "seed {seed}");
    }
}

/// What was said to be done, by place: more than one answer for a place is a split brain.
fn answers(world: &World<PrimaryBackup>) -> BTreeMap<u64, Vec<u8>> {
    let mut answers: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    for (_, node, output) in &world.outputs {
        if let Output::Done { seq } = output {
            answers.entry(*seq).or_default().push(node.0 as u8);
        }
    }
    answers
}

#[test]
fn one_late_heartbeat_and_two_primaries_answer() {
    let mut world = cluster(2, 0, WireProfile::CALM);
    world.run_to(150 * MS);
    // A pause: what node 0 says in the next 100 ms is late by as much.
    let until = 250 * MS;
    world.transit = Box::new(move |_, _, _, _, _| Some(100 * MS));
    world.run_to(until);
    world.transit = on_time();
    assert_eq!(primaries(&world), 2);
    world.ask(0, op("of the old"));
    world.ask(1, op("of the new"));
    world.run_to(400 * MS);
    assert_eq!(answers(&world), BTreeMap::from([(1, vec![0, 1])]));
    assert_ne!(history(&world, 0), history(&world, 1));
    assert!(world.check().unwrap_err().contains("taken for crashed"));
}

#[test]
fn one_lost_message_and_a_backup_misses_what_was_acknowledged() {
    let mut world = cluster(2, 0, WireProfile::CALM);
    world.run_to(10 * MS);
    world.transit = Box::new(|_, _, _, _, m| (!matches!(m, Message::Update(_))).then_some(ZERO));
    world.ask(0, op("lost"));
    world.run_to(20 * MS);
    world.crash(0);
    world.run_to(500 * MS);
    assert_eq!(answers(&world), BTreeMap::from([(1, vec![0])]));
    assert!(world.state(1).is_primary() && world.state(1).applied() == 0);
}

#[test]
fn who_restarts_has_forgotten_everything_and_takes_itself_for_the_primary() {
    let mut world = cluster(2, 0, WireProfile::CALM);
    world.ask(0, op("a"));
    world.run_to(50 * MS);
    world.crash(0);
    world.run_to(500 * MS);
    world.restart(0);
    assert_eq!(primaries(&world), 2);
    world.ask(0, op("b"));
    world.run_to(600 * MS);
    assert_eq!(answers(&world), BTreeMap::from([(1, vec![0, 0])]));
    assert!(world.check().is_err());
}

#[test]
fn more_updates_than_the_window_are_refused() {
    let config = Config {
        window: 3,
        ..Config::default()
    };
    let mut world: World<PrimaryBackup> = lab_world(config, 2, 0, WireProfile::CALM);
    for n in 0..5 {
        world.ask(0, op(n));
    }
    world.run_to(10 * MS);
    let refused = world.outputs.iter();
    let refused = refused.filter(|(_, _, o)| *o == Output::Refused(Refusal::Busy));
    assert_eq!(refused.count(), 2);
    assert_eq!(world.state(1).known(), 3);
    world.run_to(150 * MS);
    world.ask(0, op("later"));
    world.run_to(160 * MS);
    assert_eq!(world.state(1).known(), 4);
}

#[test]
fn it_costs_what_the_catalogue_says() {
    for nodes in [2, 4, 31, 128] {
        let mut world = cluster(nodes, 0, WireProfile::CALM);
        world.run_to(50 * MS);
        let before = world.sent;
        world.ask(0, op("a"));
        let cost = PROTOCOL.cost(nodes.into(), 1);
        // The primary knows after so many delays; the backups one later.
        let told = 50 * MS + ms(cost.delays + 1);
        world.run_to(told - NS);
        assert_eq!(world.state(1).known(), 0);
        assert_eq!(world.sent - before, cost.messages);
        world.run_to(told);
        assert!((1..nodes).all(|node| world.state(node).known() == 1));
    }
}
