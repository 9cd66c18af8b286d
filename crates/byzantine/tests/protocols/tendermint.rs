use crate::logs::{LONG, Log, agree, crashes, everywhere, logs, one_run};
use crate::value;
use crate::world::{DELTA, World, any_delay, lock_step, sends};
use expect_test::expect;
use quorate_byzantine::AgreedValue;
use quorate_byzantine::tendermint::*;
use quorate_core::{NodeId, NodeSet};
use quorate_crypto::{Digest, Instance, Scheme, Signed, deal};
use std::collections::BTreeMap;
use std::time::Duration;

impl Log for Tendermint {
    fn delivered(output: &Output) -> Option<(u64, Vec<AgreedValue>)> {
        match output {
            Output::Delivered { height, values } => Some((*height, values.clone())),
            _ => None,
        }
    }
    fn reached(&self) -> u64 {
        self.height()
    }
}

fn world(n: u8, f: u8, seed: u64) -> World<Tendermint> {
    let keys = deal(Scheme::Ideal, Instance(1), n, 1);
    crate::world::honest(n, seed, |me| Config {
        max_batch: 4,
        kept_decisions: 8,
        ..Config::new(n, f, keys[me.index()].clone())
    })
}

fn forge(dice: &mut crate::Dice, _: NodeId, message: Message) -> Vec<Message> {
    match (dice.below(3), message) {
        (0, message) => vec![message],
        (1, Message::Prevote(vote)) => {
            let mut lie = *vote.claimed_statement();
            lie.block = lie.block.is_none().then(Digest::default);
            vec![Message::Prevote(Signed::claimed(
                vote.claimed_signer(),
                lie,
                vote.signature(),
            ))]
        }
        (
            1,
            Message::Proposal {
                proposal, block, ..
            },
        ) => {
            let mut lie = *proposal.claimed_statement();
            lie.valid_round = Some(0);
            let proposal = Signed::claimed(proposal.claimed_signer(), lie, proposal.signature());
            vec![Message::Proposal {
                proposal,
                block,
                polka: None,
            }]
        }
        (2, Message::Precommit(_)) => vec![],
        (_, message) => vec![message, Message::Fetch { height: 0 }],
    }
}

#[test]
fn all_honest_nodes_deliver_the_same_in_the_same_order() {
    for (n, f, seeds) in [(4, 1, 120), (7, 2, 30)] {
        for seed in 0..seeds {
            let (world, wanted) = one_run(world(n, f, seed), f, seed, forge);
            assert!(agree(&world), "n {n}, seed {seed}: disagreement");
            assert!(everywhere(&world, &wanted), "n {n}, seed {seed}: stall");
        }
    }
}

#[test]
fn one_liar_more_breaks_it() {
    let mut world = world(4, 1, 1);
    let half = NodeSet::from_iter([NodeId(3)]);
    let (first, second) = (world.twins(0, half), world.twins(1, half));
    world.request(1, value("a"));
    world.request(second, value("b"));
    world.request(first, value("c"));
    world.run(LONG);
    assert!(!agree(&world));
}

#[test]
fn with_three_nodes_one_silent_liar_stops_it() {
    let mut world = world(3, 1, 1);
    world.silence(2);
    world.request(0, value("a"));
    world.run(LONG);
    assert!(logs(&world).iter().all(BTreeMap::is_empty));
}

#[test]
fn its_cost_is_the_declared_one() {
    for (n, f) in [(4, 1), (7, 2), (31, 10)] {
        let mut world = world(n, f, 1);
        world.transit = lock_step();
        world.request(1, value("a"));
        world.run(LONG);
        let cost = PROTOCOL.cost(n.into(), f.into());
        assert_eq!(world.sent, cost.messages);
        let syncs: u64 = world.nodes.iter().map(|slot| slot.disk.syncs).sum();
        assert_eq!(syncs, cost.syncs);
        assert!(logs(&world).iter().all(|log| log.len() == 1));
    }
}

fn describe(message: &Message) -> Option<String> {
    let id = |block: &Option<Digest>| block.map_or("nil".to_owned(), |id| id.to_string());
    Some(match message {
        Message::Proposal {
            proposal, block, ..
        } => {
            let proposal = proposal.claimed_statement();
            let (round, values) = (proposal.round, &block.values);
            let valid = proposal.valid_round.map_or(-1, |vr| vr as i64);
            format!("proposal r{round} {} {values:?} vr {valid}", proposal.block)
        }
        Message::Prevote(vote) => {
            let vote = vote.claimed_statement();
            format!("prevote r{} {}", vote.round, id(&vote.block))
        }
        Message::Precommit(vote) => {
            let vote = vote.claimed_statement();
            format!("precommit r{} {}", vote.round, id(&vote.block))
        }
        Message::Polka { certificate, .. } => {
            let polka = certificate.claimed_statement();
            format!("polka r{} {}", polka.round, id(&polka.block))
        }
        _ => return None,
    })
}

/// The hidden lock: node 3 shows its prevote to node 0 only, which locks what nobody else knows a
/// quorum for, and falls silent. Of the three that are left none can be spared; so they get on only
/// if the others learn of the lock, or node 0 gives it up.
#[test]
fn a_hidden_lock_comes_to_light() {
    let mut world = world(4, 1, 1);
    world.print = sends(describe);
    world.transit = Box::new(|_, _, from, to, message| {
        let hidden = matches!(message, Message::Proposal { proposal, .. }
            if proposal.claimed_statement().round == 0)
            && (from, to) == (NodeId(1), NodeId(2));
        Some(if hidden { 100 * DELTA } else { DELTA })
    });
    world.corrupt(
        3,
        Box::new(|_, to, message| match &message {
            Message::Prevote(vote) if to == NodeId(0) && vote.claimed_statement().round == 0 => {
                vec![message]
            }
            _ => vec![],
        }),
    );
    world.request(1, value("a"));
    let done = world.run_until(LONG, |world| everywhere(world, &[value("a")]));
    assert!(done && agree(&world));
    assert!(logs(&world).iter().all(|log| log[&1] == [value("a")]));
    expect![[r#"
        n1 → n0 proposal r0 6c90db8d [b"a"] vr -1
        n1 → n2 proposal r0 6c90db8d [b"a"] vr -1
        n1 → n3 proposal r0 6c90db8d [b"a"] vr -1
        n1 → n0 prevote r0 6c90db8d
        n1 → n2 prevote r0 6c90db8d
        n1 → n3 prevote r0 6c90db8d
        n0 → n1 prevote r0 6c90db8d
        n0 → n2 prevote r0 6c90db8d
        n0 → n3 prevote r0 6c90db8d
        n3 → n0 prevote r0 6c90db8d
        n0 → n1 precommit r0 6c90db8d
        n0 → n2 precommit r0 6c90db8d
        n0 → n3 precommit r0 6c90db8d
        n2 → n0 prevote r0 nil
        n2 → n1 prevote r0 nil
        n2 → n3 prevote r0 nil
        n2 → n0 precommit r0 nil
        n2 → n1 precommit r0 nil
        n2 → n3 precommit r0 nil
        n1 → n0 precommit r0 nil
        n1 → n2 precommit r0 nil
        n1 → n3 precommit r0 nil
        n0 → n1 polka r0 6c90db8d
        n0 → n2 polka r0 6c90db8d
        n0 → n3 polka r0 6c90db8d
        n2 → n0 proposal r1 53ff1caf [] vr -1
        n2 → n1 proposal r1 53ff1caf [] vr -1
        n2 → n3 proposal r1 53ff1caf [] vr -1
        n2 → n0 prevote r1 53ff1caf
        n2 → n1 prevote r1 53ff1caf
        n2 → n3 prevote r1 53ff1caf
        n0 → n1 prevote r1 nil
        n0 → n2 prevote r1 nil
        n0 → n3 prevote r1 nil
        n1 → n0 prevote r1 53ff1caf
        n1 → n2 prevote r1 53ff1caf
        n1 → n3 prevote r1 53ff1caf
        n1 → n0 precommit r1 nil
        n1 → n2 precommit r1 nil
        n1 → n3 precommit r1 nil
        n0 → n1 precommit r1 nil
        n0 → n2 precommit r1 nil
        n0 → n3 precommit r1 nil
        n2 → n0 precommit r1 nil
        n2 → n1 precommit r1 nil
        n2 → n3 precommit r1 nil
        n0 → n1 prevote r0 6c90db8d
        n0 → n1 precommit r0 6c90db8d
        n0 → n1 prevote r1 nil
        n0 → n1 precommit r1 nil
        n0 → n1 precommit r0 6c90db8d
        n0 → n1 precommit r0 nil
        n0 → n1 precommit r0 nil
        n2 → n1 prevote r0 nil
        n2 → n1 precommit r0 nil
        n2 → n1 proposal r1 53ff1caf [] vr -1
        n2 → n1 prevote r1 53ff1caf
        n2 → n1 precommit r1 nil
        n2 → n1 precommit r0 6c90db8d
        n2 → n1 precommit r0 nil
        n2 → n1 precommit r0 nil
        n1 → n0 proposal r0 6c90db8d [b"a"] vr -1
        n1 → n0 prevote r0 6c90db8d
        n1 → n0 precommit r0 nil
        n1 → n0 prevote r1 53ff1caf
        n1 → n0 precommit r1 nil
        n1 → n0 precommit r0 6c90db8d
        n1 → n0 precommit r0 nil
        n1 → n0 precommit r0 nil
        n2 → n0 prevote r0 nil
        n2 → n0 precommit r0 nil
        n2 → n0 proposal r1 53ff1caf [] vr -1
        n2 → n0 prevote r1 53ff1caf
        n2 → n0 precommit r1 nil
        n2 → n0 precommit r0 6c90db8d
        n2 → n0 precommit r0 nil
        n2 → n0 precommit r0 nil
        n3 → n0 prevote r0 6c90db8d
        n0 → n2 prevote r0 6c90db8d
        n0 → n2 precommit r0 6c90db8d
        n0 → n2 prevote r1 nil
        n0 → n2 precommit r1 nil
        n0 → n2 precommit r0 6c90db8d
        n0 → n2 precommit r0 nil
        n0 → n2 precommit r0 nil
        n1 → n2 proposal r0 6c90db8d [b"a"] vr -1
        n1 → n2 prevote r0 6c90db8d
        n1 → n2 precommit r0 nil
        n1 → n2 prevote r1 53ff1caf
        n1 → n2 precommit r1 nil
        n1 → n2 precommit r0 6c90db8d
        n1 → n2 precommit r0 nil
        n1 → n2 precommit r0 nil
        n2 → n0 prevote r2 nil
        n2 → n1 prevote r2 nil
        n2 → n3 prevote r2 nil
        n0 → n1 prevote r2 nil
        n0 → n2 prevote r2 nil
        n0 → n3 prevote r2 nil
        n1 → n0 prevote r2 nil
        n1 → n2 prevote r2 nil
        n1 → n3 prevote r2 nil
        n1 → n0 precommit r2 nil
        n1 → n2 precommit r2 nil
        n1 → n3 precommit r2 nil
        n0 → n1 precommit r2 nil
        n0 → n2 precommit r2 nil
        n0 → n3 precommit r2 nil
        n2 → n0 precommit r2 nil
        n2 → n1 precommit r2 nil
        n2 → n3 precommit r2 nil
        n0 → n1 proposal r3 6c90db8d [b"a"] vr 0
        n0 → n2 proposal r3 6c90db8d [b"a"] vr 0
        n0 → n3 proposal r3 6c90db8d [b"a"] vr 0
        n0 → n1 prevote r3 6c90db8d
        n0 → n2 prevote r3 6c90db8d
        n0 → n3 prevote r3 6c90db8d
        n1 → n0 prevote r3 6c90db8d
        n1 → n2 prevote r3 6c90db8d
        n1 → n3 prevote r3 6c90db8d
        n2 → n0 prevote r3 6c90db8d
        n2 → n1 prevote r3 6c90db8d
        n2 → n3 prevote r3 6c90db8d
        n2 → n0 precommit r3 6c90db8d
        n2 → n1 precommit r3 6c90db8d
        n2 → n3 precommit r3 6c90db8d
        n0 → n1 precommit r3 6c90db8d
        n0 → n2 precommit r3 6c90db8d
        n0 → n3 precommit r3 6c90db8d
        n1 → n0 precommit r3 6c90db8d
        n1 → n2 precommit r3 6c90db8d
        n1 → n3 precommit r3 6c90db8d
        n1 outputs Delivered { height: 1, values: [b"a"] }
        n3 outputs Delivered { height: 1, values: [b"a"] }
        n0 outputs Delivered { height: 1, values: [b"a"] }
        n2 outputs Delivered { height: 1, values: [b"a"] }
    "#]]
    .assert_eq(&world.transcript);
}

/// A lock is no vow for ever: when a quorum prevotes for something else in a later round, a locked
/// node goes along (IBFT had no such rule: quorum#305).
#[test]
fn a_lock_yields_to_a_later_quorum() {
    let keys = deal(Scheme::Ideal, Instance(1), 4, 1);
    let mut world = world(4, 1, 1);
    [1, 2, 3].into_iter().for_each(|node| world.silence(node));
    world.run(Duration::ZERO);
    let block = |text: &str| Block {
        height: 1,
        parent: Digest::default(),
        values: vec![value(text)],
    };
    let prevote = |node: usize, round, text: &str| {
        let vote = Prevote {
            height: 1,
            round,
            block: Some(block(text).id()),
        };
        keys[node].sign(vote)
    };
    let propose = |round: u64, text: &str, polka: Option<u64>| {
        let proposal = Proposal {
            height: 1,
            round,
            block: block(text).id(),
            valid_round: polka,
        };
        let mut votes = quorate_crypto::Votes::default();
        if let Some(round) = polka {
            (1..4).for_each(|node| {
                votes.add(prevote(node, round, text));
            });
        }
        let polka = votes
            .any_certificate(3)
            .map(|polka| polka.into_certificate());
        let proposer = ((1 + round) % 4) as usize;
        let proposal = keys[proposer].sign(proposal).into_signed();
        Message::Proposal {
            proposal,
            block: block(text),
            polka,
        }
    };
    let node = |world: &World<Tendermint>| world.nodes[0].state.clone().expect("alive");
    let said = |world: &World<Tendermint>, round| {
        node(world)
            .hard()
            .said
            .get(&round)
            .and_then(|said| said.prevote)
    };
    world.inject(1, 0, propose(0, "a", None));
    world.run(Duration::ZERO);
    for from in [1, 2] {
        let vote = prevote(from.into(), 0, "a").into_signed();
        world.inject(from, 0, Message::Prevote(vote));
    }
    assert_eq!(node(&world).locked(), Some((0, block("a").id())));
    // Round 1: something else, out of the blue. No.
    let later = |world: &mut World<Tendermint>, round| {
        for from in [1, 2, 3_u8] {
            let vote = Precommit {
                height: 1,
                round,
                block: None,
            };
            let vote = keys[usize::from(from)].sign(vote).into_signed();
            world.inject(from, 0, Message::Precommit(vote));
        }
    };
    later(&mut world, 1);
    assert_eq!(node(&world).round(), 1);
    world.inject(2, 0, propose(1, "b", None));
    assert_eq!(said(&world, 1), Some(None));
    // Round 3, whose proposer is node 0 itself; then round 4: with a quorum of round 1. Yes.
    later(&mut world, 4);
    world.inject(1, 0, propose(4, "b", Some(1)));
    assert_eq!(said(&world, 4), Some(Some(block("b").id())));
}

#[test]
fn nodes_that_were_down_keep_their_word_and_come_back() {
    for seed in 0..60 {
        let (world, wanted) = crashes(world(4, 1, seed), false);
        assert!(agree(&world), "seed {seed}: disagreement");
        assert!(everywhere(&world, &wanted), "seed {seed}: stall");
    }
    // The same, of nodes that come back without their log.
    assert!((0..60).any(|seed| !agree(&crashes(world(4, 1, seed), true).0)));
}

#[test]
fn all_at_once_may_crash() {
    for seed in 0..40 {
        let mut world = world(4, 1, seed);
        for round in 0..10 {
            world.request(round % 4, value(&round.to_string()));
            let wait = world.dice.below(80);
            world.run(Duration::from_millis(wait));
            (0..4).for_each(|node| world.crash(node));
            (0..4).for_each(|node| world.restart(node));
        }
        world.request(0, value("last"));
        let done = world.run_until(LONG, |world| everywhere(world, &[value("last")]));
        assert!(done && agree(&world), "seed {seed}");
    }
}

#[test]
fn who_was_cut_off_catches_up_or_skips() {
    for (rounds, skips) in [(5, false), (30, true)] {
        let mut world = world(4, 1, 1);
        let cut = Duration::from_millis(rounds * 100);
        world.transit = Box::new(move |dice, now, from, to, _| {
            let cut = now < cut && (from == NodeId(3) || to == NodeId(3));
            (!cut).then(|| any_delay(dice))
        });
        for round in 0..rounds {
            world.request(0, value(&round.to_string()));
            world.run(Duration::from_millis(100));
        }
        world.request(1, value("last"));
        let done = world.run_until(LONG, |world| everywhere(world, &[value("last")]));
        assert!(done && agree(&world));
        let parents: Vec<_> = world.honest().filter_map(|s| s.state.as_ref()).collect();
        assert!(
            parents
                .windows(2)
                .all(|pair| pair[0].parent() == pair[1].parent())
        );
        let skipped = world.nodes[3].outputs.iter();
        let skipped = skipped.filter(|o| matches!(o, Output::Skip { .. })).count();
        assert_eq!(skipped > 0, skips);
    }
}

#[test]
fn two_votes_of_one_node_are_evidence() {
    let mut world = world(4, 1, 1);
    world.transit = lock_step();
    let keys = deal(Scheme::Ideal, Instance(1), 4, 1);
    world.run(Duration::ZERO);
    for block in [None, Some(Digest::default())] {
        let (height, round) = (1, 0);
        let vote = keys[3].sign(Prevote {
            height,
            round,
            block,
        });
        world.inject(3, 0, Message::Prevote(vote.into_signed()));
    }
    assert_eq!(world.nodes[0].outputs, [Output::Equivocation(NodeId(3))]);
}

/// Node 0 leaves round 0 with the precommit of node 2, which speaks to node 0 alone, and never
/// precommits there itself: so nodes 1 and 3 do not see a quorum, unless somebody passes it on.
#[test]
fn what_ended_a_round_is_passed_on() {
    let mut world = world(4, 1, 1);
    world.corrupt(
        2,
        Box::new(|_, to, message| match to {
            NodeId(0) => vec![message],
            _ => vec![],
        }),
    );
    world.transit = Box::new(|_, now, _, to, message| {
        let early = now < Duration::from_secs(2);
        let votes = matches!(message, Message::Proposal { .. } | Message::Prevote(_));
        (!(early && to == NodeId(0) && votes)).then_some(DELTA)
    });
    world.request(1, value("a"));
    world.request(0, value("b"));
    let round = |world: &World<Tendermint>, node: usize| {
        let node = world.nodes[node].state.as_ref().map(Tendermint::round);
        node.expect("alive")
    };
    assert!(world.run_until(LONG, |world| round(world, 0) == 1));
    assert_eq!((round(&world, 1), round(&world, 3)), (0, 0));
    assert!(world.run_until(LONG, |world| everywhere(world, &[value("a"), value("b")])));
}

#[test]
fn real_signatures_give_the_same_run() {
    let run = |scheme| {
        let keys = deal(scheme, Instance(1), 4, 1);
        let mut world =
            World::<Tendermint>::new(4, 1, |me| Config::new(4, 1, keys[me.index()].clone()));
        world.transit = lock_step();
        world.silence(1);
        world.request(0, value("a"));
        world.run(LONG);
        (logs(&world), world.sent)
    };
    assert_eq!(run(Scheme::Ed25519), run(Scheme::Ideal));
}
