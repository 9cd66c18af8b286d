//! The Byzantine generals: OM(m) and SM(m), with the figures of the paper.

use crate::world::{World, lock_step, sends};
use crate::{betray, draw_traitors, value};
use expect_test::expect;
use quorate_byzantine::oral_messages::{self as oral, OralMessages};
use quorate_byzantine::signed_messages::{self as signed, SignedMessages};
use quorate_core::{NodeId, NodeSet};
use quorate_crypto::{Instance, Scheme, deal};
use std::time::Duration;

const ROUND: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(5);

fn oral(n: u8, m: u8, seed: u64) -> World<OralMessages> {
    crate::world::honest(n, seed, |_| oral::Config {
        nodes: n,
        traitors: m,
        commander: NodeId(0),
        round: ROUND,
        default: value("RETREAT"),
    })
}

fn signed(n: u8, m: u8, seed: u64) -> World<SignedMessages> {
    let keys = deal(Scheme::Ideal, Instance(1), n, 1);
    crate::world::honest(n, seed, |me| signed::Config {
        nodes: n,
        traitors: m,
        commander: NodeId(0),
        round: ROUND,
        default: value("RETREAT"),
        keys: keys[me.index()].clone(),
    })
}

fn forge_oral(dice: &mut crate::Dice, _: NodeId, message: oral::Message) -> Vec<oral::Message> {
    let order = value(["ATTACK", "RETREAT", "WAIT"][dice.below(3) as usize]);
    let path = message.path.clone();
    vec![oral::Message { path, order }, message]
}

fn forge_signed(
    dice: &mut crate::Dice,
    _: NodeId,
    message: signed::Message,
) -> Vec<signed::Message> {
    let mut lie = message.clone();
    match dice.below(3) {
        0 => lie.order = value("WAIT"),
        1 => lie.chain.truncate(1),
        _ => lie.chain.reverse(),
    }
    vec![lie, message]
}

/// IC1 and IC2, for whatever solves the problem of the generals.
fn interactive_consistency<P: quorate_core::Protocol<Request = V, Output = V>, V>(
    mut world: World<P>,
    traitors: u8,
    seed: u64,
    forge: fn(&mut crate::Dice, NodeId, P::Message) -> Vec<P::Message>,
) -> Result<(), &'static str>
where
    V: From<bytes::Bytes> + PartialEq + quorate_core::Value,
    P::Message: 'static,
{
    let mut traitors = draw_traitors(&mut world, traitors);
    if seed.is_multiple_of(2) && !traitors.contains(&0) {
        traitors[0] = 0;
    }
    let mut copies = vec![0];
    for traitor in &traitors {
        let twin = betray(&mut world, *traitor, forge);
        copies.extend(twin.filter(|_| *traitor == 0));
    }
    world.run(Duration::ZERO);
    for (copy, order) in copies.into_iter().zip(["ATTACK", "RETREAT"]) {
        world.request(copy, value(order).into());
    }
    world.run(LONG);
    if !world.all_decided() {
        return Err("a loyal lieutenant waits");
    }
    if world.disagree() {
        return Err("IC1: loyal lieutenants obey different orders");
    }
    let order: V = value("ATTACK").into();
    if world.nodes[0].honest && world.decisions().iter().any(|d| *d != Some(&order)) {
        return Err("IC2: a loyal commander is not obeyed");
    }
    Ok(())
}

#[test]
fn oral_messages_hold_with_a_third_of_traitors_less_one() {
    for (n, m) in [(4, 1), (5, 1), (7, 2)] {
        for seed in 0..200 {
            let result = interactive_consistency(oral(n, m, seed), m, seed, forge_oral);
            assert_eq!(result, Ok(()), "n {n}, m {m}, seed {seed}");
        }
    }
}

#[test]
fn oral_messages_break_at_a_third() {
    for (n, m) in [(3, 1), (6, 2)] {
        let run = |seed| interactive_consistency(oral(n, m, seed), m, seed, forge_oral);
        let broken = (0..300).filter(|seed| run(*seed).is_err()).count();
        assert!(broken > 0, "{n} generals get along with {m} traitors");
    }
}

#[test]
fn signed_messages_hold_with_any_number_of_traitors() {
    for (n, m) in [(3, 1), (4, 2), (5, 3), (7, 4)] {
        for seed in 0..200 {
            let result = interactive_consistency(signed(n, m, seed), m, seed, forge_signed);
            assert_eq!(result, Ok(()), "n {n}, m {m}, seed {seed}");
        }
    }
}

#[test]
fn their_costs_are_the_declared_ones() {
    for (n, m) in [(4, 1), (7, 2), (10, 3)] {
        let mut world = oral(n, m, 1);
        world.transit = crate::world::lock_step();
        world.request(0, value("ATTACK"));
        world.run(LONG);
        let cost = oral::PROTOCOL.cost(n.into(), m.into());
        assert_eq!(world.sent, cost.messages);
        let mut world = signed(n, m, 1);
        world.transit = crate::world::lock_step();
        world.request(0, value("ATTACK"));
        world.run(LONG);
        let cost = signed::PROTOCOL.cost(n.into(), m.into());
        assert_eq!(world.sent, cost.messages);
    }
}

/// One traitor, who tells one node that the order is to retreat.
fn figure(n: u8, traitor: u8, fooled: u8) -> String {
    let mut world = oral(n, 1, 1);
    world.transit = lock_step();
    world.print = sends(|message| Some(format!("{message:?}")));
    world.corrupt(
        traitor,
        Box::new(move |_, to, mut message| {
            if to == NodeId(fooled.into()) {
                message.order = value("RETREAT");
            }
            vec![message]
        }),
    );
    world.run(Duration::ZERO);
    world.request(0, value("ATTACK"));
    world.run(LONG);
    let verdict = match (world.disagree(), world.nodes[0].honest) {
        (true, false) => "IC1 is broken",
        (true, true) => "IC2 is broken",
        (false, _) => "they agree",
    };
    format!("{}{verdict}", world.transcript)
}

/// Figures 1 and 2: node 2 hears the same in both, ATTACK from the commander and RETREAT from
/// node 1. It cannot obey in the one and disobey in the other; doing what helps against a
/// traitorous commander (the default, since there is no majority) breaks IC2 in the first.
#[test]
fn three_generals_cannot() {
    expect![[r#"
        n0 → n1 Message { path: n0, order: b"ATTACK" }
        n0 → n2 Message { path: n0, order: b"ATTACK" }
        n1 → n2 Message { path: n0·n1, order: b"RETREAT" }
        n2 → n1 Message { path: n0·n2, order: b"ATTACK" }
        n0 outputs b"ATTACK"
        n1 outputs b"ATTACK"
        n2 outputs b"RETREAT"
        IC2 is broken"#]]
    .assert_eq(&figure(3, 1, 2));
    expect![[r#"
        n0 → n1 Message { path: n0, order: b"RETREAT" }
        n0 → n2 Message { path: n0, order: b"ATTACK" }
        n1 → n2 Message { path: n0·n1, order: b"RETREAT" }
        n2 → n1 Message { path: n0·n2, order: b"ATTACK" }
        n0 outputs b"ATTACK"
        n1 outputs b"RETREAT"
        n2 outputs b"RETREAT"
        they agree"#]]
    .assert_eq(&figure(3, 0, 1));
}

/// Figures 3 and 4.
#[test]
fn four_generals_can() {
    expect![[r#"
        n0 → n1 Message { path: n0, order: b"ATTACK" }
        n0 → n2 Message { path: n0, order: b"ATTACK" }
        n0 → n3 Message { path: n0, order: b"ATTACK" }
        n1 → n2 Message { path: n0·n1, order: b"ATTACK" }
        n1 → n3 Message { path: n0·n1, order: b"ATTACK" }
        n2 → n1 Message { path: n0·n2, order: b"ATTACK" }
        n2 → n3 Message { path: n0·n2, order: b"ATTACK" }
        n3 → n1 Message { path: n0·n3, order: b"ATTACK" }
        n3 → n2 Message { path: n0·n3, order: b"RETREAT" }
        n0 outputs b"ATTACK"
        n1 outputs b"ATTACK"
        n2 outputs b"ATTACK"
        n3 outputs b"ATTACK"
        they agree"#]]
    .assert_eq(&figure(4, 3, 2));
    expect![[r#"
        n0 → n1 Message { path: n0, order: b"ATTACK" }
        n0 → n2 Message { path: n0, order: b"RETREAT" }
        n0 → n3 Message { path: n0, order: b"ATTACK" }
        n1 → n2 Message { path: n0·n1, order: b"ATTACK" }
        n1 → n3 Message { path: n0·n1, order: b"ATTACK" }
        n2 → n1 Message { path: n0·n2, order: b"RETREAT" }
        n2 → n3 Message { path: n0·n2, order: b"RETREAT" }
        n3 → n1 Message { path: n0·n3, order: b"ATTACK" }
        n3 → n2 Message { path: n0·n3, order: b"ATTACK" }
        n0 outputs b"ATTACK"
        n1 outputs b"ATTACK"
        n2 outputs b"ATTACK"
        n3 outputs b"ATTACK"
        they agree"#]]
    .assert_eq(&figure(4, 0, 2));
}

/// Figure 5: three generals, a traitorous commander, and signatures.
#[test]
fn three_generals_who_sign_can() {
    let mut world = signed(3, 1, 1);
    world.transit = lock_step();
    let twin = world.twins(0, NodeSet::from_iter([NodeId(2)]));
    world.run(Duration::ZERO);
    world.request(0, value("ATTACK"));
    world.request(twin, value("RETREAT"));
    world.run(LONG);
    assert_eq!(world.decisions(), [Some(&value("RETREAT")); 2]);
    for slot in world.honest() {
        let orders = slot.state.as_ref().expect("alive").orders();
        assert_eq!(orders.count(), 2, "both know who the traitor is");
    }
}

#[test]
fn what_would_not_end_is_refused() {
    let config = |nodes, traitors| oral::Config {
        nodes,
        traitors,
        ..oral(4, 1, 1).nodes[0].config.clone()
    };
    assert_eq!(config(10, 3).check(), Ok(()));
    let refused = config(31, 10).check().expect_err("n^m messages");
    assert!(refused.contains("OM(10) among 31"), "{refused}");
}

/// An order that is kept back until the last round, for one lieutenant who could tell nobody: the
/// chain is too short for its time.
#[test]
fn an_order_kept_back_counts_for_nobody() {
    let keys = deal(Scheme::Ideal, Instance(1), 4, 1);
    let order = |text: &str| {
        let order = value(text);
        let before = vec![];
        let statement = signed::SignedOrder {
            order: order.clone(),
            before,
        };
        let signature = keys[0].sign(statement).signature();
        let chain = vec![(NodeId(0), signature)];
        signed::Message { order, chain }
    };
    let mut world = signed(4, 1, 1);
    world.silence(0);
    world.run(Duration::ZERO);
    for to in 1..4 {
        world.inject(0, to, order("ATTACK"));
    }
    world.run(ROUND + ROUND / 2);
    world.inject(0, 2, order("WAIT"));
    world.run(LONG);
    assert_eq!(world.decisions(), [Some(&value("ATTACK")); 3]);
}
