//! Multi-Paxos: one log, whatever happens; and a log that grows, once it stops happening.

use crate::world::*;
use bytes::Bytes;
use expect_test::expect;
use quorate_core::NodeId;
use quorate_crash::multi_paxos::*;
use std::collections::{BTreeMap, BTreeSet};

fn propose(value: impl ToString) -> Propose {
    Propose(Bytes::from(value.to_string()))
}

fn cluster(config: &Config, seed: u64, weather: WireProfile) -> World<MultiPaxos> {
    config.check().unwrap();
    lab_world(config.clone(), config.nodes, seed, weather)
}

fn sized(nodes: u8) -> Config {
    Config {
        nodes,
        ..Config::default()
    }
}

/// Runs until somebody leads, and lets its first heartbeat arrive.
fn elect(world: &mut World<MultiPaxos>) -> u8 {
    let leads = |world: &World<MultiPaxos>| {
        let mut up = (0..world.n).filter(|n| world.up(*n));
        up.find(|n| world.state(*n).leads())
    };
    while leads(world).is_none() {
        assert!(world.turn() && world.now < 60_000 * MS, "nobody leads");
    }
    world.run_to(world.now + 5 * MS);
    leads(world).unwrap()
}

/// What is chosen, as all nodes ever said it.
fn log(world: &World<MultiPaxos>) -> Result<BTreeMap<u64, Bytes>, String> {
    let mut log = BTreeMap::new();
    for (_, node, output) in &world.outputs {
        if let Output::Chosen { slot, value } = output {
            let known = log.entry(*slot).or_insert_with(|| value.clone());
            if known != value {
                return Err(format!(
                    "agreement at {slot}: {known:?}, and at {node} {value:?}"
                ));
            }
        }
    }
    Ok(log)
}

#[test]
fn a_leader_is_found_and_values_are_chosen() {
    let mut world = cluster(&sized(3), 4, WireProfile::CALM);
    world.print = arrivals();
    let leader = elect(&mut world);
    world.ask(leader, propose("a"));
    world.run_to(world.now + 10 * MS);
    world.ask(leader, propose("b"));
    world.run_to(world.now + 2 * MS);
    world.check().unwrap();
    expect![[r#"
        325.8 ms   n0 → n1  Prepare { ballot: Ballot { round: 1, node: NodeId(0) }, first: 1 }
        325.8 ms   n0 → n2  Prepare { ballot: Ballot { round: 1, node: NodeId(0) }, first: 1 }
        326.8 ms   n1 → n0  Promise { ballot: Ballot { round: 1, node: NodeId(0) }, first: 1, votes: [], more: false }
        326.8 ms   n0 says Leads(true)
        326.8 ms   n2 → n0  Promise { ballot: Ballot { round: 1, node: NodeId(0) }, first: 1, votes: [], more: false }
        327.8 ms   n0 → n1  Heartbeat { ballot: Ballot { round: 1, node: NodeId(0) }, chosen: 0 }
        327.8 ms   n0 → n2  Heartbeat { ballot: Ballot { round: 1, node: NodeId(0) }, chosen: 0 }
        331.8 ms   n0 is asked Propose(b"a")
        332.8 ms   n0 → n1  Accept { ballot: Ballot { round: 1, node: NodeId(0) }, first: 1, values: [b"a"], chosen: 0 }
        332.8 ms   n0 → n2  Accept { ballot: Ballot { round: 1, node: NodeId(0) }, first: 1, values: [b"a"], chosen: 0 }
        333.8 ms   n1 → n0  Accepted { ballot: Ballot { round: 1, node: NodeId(0) }, first: 1, last: 1 }
        333.8 ms   n0 says Chosen { slot: 1, value: b"a" }
        333.8 ms   n2 → n0  Accepted { ballot: Ballot { round: 1, node: NodeId(0) }, first: 1, last: 1 }
        341.8 ms   n0 is asked Propose(b"b")
        342.8 ms   n0 → n1  Accept { ballot: Ballot { round: 1, node: NodeId(0) }, first: 2, values: [b"b"], chosen: 1 }
        342.8 ms   n1 says Chosen { slot: 1, value: b"a" }
        342.8 ms   n0 → n2  Accept { ballot: Ballot { round: 1, node: NodeId(0) }, first: 2, values: [b"b"], chosen: 1 }
        342.8 ms   n2 says Chosen { slot: 1, value: b"a" }
        343.8 ms   n1 → n0  Accepted { ballot: Ballot { round: 1, node: NodeId(0) }, first: 2, last: 2 }
        343.8 ms   n0 says Chosen { slot: 2, value: b"b" }
        343.8 ms   n2 → n0  Accepted { ballot: Ballot { round: 1, node: NodeId(0) }, first: 2, last: 2 }
    "#]].assert_eq(&world.transcript);
}

#[test]
fn a_new_leader_proposes_again_what_it_finds_and_fills_the_gap_with_a_no_op() {
    // §3: of three slots the first and the third reach one other node before the leader dies.
    let mut world = cluster(&sized(3), 4, WireProfile::CALM);
    let old = elect(&mut world);
    world.transit = Box::new(|_, _, _, _, message| match message {
        Message::Accept { first: 2, .. } => None,
        _ => Some(ZERO),
    });
    for value in ["one", "two", "three"] {
        world.ask(old, propose(value));
    }
    world.run_to(world.now + MS);
    world.crash(old.into());
    world.transit = on_time();
    world.print = arrivals();
    elect(&mut world);
    world.run_to(world.now + 5 * MS);
    world.check().unwrap();
    let values: Vec<Bytes> = log(&world).unwrap().into_values().collect();
    assert_eq!(values, ["one", "", "three"]);
    expect![[r#"
        887.3 ms   n2 → n1  Prepare { ballot: Ballot { round: 2, node: NodeId(2) }, first: 1 }
        888.3 ms   n1 → n2  Promise { ballot: Ballot { round: 2, node: NodeId(2) }, first: 1, votes: [(1, Vote { ballot: Ballot { round: 1, node: NodeId(0) }, value: b"one" }), (3, Vote { ballot: Ballot { round: 1, node: NodeId(0) }, value: b"three" })], more: false }
        888.3 ms   n2 says Leads(true)
        889.3 ms   n2 → n1  Heartbeat { ballot: Ballot { round: 2, node: NodeId(2) }, chosen: 0 }
        889.3 ms   n2 → n1  Accept { ballot: Ballot { round: 2, node: NodeId(2) }, first: 1, values: [b"one", b"", b"three"], chosen: 0 }
        890.3 ms   n1 → n2  Accepted { ballot: Ballot { round: 2, node: NodeId(2) }, first: 1, last: 3 }
        890.3 ms   n2 says Chosen { slot: 1, value: b"one" }
        890.3 ms   n2 says Chosen { slot: 2, value: b"" }
        890.3 ms   n2 says Chosen { slot: 3, value: b"three" }
    "#]].assert_eq(&world.transcript);
}

#[test]
fn of_two_votes_in_a_slot_the_one_with_the_greater_number_is_proposed_again() {
    let vote = |node, value: &'static str| {
        let ballot = Ballot {
            round: 1,
            node: NodeId(node),
        };
        let value = Bytes::from_static(value.as_bytes());
        vec![(1, Vote { ballot, value })]
    };
    for order in [[0, 1], [1, 0]] {
        let mut world = cluster(&sized(5), 0, WireProfile::CALM);
        (0..4).for_each(|n| world.crash(n));
        world.run_to(700 * MS);
        let ballot = world.on_disk(4).promised;
        assert!(ballot.node == NodeId(4) && ballot.round == 1);
        for node in order {
            let promise = Message::Promise {
                ballot,
                first: 1,
                votes: vote(node, ["old", "new"][node as usize]),
                more: false,
            };
            world.forge(node as u8, 4, promise);
        }
        world.run_to(701 * MS);
        assert!(world.state(4).leads());
        assert_eq!(world.on_disk(4).votes[&1].value, "new");
    }
}

#[test]
fn a_new_leader_finds_all_in_as_many_pieces_as_it_takes() {
    let config = Config {
        batch: 2,
        ..sized(3)
    };
    let mut world = cluster(&config, 4, WireProfile::CALM);
    let old = elect(&mut world);
    // Accepted by a quorum, and only the old leader knows.
    let silent = (old + 1) % 3;
    world.transit = Box::new(move |_, _, _, to, _| (to.0 != silent.into()).then_some(ZERO));
    (0..9).for_each(|n| world.ask(old, propose(n)));
    world.run_to(world.now + 2 * MS);
    assert_eq!(world.state(old).chosen(), 9);
    world.crash(old.into());
    let keeper = 3 - old - silent;
    world.transit = Box::new(move |_, _, from, _, message| {
        let asks = from.0 == keeper.into() && matches!(message, Message::Prepare { .. });
        (!asks).then_some(ZERO)
    });
    elect(&mut world);
    world.run_to(world.now + 50 * MS);
    assert!(world.state(silent).leads());
    world.ask(silent, propose("9"));
    world.run_to(world.now + 50 * MS);
    let values: Vec<Bytes> = log(&world).unwrap().into_values().collect();
    assert_eq!(values, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    world.check().unwrap();
}

#[test]
fn who_was_away_fetches_what_it_has_missed() {
    let config = Config {
        batch: 7,
        ..sized(3)
    };
    let mut world = cluster(&config, 1, WireProfile::CALM);
    let leader = elect(&mut world);
    let away = (leader + 1) % 3;
    world.crash(away.into());
    for n in 0..500 {
        world.ask(leader, propose(n));
        if n % 100 == 0 {
            world.run_to(world.now + 10 * MS);
        }
    }
    world.run_to(world.now + 50 * MS);
    world.restart(away.into());
    world.run_to(world.now + 400 * MS);
    assert_eq!(world.state(away).chosen(), world.state(leader).chosen());
    assert_eq!(world.state(leader).chosen(), 500);
    // And once more, each from its own disk, which knows all but the last window.
    for node in [away, leader] {
        world.crash(node.into());
        world.restart(node.into());
        assert!(world.state(node).chosen() >= 400);
    }
    log(&world).unwrap();
    world.check().unwrap();
}

#[test]
fn a_candidate_that_is_behind_learns_before_it_leads() {
    // Both of the others know more than the candidate, in more pieces than one.
    let config = Config {
        batch: 3,
        ..sized(3)
    };
    for seed in 0..20 {
        let mut world = cluster(&config, seed, WireProfile::CALM);
        let leader = elect(&mut world);
        let behind = (leader + 1) % 3;
        world.transit = Box::new(move |_, _, _, to, _| (to.0 != behind.into()).then_some(ZERO));
        for n in 0..20 {
            world.ask(leader, propose(n));
            world.run_to(world.now + 3 * MS);
        }
        world.run_to(world.now + 61 * MS);
        let other = 3 - leader - behind;
        assert_eq!(world.state(other).chosen(), 20);
        // Now it hears nothing but answers, loses patience, and asks for promises.
        world.transit = Box::new(move |_, _, _, to, message| {
            let answers = matches!(
                message,
                Message::Promise { .. } | Message::Chosen { .. } | Message::Rejected { .. }
            );
            (to.0 != behind.into() || answers).then_some(ZERO)
        });
        // Once it asks it takes a few messages, and not an election for each piece.
        let patience = world.now + 700 * MS;
        while !world.state(behind).leads() {
            assert!(world.turn() && world.now < patience);
        }
        assert_eq!(world.state(behind).chosen(), 20);
        world.check().unwrap();
    }
}

#[test]
fn more_than_the_window_is_refused_and_so_is_more_than_the_log_holds() {
    let config = Config {
        window: 5,
        max_slots: 8,
        ..sized(3)
    };
    let mut world = cluster(&config, 1, WireProfile::CALM);
    let leader = elect(&mut world);
    let refused = |world: &World<MultiPaxos>, why| {
        let outputs = world.outputs.iter();
        outputs
            .filter(|(_, _, o)| *o == Output::Refused(why))
            .count()
    };
    (0..7).for_each(|n| world.ask(leader, propose(n)));
    world.run_to(world.now + 10 * MS);
    assert_eq!(refused(&world, Refusal::Busy), 2);
    (0..5).for_each(|n| world.ask(leader, propose(n)));
    world.run_to(world.now + 10 * MS);
    assert_eq!(refused(&world, Refusal::Full), 2);
    assert_eq!(world.state(leader).chosen(), 8);
    let follower = (leader + 1) % 3;
    world.ask(follower, propose("x"));
    world.run_to(world.now + MS);
    let leader = Some(NodeId(leader.into()));
    assert_eq!(refused(&world, Refusal::NotLeader { leader }), 1);
}

const WISHES: usize = 150;

/// Any schedule: late, lost, repeated; crashes of anybody at any time. In the end all are up and
/// messages arrive.
fn storm(seed: u64, lying_disks: bool) -> Result<u64, String> {
    let mut dice = Dice(seed);
    // With little patience there are many leaders at once.
    let restless = dice.percent(60);
    let (min, max, beat) = if restless {
        (20, 60, 10)
    } else {
        (300, 600, 60)
    };
    let config = Config {
        window: [1, 4, 100][dice.index(3)],
        batch: [1, 3, 64][dice.index(3)],
        election_min: ms(min),
        election_max: ms(max),
        heartbeat: ms(beat),
        ..sized([1, 2, 3, 3, 4, 5, 7][dice.index(7)])
    };
    let nodes = config.nodes;
    let rough = WireProfile {
        delay: MS..=MS * [1, 30, 300][dice.index(3)],
        loss: [0, 10, 30][dice.index(3)],
        repeat: [0, 30][dice.index(2)],
        sync: ZERO..=MS * [0, 20][dice.index(2)],
    };
    let mut world = cluster(&config, seed, rough);
    if lying_disks {
        world
            .nodes
            .iter_mut()
            .for_each(|node| node.disk.lies = true);
    }
    let somebody = |dice: &mut Dice| NodeId(dice.index(usize::from(nodes)) as u32);
    let rough_until = if restless { 1000 * MS } else { 5000 * MS };
    for _ in 0..dice.index(16) {
        let node = somebody(&mut dice);
        let at = dice.within(&(ZERO..=rough_until));
        world.at(at, Event::Crash(node));
        let away = dice.within(&(ZERO..=rough_until / 8));
        world.at(at + away, Event::Restart(node));
    }
    for wish in 0..WISHES {
        let at = dice.within(&(ZERO..=rough_until));
        world.at(at, Event::Request(somebody(&mut dice), propose(wish)));
    }
    while world.now < rough_until && world.turn() {
        world.check()?;
    }
    let contested = log(&world)?.len() as u64;
    world.profile = Some(WireProfile::CALM);
    NodeId::all(nodes).for_each(|node| world.restart(node.index()));
    // Messages of the rough time are under way for a while.
    world.run_to(rough_until + 3000 * MS);
    let leader = elect(&mut world);
    world.ask(leader, propose("last"));
    world.run_to(world.now + 1000 * MS);
    world.check()?;
    let log = log(&world)?;
    let last = log.last_key_value().ok_or("nothing is chosen")?;
    if *last.1 != "last" {
        return Err(format!("termination: {:?} is the last", last));
    }
    let wishes: BTreeSet<Bytes> = (0..WISHES)
        .map(|wish| Bytes::from(wish.to_string()))
        .collect();
    let foreign = log
        .values()
        .find(|v| !v.is_empty() && *v != "last" && !wishes.contains(*v));
    if let Some(value) = foreign {
        return Err(format!("validity: nobody proposed {value:?}"));
    }
    match (0..nodes).find(|n| world.state(*n).chosen() != *last.0) {
        Some(node) => Err(format!("termination: n{node} does not catch up")),
        None => Ok(contested),
    }
}

#[test]
fn whatever_happens_there_is_one_log_and_when_it_stops_the_log_grows_everywhere() {
    let mut chosen = 0;
    for seed in 0..400 {
        chosen += storm(seed, false).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
    assert!(chosen > 2_000, "{chosen} slots in rough times");
}

#[test]
fn promises_that_a_crash_takes_back_let_two_values_be_chosen_in_one_slot() {
    let broken = (0..400).filter_map(|seed| storm(seed, true).err());
    let agreement = broken.filter(|e| e.contains("agreement") || e.contains("two are chosen"));
    assert!(agreement.count() > 0);
}

#[test]
fn with_a_minority_down_values_are_chosen_and_with_a_majority_down_none_is() {
    for nodes in [1, 2, 3, 4, 5, 31, 128] {
        let minority = (nodes - 1) / 2;
        for down in [minority, minority + 1] {
            if down == nodes {
                continue;
            }
            let mut world = cluster(&sized(nodes), 7, WireProfile::CALM);
            let leader = elect(&mut world);
            let others = (0..nodes).filter(|n| *n != leader);
            others.take(down.into()).for_each(|n| world.crash(n.into()));
            world.ask(leader, propose("x"));
            world.run_to(world.now + 200 * MS);
            let expected = usize::from(down == minority);
            assert_eq!(log(&world).unwrap().len(), expected, "{down} of {nodes}");
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
        let mut world = cluster(&sized(nodes), 0, SLOW_DISKS);
        let leader = elect(&mut world);
        let syncs = |world: &World<MultiPaxos>| -> u64 {
            world.nodes.iter().map(|node| node.disk.syncs).sum()
        };
        let (sent, synced, asked) = (world.sent, syncs(&world), world.now);
        world.ask(leader, propose("x"));
        world.run_to(world.now + 25 * MS);
        let cost = PROTOCOL.cost(nodes.into(), 1);
        assert_eq!(world.sent - sent, cost.messages);
        assert_eq!(syncs(&world) - synced, cost.syncs);
        let mut outputs = world.outputs.iter();
        let chosen = outputs.find(|(_, _, o)| matches!(o, Output::Chosen { .. }));
        let time = cost.delays + 10 * cost.syncs_in_sequence;
        assert_eq!(chosen.unwrap().0 - asked, ms(time));
    }
}
