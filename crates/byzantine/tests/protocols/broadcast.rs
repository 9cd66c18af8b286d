//! Dolev–Strong.

use crate::world::{DELTA, World};
use crate::{betray, draw_traitors, value};
use quorate_byzantine::dolev_strong::*;
use quorate_core::{NodeId, NodeSet};
use quorate_crypto::{Certified, Instance, Keychain, Scheme, deal};
use std::time::Duration;

const ROUND: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(5);

fn keys(n: u8) -> Vec<Keychain> {
    deal(Scheme::Ideal, Instance(1), n, 1)
}

fn world(n: u8, f: u8, seed: u64) -> World<DolevStrong> {
    let keys = keys(n);
    crate::world::honest(n, seed, |me| Config {
        nodes: n,
        faulty: f,
        sender: NodeId(0),
        round: ROUND,
        default: value("-"),
        keys: keys[me.index()].clone(),
    })
}

/// Spoils the content and keeps the signatures.
fn forge(dice: &mut crate::Dice, _to: NodeId, message: Message) -> Vec<Message> {
    let mut signatures = message.0.claimed_signatures().to_vec();
    match dice.below(4) {
        0 => return vec![message],
        1 => signatures.reverse(),
        2 => signatures.push(signatures[0]),
        _ => {}
    }
    let lie = SenderValue(value("forged"));
    vec![Message(quorate_crypto::Certificate::claimed(
        lie, signatures,
    ))]
}

fn one_run(n: u8, f: u8, traitors: u8, seed: u64) -> World<DolevStrong> {
    let mut world = world(n, f, seed);
    let mut traitors = draw_traitors(&mut world, traitors);
    if seed.is_multiple_of(2) && !traitors.is_empty() && !traitors.contains(&0) {
        traitors[0] = 0; // the sender is where it hurts
    }
    let mut copies = vec![0];
    for traitor in &traitors {
        let twin = betray(&mut world, *traitor, forge);
        copies.extend(twin.filter(|_| *traitor == 0));
    }
    world.run(Duration::ZERO);
    for (copy, text) in copies.into_iter().zip(["a", "b"]) {
        world.request(copy, value(text));
    }
    world.run(LONG);
    world
}

#[test]
fn all_agree_with_any_number_of_liars() {
    for (n, f) in [(3, 1), (4, 2), (4, 3), (5, 4), (7, 3)] {
        for seed in 0..200 {
            let world = one_run(n, f, f, seed);
            assert!(world.all_decided(), "n {n}, f {f}, seed {seed}");
            assert!(!world.disagree(), "n {n}, f {f}, seed {seed}");
            if world.nodes[0].honest {
                let mut decided = world.decisions().into_iter();
                assert!(decided.all(|v| v == Some(&value("a"))), "seed {seed}");
            }
        }
    }
}

/// The sender and one more keep a second value to themselves and show it in the last round that
/// was planned: with one liar more than rounds, the honest node that sees it can tell nobody.
fn whispered(f: u8) -> World<DolevStrong> {
    let keys = keys(4);
    let mut world = world(4, f, 1);
    world.transit = crate::world::lock_step();
    let claim = |liars: &[usize], text: &str| {
        let mut claim = Certified::alone(keys[liars[0]].sign(SenderValue(value(text))));
        for liar in &liars[1..] {
            let vote = keys[*liar].sign(SenderValue(value(text)));
            claim = claim.joined_by(vote).expect("the same content");
        }
        Message(claim.into_certificate())
    };
    world.silence(0);
    world.silence(1);
    world.run(Duration::ZERO);
    world.inject(0, 2, claim(&[0], "a"));
    world.inject(0, 3, claim(&[0], "a"));
    world.run(ROUND);
    world.inject(1, 2, claim(&[0, 1], "b"));
    world.run(LONG);
    world
}

#[test]
fn f_plus_one_rounds_are_needed() {
    // Planned for one liar, there are two: the second value is seen by one node, in round 2 of 2.
    assert!(whispered(1).disagree());
    // Planned for two: node 2 shows it to node 3 in round 3, and both know the sender for a liar.
    let world = whispered(2);
    assert_eq!(world.decisions(), [Some(&value("-")); 2]);
}

#[test]
fn late_is_too_late_for_everybody() {
    // Synchrony is broken: one link takes longer than promised, and nobody lies.
    let mut world = world(4, 1, 1);
    world.transit = Box::new(|_, _, from, to, _| {
        let slow = from == NodeId(0) && to != NodeId(1) || from == NodeId(1);
        Some(if slow { 8 * DELTA } else { DELTA })
    });
    world.run(Duration::ZERO);
    world.request(0, value("a"));
    world.run(LONG);
    assert!(world.disagree());
}

#[test]
fn its_cost_is_the_declared_one() {
    for (n, f) in [(4, 1), (7, 2), (31, 10), (4, 0)] {
        let mut world = world(n, f, 1);
        world.transit = crate::world::lock_step();
        world.request(0, value("a"));
        world.run(LONG);
        let cost = PROTOCOL.cost(n.into(), f.into());
        assert_eq!(world.sent, cost.messages);
        assert_eq!(cost.delays, u64::from(f) + 1);
    }
}

#[test]
fn an_equivocating_sender_is_caught_by_all() {
    let mut world = world(4, 2, 1);
    let twin = world.twins(0, NodeSet::from_iter([NodeId(3)]));
    world.run(Duration::ZERO);
    world.request(0, value("a"));
    world.request(twin, value("b"));
    world.run(LONG);
    assert_eq!(world.decisions(), [Some(&value("-")); 3]);
}

#[test]
fn with_real_signatures_too() {
    let keys = deal(Scheme::Ed25519, Instance(1), 4, 1);
    let mut world = World::<DolevStrong>::new(4, 1, |me| Config {
        nodes: 4,
        faulty: 2,
        sender: NodeId(0),
        round: ROUND,
        default: value("-"),
        keys: keys[me.index()].clone(),
    });
    world.silence(2);
    world.run(Duration::ZERO);
    world.request(0, value("a"));
    world.run(LONG);
    assert_eq!(world.decisions(), [Some(&value("a")); 3]);
}

/// What comes in round r needs r signers, the sender among them: else a liar could keep a value
/// back until nobody can pass it on any more, or make one up.
#[test]
fn a_claim_needs_the_sender_and_as_many_signers_as_rounds() {
    let keys = keys(4);
    let claim = |signer: usize, text: &str| {
        let claim = Certified::alone(keys[signer].sign(SenderValue(value(text))));
        Message(claim.into_certificate())
    };
    let mut world = world(4, 1, 1);
    world.silence(0);
    world.run(Duration::ZERO);
    world.inject(1, 2, claim(1, "made up"));
    for to in 1..4 {
        world.inject(0, to, claim(0, "a"));
    }
    world.run(ROUND + DELTA);
    world.inject(0, 2, claim(0, "kept back"));
    world.run(LONG);
    assert_eq!(world.decisions(), [Some(&value("a")); 3]);
}
