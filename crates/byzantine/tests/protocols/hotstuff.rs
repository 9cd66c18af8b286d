use crate::logs::{LONG, Log, agree, crashes, everywhere, logs, one_run};
use crate::value;
use crate::world::{DELTA, World, any_delay, lock_step, sends};
use expect_test::expect;
use quorate_byzantine::AgreedValue;
use quorate_byzantine::hotstuff::*;
use quorate_core::{NodeId, NodeSet};
use quorate_crypto::{
    Certificate, Certified, Instance, Keychain, Scheme, Signed, Statement, Votes, deal,
};
use std::collections::BTreeMap;
use std::time::Duration;

impl Log for HotStuff {
    fn delivered(output: &Output) -> Option<(u64, Vec<AgreedValue>)> {
        match output {
            Output::Delivered { height, values } => Some((*height, values.clone())),
            _ => None,
        }
    }
    fn reached(&self) -> u64 {
        self.committed().height
    }
}

fn world(n: u8, f: u8, seed: u64) -> World<HotStuff> {
    let keys = deal(Scheme::Ideal, Instance(1), n, 1);
    crate::world::honest(n, seed, |me| Config {
        max_batch: 4,
        kept_blocks: 24,
        views_per_leader: 8,
        ..Config::new(n, f, keys[me.index()].clone())
    })
}

fn forge(dice: &mut crate::Dice, _: NodeId, message: Message) -> Vec<Message> {
    match (dice.below(3), message) {
        (0, message) => vec![message],
        (
            1,
            Message::Proposal {
                propose, mut block, ..
            },
        ) => {
            block.view += 8;
            let mut lie = *propose.claimed_statement();
            (lie.view, lie.block) = (block.view, block.id());
            let propose = Signed::claimed(propose.claimed_signer(), lie, propose.signature());
            let entry = None;
            vec![Message::Proposal {
                propose,
                block,
                entry,
            }]
        }
        (1, Message::Vote(vote)) => {
            let mut lie = *vote.claimed_statement();
            lie.view += 1;
            let vote = Signed::claimed(vote.claimed_signer(), lie, vote.signature());
            vec![Message::Vote(vote)]
        }
        (2, Message::Vote(_) | Message::Quorum(_)) => vec![],
        (_, message) => vec![message, Message::Blocks(vec![])],
    }
}

#[test]
fn all_honest_nodes_deliver_the_same_in_the_same_order() {
    for (n, f, seeds) in [(4, 1, 120), (7, 2, 30)] {
        // A node that was not shown the quorum that committed stopped at 3807.
        for seed in (0..seeds).chain([3807]) {
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
    world.request(0, value("a"));
    world.request(first, value("b"));
    world.request(second, value("b"));
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
        world.request(0, value("a"));
        world.run(LONG);
        let cost = PROTOCOL.cost(n.into(), f.into());
        assert_eq!(world.sent, cost.messages);
        let syncs: u64 = world.nodes.iter().map(|slot| slot.disk.syncs).sum();
        assert_eq!(syncs, cost.syncs);
        assert!(logs(&world).iter().all(|log| log.len() == 1));
    }
}

/// In a stream each block costs one send and one vote: a decision in the price of a phase.
#[test]
fn a_stream_costs_one_send_and_one_vote_for_each_decision() {
    let mut world = world(4, 1, 1);
    let phases = std::rc::Rc::new(std::cell::Cell::new(0));
    let counted = phases.clone();
    world.transit = Box::new(move |_, _, _, _, message| {
        let passed_on = matches!(message, Message::Request(_));
        counted.set(counted.get() + u64::from(!passed_on));
        Some(DELTA)
    });
    for block in 0..100 {
        for n in 0..4 {
            world.request(0, value(&format!("{block}.{n}")));
        }
    }
    world.run(LONG);
    let decisions = logs(&world)[0].len() as u64;
    assert!(decisions >= 100);
    assert!(
        phases.get() <= (decisions + 3) * 2 * 3,
        "{} for {decisions}",
        phases.get()
    );
}

fn describe(message: &Message) -> Option<String> {
    Some(match message {
        Message::Proposal { block, entry, .. } => {
            let (view, justify, values) = (block.view, block.parent_view(), &block.values);
            let entry = if entry.is_some() {
                ", others given up"
            } else {
                ""
            };
            format!("block v{view} justify v{justify} {values:?}{entry}")
        }
        Message::Vote(vote) => format!("vote v{}", vote.claimed_statement().view),
        Message::NewView { new_view, high } => {
            let high = high
                .as_ref()
                .map_or(0, |high| high.claimed_statement().view);
            format!(
                "new-view v{} high v{high}",
                new_view.claimed_statement().view
            )
        }
        Message::Quorum(quorum) => format!("quorum v{}", quorum.claimed_statement().view),
        Message::Request(values) => format!("request {values:?}"),
        _ => return None,
    })
}

/// Figure 1 of the paper, run: each phase of one block is a vote for the next.
#[test]
fn three_blocks_in_a_row_commit_the_first() {
    let mut world = world(4, 1, 1);
    world.print = sends(describe);
    world.transit = lock_step();
    world.request(0, value("a"));
    world.run(LONG);
    expect![[r#"
        n0 → n1 block v1 justify v0 [b"a"]
        n0 → n2 block v1 justify v0 [b"a"]
        n0 → n3 block v1 justify v0 [b"a"]
        n1 → n0 vote v1
        n2 → n0 vote v1
        n3 → n0 vote v1
        n0 → n1 block v2 justify v1 []
        n0 → n2 block v2 justify v1 []
        n0 → n3 block v2 justify v1 []
        n1 → n0 vote v2
        n2 → n0 vote v2
        n3 → n0 vote v2
        n0 → n1 block v3 justify v2 []
        n0 → n2 block v3 justify v2 []
        n0 → n3 block v3 justify v2 []
        n1 → n0 vote v3
        n2 → n0 vote v3
        n3 → n0 vote v3
        n0 outputs Delivered { height: 1, values: [b"a"] }
        n0 → n1 quorum v3
        n0 → n2 quorum v3
        n0 → n3 quorum v3
        n1 outputs Delivered { height: 1, values: [b"a"] }
        n2 outputs Delivered { height: 1, values: [b"a"] }
        n3 outputs Delivered { height: 1, values: [b"a"] }
    "#]]
    .assert_eq(&world.transcript);
}

/// The leader falls silent after its second block: the lock survives it.
#[test]
fn what_is_locked_survives_its_leader() {
    let mut world = world(4, 1, 1);
    world.print = sends(describe);
    world.transit = lock_step();
    world.corrupt(
        0,
        Box::new(|_, _, message| match &message {
            Message::Proposal { block, .. } if block.view <= 2 => vec![message],
            _ => vec![],
        }),
    );
    world.request(0, value("a"));
    world.run(LONG);
    assert!(logs(&world).iter().all(|log| log[&1] == [value("a")]));
    expect![[r#"
        n0 → n1 block v1 justify v0 [b"a"]
        n0 → n2 block v1 justify v0 [b"a"]
        n0 → n3 block v1 justify v0 [b"a"]
        n1 → n0 vote v1
        n2 → n0 vote v1
        n3 → n0 vote v1
        n0 → n1 block v2 justify v1 []
        n0 → n2 block v2 justify v1 []
        n0 → n3 block v2 justify v1 []
        n1 → n0 vote v2
        n2 → n0 vote v2
        n3 → n0 vote v2
        n1 → n0 new-view v8 high v1
        n1 → n2 new-view v8 high v1
        n1 → n3 new-view v8 high v1
        n2 → n0 new-view v8 high v1
        n2 → n1 new-view v8 high v1
        n2 → n3 new-view v8 high v1
        n3 → n0 new-view v8 high v1
        n3 → n1 new-view v8 high v1
        n3 → n2 new-view v8 high v1
        n1 → n0 block v8 justify v1 [], others given up
        n1 → n2 block v8 justify v1 [], others given up
        n1 → n3 block v8 justify v1 [], others given up
        n2 → n1 vote v8
        n3 → n1 vote v8
        n1 → n0 block v9 justify v8 []
        n1 → n2 block v9 justify v8 []
        n1 → n3 block v9 justify v8 []
        n2 → n1 vote v9
        n3 → n1 vote v9
        n1 → n0 block v10 justify v9 []
        n1 → n2 block v10 justify v9 []
        n1 → n3 block v10 justify v9 []
        n2 → n1 vote v10
        n3 → n1 vote v10
        n1 outputs Delivered { height: 1, values: [b"a"] }
        n1 outputs Delivered { height: 2, values: [] }
        n1 → n0 quorum v10
        n1 → n2 quorum v10
        n1 → n3 quorum v10
        n0 outputs Delivered { height: 1, values: [b"a"] }
        n0 outputs Delivered { height: 2, values: [] }
        n2 outputs Delivered { height: 1, values: [b"a"] }
        n2 outputs Delivered { height: 2, values: [] }
        n3 outputs Delivered { height: 1, values: [b"a"] }
        n3 outputs Delivered { height: 2, values: [] }
    "#]]
    .assert_eq(&world.transcript);
}

/// Node 1 of four, alone, and what others could have shown it.
struct Alone {
    keys: Vec<Keychain>,
    world: World<HotStuff>,
}

impl Alone {
    fn new() -> Self {
        let mut world = world(4, 1, 1);
        [0, 2, 3].into_iter().for_each(|node| world.silence(node));
        world.run(Duration::ZERO);
        let keys = deal(Scheme::Ideal, Instance(1), 4, 1);
        Self { keys, world }
    }

    /// What three of four sign.
    fn certificate<S: Statement + Clone + Ord>(&self, statement: S) -> Option<Certificate<S>> {
        let mut votes = Votes::default();
        for node in [0, 2, 3] {
            votes.add(self.keys[node].sign(statement.clone()));
        }
        votes.any_certificate(3).map(Certified::into_certificate)
    }

    fn quorum(&self, block: &Block) -> Option<Quorum> {
        let (view, block) = (block.view, block.id());
        self.certificate(Vote { view, block })
    }

    fn child(&self, view: u64, parent: Option<&Block>, text: &str) -> Block {
        Block {
            view,
            height: parent.map_or(0, |parent| parent.height) + 1,
            justify: parent.and_then(|parent| self.quorum(parent)),
            values: vec![value(text)],
        }
    }

    /// The block is proposed, in a view that others have begun; gives for which view the node has
    /// voted last, and which it has locked.
    fn offer(&mut self, block: &Block) -> (u64, u64) {
        let leader = (block.view / 8 % 4) as usize;
        let (view, id) = (block.view, block.id());
        let propose = Propose { view, block: id };
        let message = Message::Proposal {
            propose: self.keys[leader].sign(propose).into_signed(),
            block: block.clone(),
            entry: self.certificate(NewView { view }),
        };
        self.world.inject(leader as u8, 1, message);
        let node = self.world.nodes[1].state.as_ref().expect("alive");
        (node.hard().voted, node.quorums().1)
    }

    fn delivered(&self) -> u64 {
        let node = self.world.nodes[1].state.as_ref().expect("alive");
        node.committed().height
    }
}

/// The safety rule, in both directions.
#[test]
fn a_lock_yields_to_a_later_quorum_only() {
    let mut node = Alone::new();
    let first = node.child(1, None, "a");
    let second = node.child(2, Some(&first), "b");
    let third = node.child(3, Some(&second), "c");
    assert_eq!(node.offer(&first), (1, 0));
    assert_eq!(node.offer(&second), (2, 0));
    // A quorum for the second block locks the first.
    assert_eq!(node.offer(&third), (3, 1));
    // Another branch from the beginning: no vote, however late its view.
    let other = node.child(16, None, "x");
    assert_eq!(node.offer(&other), (3, 1));
    // Unless it shows a later quorum than the lock's.
    let later = node.child(24, Some(&other), "y");
    assert_eq!(node.offer(&later), (24, 1));
}

/// Three blocks with a quorum each commit the first only if their views are consecutive: in a view
/// between them another branch may have got a quorum that this node has not seen.
#[test]
fn nothing_commits_across_a_view_that_was_given_up() {
    for gaps in [[1, 2, 16], [1, 16, 17], [1, 16, 18]] {
        let mut node = Alone::new();
        let mut last: Option<Block> = None;
        for view in gaps.into_iter().chain([25, 26, 27]) {
            let block = node.child(view, last.as_ref(), &view.to_string());
            assert_eq!(node.offer(&block).0, view);
            assert_eq!(node.delivered(), 0, "{gaps:?}, view {view}");
            last = Some(block);
        }
        // The quorum of 27 is in the block after it: it commits 25, the fourth, and all before.
        let block = node.child(28, last.as_ref(), "28");
        node.offer(&block);
        assert_eq!(node.delivered(), 4, "{gaps:?}");
    }
}

/// Node 3 began view 8 and gave it up, and nodes 1 and 2 were never told that it had given up the
/// views before; they wait for it there, and it waits for them in view 16. Time runs for who knows
/// that a quorum has left the views before.
#[test]
fn nodes_that_gave_up_different_views_meet_again() {
    let mut world = world(4, 1, 1);
    world.silence(0);
    world.transit = Box::new(|_, _, from, _, message| {
        let gives_up_0 = match message {
            Message::NewView { new_view, .. } => new_view.claimed_statement().view == 8,
            _ => false,
        };
        (from != NodeId(3) || !gives_up_0).then_some(DELTA)
    });
    let asked = [value("a")];
    (1..4).for_each(|node| world.request(node, asked[0].clone()));
    let apart = |world: &World<HotStuff>| {
        let view = |node: usize| world.nodes[node].state.as_ref().map(HotStuff::view);
        (view(1), view(2), view(3)) == (Some(8), Some(8), Some(16))
    };
    assert!(world.run_until(LONG, apart));
    assert!(world.run_until(LONG, |world| everywhere(world, &asked)));
}

#[test]
fn nodes_that_were_down_keep_their_word_and_come_back() {
    for seed in 0..60 {
        let (world, wanted) = crashes(world(4, 1, seed), false);
        assert!(agree(&world), "seed {seed}: disagreement");
        assert!(everywhere(&world, &wanted), "seed {seed}: stall");
    }
    // The same, of nodes that come back without their log.
    assert!((0..200).any(|seed| !agree(&crashes(world(4, 1, seed), true).0)));
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
    for (rounds, skips) in [(3, false), (60, true)] {
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
        assert!(done && agree(&world), "{rounds}");
        let skipped = world.nodes[3].outputs.iter();
        let skipped = skipped.filter(|o| matches!(o, Output::Skip { .. })).count();
        assert_eq!(skipped > 0, skips);
    }
}

#[test]
fn blocks_and_votes_are_bounded() {
    let mut world = world(4, 1, 1);
    for round in 0..400 {
        world.request(round % 4, value(&round.to_string()));
        world.run(Duration::from_millis(30));
    }
    for slot in world.honest() {
        let node = slot.state.as_ref().expect("alive");
        assert!(node.committed().height > 100);
        assert!(
            node.hard().blocks.len() < 40,
            "{}",
            node.hard().blocks.len()
        );
    }
}

#[test]
fn real_signatures_give_the_same_run() {
    let run = |scheme| {
        let keys = deal(scheme, Instance(1), 4, 1);
        let mut world =
            World::<HotStuff>::new(4, 1, |me| Config::new(4, 1, keys[me.index()].clone()));
        world.transit = lock_step();
        world.silence(0);
        world.request(1, value("a"));
        world.run(LONG);
        (logs(&world), world.sent)
    };
    assert_eq!(run(Scheme::Ed25519), run(Scheme::Ideal));
}
