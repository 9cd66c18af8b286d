//! Three nodes with a link between any two, on a wire that keeps a copy of all that was ever put
//! on it and delivers what the test says.
//!
//! A packet that is never delivered was lost; one that is delivered twice was duplicated; one that
//! is delivered long after was late, reordered, or replayed across a restart.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use quorate_core::{NodeId, Time};
use quorate_links::history::{LinkEvent, LinkViolation};
use quorate_links::{Endpoints, Epoch, Link, LinkOutput};
use quorate_testbed::Deadlines;
use std::collections::BTreeMap;
use std::fmt::Debug;

pub(crate) const NODES: u8 = 3;

/// Every message is another, so that a history tells them apart. Long enough to be worth garbling.
pub(crate) type Message = u64;

/// One thing that befalls the world.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// A node sends the next message to another.
    Send { from: u8, to: u8 },
    /// A packet of all that were ever sent arrives, counted from the newest.
    Deliver { nth: usize },
    /// Everything that was sent since the last such act arrives, in order.
    DeliverNew,
    /// Time passes, and timers fire.
    Pass { millis: u64 },
    /// A node crashes and starts again, knowing its epoch and nothing else.
    Restart { node: u8 },
    /// A packet arrives with one bit of it flipped.
    Garble { nth: usize, bit: usize },
    /// A packet arrives at a node as from a node, whoever sent it to whom.
    Misdirect { nth: usize, from: u8, to: u8 },
}

pub(crate) type Acts = Vec<Act>;

/// What a fair-loss wire does: no forgery.
pub(crate) fn fair_loss(restarts: bool) -> impl Strategy<Value = Acts> {
    let node = || 0..NODES;
    let act = prop_oneof![
        6 => (node(), node()).prop_map(|(from, to)| Act::Send { from, to }),
        6 => (0..24usize).prop_map(|nth| Act::Deliver { nth }),
        4 => Just(Act::DeliverNew),
        2 => (1..400u64).prop_map(|millis| Act::Pass { millis }),
        u32::from(restarts) => node().prop_map(|node| Act::Restart { node }),
        u32::from(restarts) => (0..400usize).prop_map(|nth| Act::Deliver { nth }),
    ];
    prop::collection::vec(act, 1..120)
}

/// What an adversary without keys does besides.
pub(crate) fn hostile() -> impl Strategy<Value = Acts> {
    let node = || 0..NODES;
    let act = prop_oneof![
        6 => (node(), node()).prop_map(|(from, to)| Act::Send { from, to }),
        5 => (0..24usize).prop_map(|nth| Act::Deliver { nth }),
        4 => Just(Act::DeliverNew),
        1 => (1..400u64).prop_map(|millis| Act::Pass { millis }),
        1 => node().prop_map(|node| Act::Restart { node }),
        2 => (0..400usize).prop_map(|nth| Act::Deliver { nth }),
        3 => (0..24usize, 0..2048usize).prop_map(|(nth, bit)| Act::Garble { nth, bit }),
        3 => (0..24usize, node(), node())
            .prop_map(|(nth, from, to)| Act::Misdirect { nth, from, to }),
    ];
    prop::collection::vec(act, 1..120)
}

/// Flips a bit of a packet, if it has bits.
pub(crate) type Garbler<K> = fn(&K, usize) -> Option<K>;

pub(crate) struct World<L: Link<Message>> {
    config: Vec<L::Config>,
    garbler: Garbler<L::Packet>,
    pub(crate) now: Time,
    pub(crate) epochs: BTreeMap<NodeId, Epoch>,
    pub(crate) links: BTreeMap<(NodeId, NodeId), L>,
    timers: Deadlines<(NodeId, NodeId)>,
    /// All that was ever put on the wire.
    pub(crate) wire: Vec<(NodeId, NodeId, L::Packet)>,
    new: usize,
    next: Message,
    pub(crate) history: Vec<LinkEvent<Message>>,
    pub(crate) refused: usize,
}

impl<L: Link<Message>> World<L> {
    /// With one configuration for all nodes, or one for each.
    pub(crate) fn new(config: &[L::Config], garbler: Garbler<L::Packet>) -> Self {
        let config = (0..usize::from(NODES))
            .map(|node| config[node % config.len()].clone())
            .collect();
        let mut world = Self {
            config,
            garbler,
            now: Time::ZERO,
            epochs: BTreeMap::new(),
            links: BTreeMap::new(),
            timers: Deadlines::default(),
            wire: vec![],
            new: 0,
            next: 1_000_000,
            history: vec![],
            refused: 0,
        };
        NodeId::all(NODES).for_each(|node| world.restart(node));
        world
    }

    pub(crate) fn restart(&mut self, me: NodeId) {
        let epoch = self.epochs.entry(me).or_default();
        *epoch = epoch.next();
        let epoch = *epoch;
        for peer in NodeId::all(NODES).filter(|peer| *peer != me) {
            let link = L::open(&self.config[me.index()], Endpoints { me, peer, epoch });
            self.links.insert((me, peer), link);
            self.timers.set((me, peer), None);
        }
    }

    pub(crate) fn send(&mut self, from: NodeId, to: NodeId) -> bool {
        let message = self.next;
        self.next += 1;
        let urgency = quorate_links::Lane::Eager;
        let link = self.links.get_mut(&(from, to)).expect("a link");
        let taken = link.send(self.now, message, urgency).is_ok();
        if taken {
            let from = (from, self.epochs[&from]);
            self.history.push(LinkEvent::Sent { from, to, message });
        } else {
            self.refused += 1;
        }
        self.flush(from, to);
        taken
    }

    pub(crate) fn deliver(&mut self, from: NodeId, to: NodeId, packet: L::Packet) {
        let mut inbox = vec![];
        let link = self.links.get_mut(&(to, from)).expect("a link");
        let _ = link.on_packet(self.now, packet, &mut inbox);
        let to_life = (to, self.epochs[&to]);
        self.history
            .extend(inbox.into_iter().map(|message| LinkEvent::Delivered {
                to: to_life,
                from,
                message,
            }));
        self.flush(to, from);
    }

    pub(crate) fn flush(&mut self, me: NodeId, peer: NodeId) {
        let mut out = LinkOutput::default();
        let link = self.links.get_mut(&(me, peer)).expect("a link");
        link.flush(self.now, &mut out);
        link.check_invariants().expect("invariants");
        for (_, packet) in out.packets {
            self.wire.push((me, peer, packet));
        }
        if let Some(range) = out.timer {
            assert!(range.is_none_or(|(min, max)| min <= max));
            // Now early, now late in the range.
            let early = self.wire.len().is_multiple_of(2);
            let at = range.map(|(min, max)| self.now + if early { min } else { max });
            self.timers.set((me, peer), at);
        }
    }

    /// Fires the next timer, if there is one until then.
    pub(crate) fn pass(&mut self, until: Time) -> bool {
        let Some((at, (me, peer))) = self.timers.pop(until) else {
            return false;
        };
        self.now = self.now.max(at);
        let link = self.links.get_mut(&(me, peer)).expect("a link");
        link.on_timer(self.now);
        self.flush(me, peer);
        true
    }

    pub(crate) fn act(&mut self, act: &Act) {
        let count = self.wire.len();
        let pick = |nth: usize| count.checked_sub(1 + nth % count.max(1));
        match *act {
            Act::Send { from, to } if from != to => {
                self.send(NodeId(from.into()), NodeId(to.into()));
            }
            Act::Send { .. } => {}
            Act::Deliver { nth } => {
                if let Some(at) = pick(nth) {
                    let (from, to, packet) = self.wire[at].clone();
                    self.deliver(from, to, packet);
                }
            }
            Act::DeliverNew => {
                for at in std::mem::replace(&mut self.new, count)..count {
                    let (from, to, packet) = self.wire[at].clone();
                    self.deliver(from, to, packet);
                }
            }
            Act::Pass { millis } => {
                let until = self.now + std::time::Duration::from_millis(millis);
                while self.pass(until) {}
                self.now = until;
            }
            Act::Restart { node } => self.restart(NodeId(node.into())),
            Act::Garble { nth, bit } => {
                if let Some(at) = pick(nth) {
                    let (from, to, packet) = &self.wire[at];
                    if let Some(garbled) = (self.garbler)(packet, bit) {
                        let (from, to) = (*from, *to);
                        self.deliver(from, to, garbled);
                    }
                }
            }
            Act::Misdirect { nth, from, to } if from != to => {
                if let Some(at) = pick(nth) {
                    let packet = self.wire[at].2.clone();
                    self.deliver(NodeId(from.into()), NodeId(to.into()), packet);
                }
            }
            Act::Misdirect { .. } => {}
        }
    }

    /// From now on the wire is fair and nobody crashes: of what is put on it, every `loss`-th
    /// packet is lost and the rest arrives at once. Until nothing is left to do.
    pub(crate) fn settle(&mut self, loss: usize) {
        let mut seen = self.wire.len();
        // A layer that lacks its mechanism may go on for ever.
        for _ in 0..5_000 {
            if let Some((from, to, packet)) = self.wire.get(seen).cloned() {
                seen += 1;
                if !seen.is_multiple_of(loss) {
                    self.deliver(from, to, packet);
                }
            } else if !self.pass(Time(u64::MAX)) {
                return;
            }
        }
    }
}

/// Runs `property` over cases that are the same every time. `Err` has the smallest case found, and
/// what was violated.
pub(crate) fn over<S: Strategy>(
    cases: u32,
    strategy: &S,
    property: impl Fn(&S::Value) -> Result<(), LinkViolation>,
) -> Result<(), (S::Value, String)>
where
    S::Value: Debug,
{
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, rng)
        .run(strategy, |case| {
            property(&case).map_err(|violation| TestCaseError::fail(violation.to_string()))
        })
        .map_err(|error| match error {
            TestError::Fail(why, case) => (case, why.message().to_owned()),
            TestError::Abort(why) => panic!("{why}"),
        })
}

/// The property holds in every case.
#[track_caller]
pub(crate) fn holds<S: Strategy>(
    strategy: &S,
    property: impl Fn(&S::Value) -> Result<(), LinkViolation>,
) where
    S::Value: Debug,
{
    if let Err((case, why)) = over(256, strategy, property) {
        panic!("{why}\nin {case:?}");
    }
}

/// The property is violated, under its name, in some case.
#[track_caller]
pub(crate) fn breaks<S: Strategy>(
    name: &str,
    strategy: &S,
    property: impl Fn(&S::Value) -> Result<(), LinkViolation>,
) where
    S::Value: Debug,
{
    match over(256, strategy, property) {
        Ok(()) => panic!("{name} holds with the mechanism left out: it is not what upholds it"),
        Err((case, why)) => assert!(why.starts_with(name), "{why}\nin {case:?}"),
    }
}
