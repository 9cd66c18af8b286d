use crate::logs::{LONG, Log, agree, crashes, everywhere, logs, one_run};
use crate::value;
use crate::world::{DELTA, World, any_delay, lock_step, sends};
use expect_test::expect;
use quorate_byzantine::AgreedValue;
use quorate_byzantine::pbft::*;
use quorate_core::{NodeId, NodeSet};
use quorate_crypto::{Digest, Instance, Scheme, Signed, deal};
use std::collections::BTreeMap;
use std::time::Duration;

fn world(n: u8, f: u8, interval: u64, seed: u64) -> World<Pbft> {
    let keys = deal(Scheme::Ideal, Instance(1), n, 1);
    crate::world::honest(n, seed, |me| Config {
        checkpoint_interval: interval,
        max_batch: 4,
        ..Config::new(n, f, keys[me.index()].clone())
    })
}

impl Log for Pbft {
    fn delivered(output: &Output) -> Option<(u64, Vec<AgreedValue>)> {
        match output {
            Output::Delivered { sequence, values } => Some((*sequence, values.clone())),
            _ => None,
        }
    }
    fn reached(&self) -> u64 {
        self.delivered()
    }
}

fn forge(dice: &mut crate::Dice, _: NodeId, message: Message) -> Vec<Message> {
    let lie = Batch(vec![value("lie")]);
    let respell = |prepare: &Signed<Prepare>| {
        let mut statement = *prepare.claimed_statement();
        statement.digest = Batch(vec![value("lie")]).digest();
        Signed::claimed(prepare.claimed_signer(), statement, prepare.signature())
    };
    match (dice.below(3), message) {
        (0, message) => vec![message],
        (1, Message::PrePrepare { prepare, .. }) => vec![Message::PrePrepare {
            prepare: respell(&prepare),
            batch: lie,
        }],
        (1, Message::Prepare(prepare)) => vec![Message::Prepare(respell(&prepare))],
        (2, Message::PrePrepare { prepare, .. }) => vec![Message::PrePrepare {
            prepare,
            batch: lie,
        }],
        (_, Message::ViewChange { .. }) => vec![],
        (_, message) => vec![message, Message::Request(value("made up"))],
    }
}

#[test]
fn all_honest_nodes_deliver_the_same_in_the_same_order() {
    for (n, f, seeds) in [(4, 1, 120), (7, 2, 40)] {
        // A node that was not shown a checkpoint stopped at 1046.
        for seed in (0..seeds).chain([1046]) {
            let (world, wanted) = one_run(world(n, f, 4, seed), f, seed, forge);
            assert!(agree(&world), "n {n}, seed {seed}: disagreement");
            assert!(everywhere(&world, &wanted), "n {n}, seed {seed}: stall");
        }
    }
}

#[test]
fn one_liar_more_breaks_it() {
    let broken = |seed| {
        let (world, wanted) = one_run(world(4, 1, 4, seed), 2, seed, forge);
        !agree(&world) || !everywhere(&world, &wanted)
    };
    assert!((0..20).any(broken), "two liars of four do no harm");
    // And not only progress: a primary with two faces and an accomplice.
    let mut world = world(4, 1, 4, 1);
    let half = NodeSet::from_iter([NodeId(3)]);
    let (first, second) = (world.twins(0, half), world.twins(1, half));
    world.request(0, value("a"));
    world.request(first, value("b"));
    world.request(second, value("b"));
    world.run(LONG);
    assert!(!agree(&world));
}

#[test]
fn with_three_nodes_one_silent_liar_stops_it() {
    let mut world = world(3, 1, 4, 1);
    world.silence(2);
    world.request(0, value("a"));
    world.run(LONG);
    assert!(logs(&world).iter().all(BTreeMap::is_empty));
}

#[test]
fn its_cost_is_the_declared_one() {
    for (n, f) in [(4, 1), (7, 2), (31, 10)] {
        let mut world = world(n, f, 64, 1);
        world.transit = lock_step();
        world.request(0, value("a"));
        world.run(LONG);
        let cost = PROTOCOL.cost(n.into(), f.into());
        assert_eq!(world.sent, cost.messages);
        let syncs: u64 = world.nodes.iter().map(|slot| slot.disk.syncs).sum();
        assert_eq!(syncs, cost.syncs);
        assert!(logs(&world).iter().all(|log| log.len() == 1));
    }
}

fn describe(message: &Message) -> Option<String> {
    Some(match message {
        Message::Request(value) => format!("request {value:?}"),
        Message::PrePrepare { prepare, batch } => {
            let Prepare { view, sequence, .. } = prepare.claimed_statement();
            format!("pre-prepare v{view} #{sequence} {:?}", batch.0)
        }
        Message::Prepare(prepare) => {
            let Prepare { view, sequence, .. } = prepare.claimed_statement();
            format!("prepare v{view} #{sequence}")
        }
        Message::Commit(commit) => {
            let Commit { view, sequence, .. } = commit.claimed_statement();
            format!("commit v{view} #{sequence}")
        }
        Message::ViewChange { change, .. } => {
            let ViewChange { view, prepared, .. } = change.claimed_statement();
            let prepared = prepared.iter().map(|c| c.claimed_statement().sequence);
            format!(
                "view-change v{view} prepared {:?}",
                prepared.collect::<Vec<_>>()
            )
        }
        Message::NewView(new_view) => {
            let NewView {
                view,
                changes,
                prepares,
            } = new_view.claimed_statement();
            let signers: Vec<_> = changes.iter().map(|c| c.claimed_signer().0).collect();
            let proposed = prepares.iter().map(|p| p.claimed_statement().sequence);
            format!(
                "new-view v{view} from {signers:?} proposes {:?}",
                proposed.collect::<Vec<_>>()
            )
        }
        _ => return None,
    })
}

/// The primary falls silent when two nodes have a certificate and nobody has decided: the next view
/// must find the batch.
#[test]
fn a_view_change_keeps_what_may_be_decided() {
    let mut world = world(4, 1, 64, 1);
    world.print = sends(describe);
    world.transit = Box::new(|_, now, from, to, message| {
        let early = now < Duration::from_millis(100);
        let lost = match message {
            Message::Commit(_) => early,
            Message::Prepare(_) => early && to == NodeId(3),
            _ => early && from == NodeId(3),
        };
        // What the primary says comes too late for node 3 in view 0, and never later.
        let lost = lost || (from == NodeId(0) && (to == NodeId(3) || !early));
        (!lost).then_some(DELTA)
    });
    world.nodes[0].honest = false;
    world.request(1, value("a"));
    world.run(LONG);
    let log = BTreeMap::from([(1, vec![value("a")])]);
    assert_eq!(logs(&world), [log.clone(), log.clone(), log]);
    expect![[r#"
        n1 → n0 request b"a"
        n0 → n1 pre-prepare v0 #1 [b"a"]
        n0 → n2 pre-prepare v0 #1 [b"a"]
        n0 → n3 pre-prepare v0 #1 [b"a"] (lost)
        n1 → n0 prepare v0 #1
        n1 → n2 prepare v0 #1
        n1 → n3 prepare v0 #1 (lost)
        n2 → n0 prepare v0 #1
        n2 → n1 prepare v0 #1
        n2 → n3 prepare v0 #1 (lost)
        n2 → n0 commit v0 #1 (lost)
        n2 → n1 commit v0 #1 (lost)
        n2 → n3 commit v0 #1 (lost)
        n0 → n1 commit v0 #1 (lost)
        n0 → n2 commit v0 #1 (lost)
        n0 → n3 commit v0 #1 (lost)
        n1 → n0 commit v0 #1 (lost)
        n1 → n2 commit v0 #1 (lost)
        n1 → n3 commit v0 #1 (lost)
        n1 → n0 request b"a"
        n1 → n2 request b"a"
        n1 → n3 request b"a"
        n2 → n0 request b"a"
        n3 → n0 request b"a"
        n0 → n1 pre-prepare v0 #1 [b"a"] (lost)
        n0 → n1 commit v0 #1 (lost)
        n2 → n1 prepare v0 #1
        n2 → n1 commit v0 #1
        n0 → n2 pre-prepare v0 #1 [b"a"] (lost)
        n0 → n2 commit v0 #1 (lost)
        n1 → n2 prepare v0 #1
        n1 → n2 commit v0 #1
        n1 → n0 view-change v1 prepared [1]
        n1 → n2 view-change v1 prepared [1]
        n1 → n3 view-change v1 prepared [1]
        n2 → n0 view-change v1 prepared [1]
        n2 → n1 view-change v1 prepared [1]
        n2 → n3 view-change v1 prepared [1]
        n3 → n0 view-change v1 prepared []
        n3 → n1 view-change v1 prepared []
        n3 → n2 view-change v1 prepared []
        n0 → n1 view-change v1 prepared [1] (lost)
        n0 → n2 view-change v1 prepared [1] (lost)
        n0 → n3 view-change v1 prepared [1] (lost)
        n1 outputs View { view: 1, primary: NodeId(1) }
        n1 → n0 new-view v1 from [1, 2, 3] proposes [1]
        n1 → n2 new-view v1 from [1, 2, 3] proposes [1]
        n1 → n3 new-view v1 from [1, 2, 3] proposes [1]
        n0 outputs View { view: 1, primary: NodeId(1) }
        n0 → n1 prepare v1 #1 (lost)
        n0 → n2 prepare v1 #1 (lost)
        n0 → n3 prepare v1 #1 (lost)
        n0 → n1 request b"a" (lost)
        n2 outputs View { view: 1, primary: NodeId(1) }
        n2 → n0 prepare v1 #1
        n2 → n1 prepare v1 #1
        n2 → n3 prepare v1 #1
        n2 → n1 request b"a"
        n3 outputs View { view: 1, primary: NodeId(1) }
        n3 → n0 prepare v1 #1
        n3 → n1 prepare v1 #1
        n3 → n2 prepare v1 #1
        n3 → n1 request b"a"
        n0 → n1 commit v1 #1 (lost)
        n0 → n2 commit v1 #1 (lost)
        n0 → n3 commit v1 #1 (lost)
        n3 → n0 commit v1 #1
        n3 → n1 commit v1 #1
        n3 → n2 commit v1 #1
        n1 → n0 commit v1 #1
        n1 → n2 commit v1 #1
        n1 → n3 commit v1 #1
        n2 → n0 commit v1 #1
        n2 → n1 commit v1 #1
        n2 → n3 commit v1 #1
        n0 outputs Delivered { sequence: 1, values: [b"a"] }
        n2 outputs Delivered { sequence: 1, values: [b"a"] }
        n1 outputs Delivered { sequence: 1, values: [b"a"] }
        n3 outputs Delivered { sequence: 1, values: [b"a"] }
    "#]]
    .assert_eq(&world.transcript);
}

#[test]
fn acknowledgements_of_different_contents_are_no_quorum() {
    let keys = deal(Scheme::Ideal, Instance(1), 4, 1);
    let mut world = world(4, 1, 64, 1);
    world.run(Duration::ZERO);
    let vote = |node: usize, text: &str| {
        let digest = Batch(vec![value(text)]).digest();
        let (view, sequence) = (0, 1);
        keys[node]
            .sign(Prepare {
                view,
                sequence,
                digest,
            })
            .into_signed()
    };
    let (prepare, batch) = (vote(0, "a"), Batch(vec![value("a")]));
    world.inject(0, 1, Message::PrePrepare { prepare, batch });
    world.run(Duration::ZERO);
    world.inject(2, 1, Message::Prepare(vote(2, "b")));
    world.inject(3, 1, Message::Prepare(vote(3, "c")));
    world.run(Duration::ZERO);
    // Four voted, no three for the same.
    assert!(
        world.nodes[1]
            .state
            .as_ref()
            .is_some_and(|p| p.hard().prepared.is_empty())
    );
    world.inject(2, 1, Message::Prepare(vote(2, "a")));
    world.run(Duration::ZERO);
    let prepared = |w: &World<Pbft>| w.nodes[1].state.as_ref().map(|p| p.hard().prepared.len());
    assert_eq!(prepared(&world), Some(0), "a second vote of node 2 counts");
}

#[test]
fn checkpoints_bound_what_is_kept() {
    let mut world = world(4, 1, 4, 1);
    for round in 0..200 {
        world.request(round % 4, value(&round.to_string()));
        world.run(Duration::from_millis(50));
    }
    for slot in world.honest() {
        let node = slot.state.as_ref().expect("alive");
        assert!(node.delivered() >= 150, "{}", node.delivered());
        assert!(node.hard().accepted.len() <= 8 && node.hard().batches.len() <= 16);
        assert!(node.hard().stable_sequence() + 8 >= node.delivered());
    }
}

#[test]
fn who_was_cut_off_skips_to_the_others() {
    let mut world = world(4, 1, 4, 1);
    world.transit = Box::new(|dice, now, from, to, _| {
        let cut = now < Duration::from_secs(2) && (from == NodeId(3) || to == NodeId(3));
        (!cut).then(|| any_delay(dice))
    });
    for round in 0..40 {
        world.request(0, value(&round.to_string()));
        world.run(Duration::from_millis(50));
    }
    let behind = world.nodes[3].state.as_ref().map(Pbft::delivered);
    assert_eq!(behind, Some(0));
    for round in 40..60 {
        world.request(0, value(&round.to_string()));
        world.run(Duration::from_millis(50));
    }
    assert!(agree(&world));
    let histories: Vec<Digest> = world
        .honest()
        .filter_map(|s| s.state.as_ref())
        .map(Pbft::history)
        .collect();
    assert!(histories.windows(2).all(|pair| pair[0] == pair[1]));
    assert!(
        world.nodes[3]
            .outputs
            .iter()
            .any(|o| matches!(o, Output::Skip { .. }))
    );
}

/// Node 3 gave up view 1 too, and nodes 1 and 2 were never told; they wait for it there, and it waits
/// for them in view 2. Time runs for who knows that a quorum has left the views before.
#[test]
fn nodes_that_gave_up_different_views_meet_again() {
    let mut world = world(4, 1, 64, 1);
    world.silence(0);
    world.transit = Box::new(|_, _, from, _, message| {
        let gives_up_0 = match message {
            Message::ViewChange { change, .. } => change.claimed_statement().view == 1,
            _ => false,
        };
        (from != NodeId(3) || !gives_up_0).then_some(DELTA)
    });
    let asked = [value("a")];
    (1..4).for_each(|node| world.request(node, asked[0].clone()));
    let apart = |world: &World<Pbft>| {
        let view = |node: usize| world.nodes[node].state.as_ref().map(Pbft::view);
        (view(1), view(2), view(3)) == (Some(1), Some(1), Some(2))
    };
    assert!(world.run_until(LONG, apart));
    assert!(world.run_until(LONG, |world| everywhere(world, &asked)));
}

/// In view 0 a node that was down from the start has missed nothing that it knows of; that others
/// speak in a later view tells it.
#[test]
fn who_slept_through_a_view_change_asks_what_it_has_missed() {
    let mut world = world(4, 1, 64, 1);
    world.crash(3);
    world.transit = Box::new(|_, now, from, _, _| {
        let silent = now < Duration::from_secs(1) && from == NodeId(0);
        (!silent).then_some(DELTA)
    });
    world.request(1, value("a"));
    world.run(Duration::from_secs(5));
    world.restart(3);
    world.run(Duration::from_secs(5));
    let reached = |world: &World<Pbft>, node: usize| {
        let node = world.nodes[node].state.as_ref().expect("alive");
        (node.view(), node.delivered())
    };
    let (view, delivered) = reached(&world, 0);
    assert!(view > 0 && delivered == 1 && reached(&world, 3) == (0, 0));
    world.request(1, value("b"));
    let asked = [value("a"), value("b")];
    assert!(world.run_until(LONG, |world| everywhere(world, &asked)));
    assert_eq!(reached(&world, 3), reached(&world, 0));
}

/// The primary leaves out node 3, which hears the others commit and has nothing to wait for itself.
#[test]
fn who_hears_others_commit_to_what_it_was_not_shown_asks_for_it() {
    let mut world = world(4, 1, 64, 1);
    world.transit =
        Box::new(|_, _, from, to, _| (from != NodeId(0) || to != NodeId(3)).then_some(DELTA));
    world.request(1, value("a"));
    let asked = [value("a")];
    assert!(world.run_until(LONG, |world| everywhere(world, &asked)));
}

#[test]
fn a_liar_among_nodes_that_crash_is_survived() {
    for seed in 0..60 {
        let (world, wanted) = crashes(world(4, 1, 4, seed), false);
        assert!(agree(&world), "seed {seed}: disagreement");
        assert!(everywhere(&world, &wanted), "seed {seed}: stall");
    }
    // The same, of nodes that come back without their log.
    assert!((0..200).any(|seed| !agree(&crashes(world(4, 1, 4, seed), true).0)));
}

#[test]
fn nodes_that_were_down_keep_their_word_and_come_back() {
    for seed in 0..60 {
        let mut world = world(4, 1, 4, seed);
        let mut wanted = vec![];
        for round in 0..12 {
            let asked = value(&round.to_string());
            let node = world.dice.below(4) as usize;
            world.request(node, asked.clone());
            let wait = world.dice.below(60);
            world.run(Duration::from_millis(wait));
            // Whoever crashes forgets what it was asked: a client asks again.
            let victim = world.dice.below(4) as usize;
            world.crash(victim);
            world.restart(victim);
            wanted.push(asked);
        }
        // Everybody at once, too.
        (0..4).for_each(|node| world.crash(node));
        world.run(Duration::from_secs(1));
        (0..4).for_each(|node| world.restart(node));
        for asked in &wanted {
            world.request(1, asked.clone());
        }
        let done = world.run_until(LONG, |world| everywhere(world, &wanted));
        assert!(agree(&world), "seed {seed}: disagreement");
        assert!(done, "seed {seed}: stall");
    }
}

#[test]
fn real_signatures_give_the_same_run() {
    let run = |scheme| {
        let keys = deal(scheme, Instance(1), 4, 1);
        let mut world = World::<Pbft>::new(4, 1, |me| Config::new(4, 1, keys[me.index()].clone()));
        world.transit = lock_step();
        world.silence(0);
        world.request(1, value("a"));
        world.run(LONG);
        (logs(&world), world.sent)
    };
    assert_eq!(run(Scheme::Ed25519), run(Scheme::Ideal));
}
