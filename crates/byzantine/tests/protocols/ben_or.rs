use crate::world::World;
use crate::{betray, draw_traitors};
use quorate_byzantine::ben_or::*;
use quorate_core::{Coin, NodeId};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(3600);

fn world(n: u8, f: u8, faults: Faults, coin: Coin, seed: u64) -> World<BenOr> {
    crate::world::honest(n, seed, |_| Config {
        nodes: n,
        faulty: f,
        faults,
        coin,
    })
}

fn forge(dice: &mut crate::Dice, _: NodeId, message: Message) -> Vec<Message> {
    let lie = dice.one_in(2);
    match message {
        Message::Report { round, .. } => vec![Message::Report { round, value: lie }],
        Message::Proposal { round, .. } => vec![
            Message::Proposal {
                round,
                value: Some(lie),
            },
            Message::Decided(lie),
        ],
        other => vec![other, Message::Again],
    }
}

/// Nodes begin with random bits, or all honest ones with the same.
fn one_run(n: u8, f: u8, traitors: u8, coin: Coin, seed: u64) -> Result<u64, &'static str> {
    let mut world = world(n, f, Faults::Byzantine, coin, seed);
    let mut begin: Vec<bool> = (0..n).map(|_| world.dice.one_in(2)).collect();
    if seed.is_multiple_of(4) {
        begin.fill(seed.is_multiple_of(8));
    }
    for traitor in draw_traitors(&mut world, traitors) {
        if let Some(twin) = betray(&mut world, traitor, forge) {
            let contrary = !begin[usize::from(traitor)];
            world.request(twin, contrary);
        }
    }
    for node in 0..n {
        world.request(node.into(), begin[usize::from(node)]);
    }
    let done = world.run_until(LONG, World::all_decided);
    if world.disagree() {
        return Err("agreement");
    }
    if !done {
        return Err("termination");
    }
    let decided = world.decisions()[0] == Some(&true);
    if !world.honest().any(|slot| begin[slot.id.index()] == decided) {
        return Err("validity");
    }
    let round = |slot: &crate::world::WorldNode<BenOr>| slot.state.as_ref().map_or(0, BenOr::round);
    Ok(world.honest().map(round).max().unwrap_or(0))
}

#[test]
fn among_liars_all_decide_one_bit_that_an_honest_node_had() {
    for (n, f) in [(6, 1), (11, 2)] {
        for coin in [Coin::Local, Coin::Common] {
            for seed in 0..150 {
                let result = one_run(n, f, f, coin, seed);
                assert!(result.is_ok(), "n {n}, {coin:?}, seed {seed}: {result:?}");
            }
        }
    }
}

#[test]
fn one_liar_more_breaks_it() {
    let broken = |seed| one_run(6, 1, 3, Coin::Local, seed).is_err();
    assert!((0..300).any(broken), "three liars of six do no harm");
}

#[test]
fn crashes_up_to_half_are_survived_at_any_moment() {
    for (n, f) in [(3, 1), (5, 2), (7, 3)] {
        for seed in 0..200 {
            let mut world = world(n, f, Faults::Crash, Coin::Local, seed);
            for node in 0..n {
                let bit = world.dice.one_in(2);
                world.request(node.into(), bit);
            }
            for victim in draw_traitors(&mut world, f) {
                let wait = world.dice.below(40);
                world.run(Duration::from_millis(wait));
                world.crash(victim.into());
                world.nodes[usize::from(victim)].honest = false;
            }
            assert!(world.run_until(LONG, World::all_decided), "seed {seed}");
            let all: Vec<_> = world.nodes.iter().flat_map(|s| &s.outputs).collect();
            assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "seed {seed}");
        }
    }
}

#[test]
fn half_crashed_is_too_many() {
    let mut world = world(4, 2, Faults::Crash, Coin::Local, 1);
    // With n = 2f two halves decide for themselves.
    world.transit = Box::new(|_, _, from, to, _| {
        let apart = (from.0 < 2) != (to.0 < 2);
        (!apart).then_some(crate::world::DELTA)
    });
    for node in 0..4 {
        world.request(node, node < 2);
    }
    let done = world.run_until(Duration::from_secs(60), World::all_decided);
    assert!(!done || world.disagree());
}

#[test]
fn nodes_that_were_down_keep_their_votes_and_decide() {
    for seed in 0..150 {
        let mut world = world(4, 1, Faults::Crash, Coin::Local, seed);
        for node in 0..4 {
            let bit = world.dice.one_in(2);
            world.request(node, bit);
        }
        for _ in 0..8 {
            let wait = world.dice.below(15);
            world.run(Duration::from_millis(wait));
            let node = world.dice.below(4) as usize;
            world.crash(node);
            world.restart(node);
        }
        let done = world.run_until(LONG, World::all_decided);
        assert!(done && !world.disagree(), "seed {seed}");
    }
}

#[test]
fn a_unanimous_round_costs_what_is_declared() {
    for (n, f) in [(6, 1), (11, 2), (31, 6)] {
        let mut world = world(n, f, Faults::Byzantine, Coin::Local, 1);
        (0..n).for_each(|node| world.request(node.into(), true));
        assert!(world.run_until(LONG, World::all_decided));
        let cost = PROTOCOL.cost(n.into(), f.into());
        assert_eq!(world.sent, cost.messages);
        assert_eq!(world.honest().count(), usize::from(n));
    }
}

#[test]
fn votes_for_rounds_out_of_reach_are_not_kept() {
    let mut world = world(4, 1, Faults::Crash, Coin::Local, 1);
    let before = world.nodes[0].state.clone();
    for round in [0, WINDOW + 1, u64::MAX] {
        let value = true;
        world.inject(1, 0, Message::Report { round, value });
    }
    assert_eq!(world.nodes[0].state, before);
}
