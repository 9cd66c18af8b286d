//! A small world for tests: one seed is one run. Knows no protocol.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this is a driver"
)]

use quorate_core::driver::{Disk, Gate, Lsn, faulty, replay};
use quorate_core::{Coin, Effects, Hard, Input, NodeId, NodeSet, Protocol, Time, To};
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

/// Messages between honest nodes arrive within this.
pub const DELTA: Duration = Duration::from_millis(10);

/// SplitMix64.
#[derive(Clone)]
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

pub fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A disk that is done at once.
pub struct Records<R>(pub Vec<R>);

impl<R> Disk<R> for Records<R> {
    fn append(&mut self, records: &mut Vec<R>) -> Lsn {
        self.0.append(records);
        self.0.len() as Lsn
    }
    fn durable(&self) -> io::Result<Lsn> {
        Ok(self.0.len() as Lsn)
    }
}

type Record<P> = <<P as Protocol>::Hard as Hard>::Record;
/// Rewrites what a traitor says to a node.
pub type Tamper<M> = Box<dyn FnMut(&mut Rng, NodeId, M) -> Vec<M>>;
/// How long a message takes; `None` loses it.
pub type Delay<M> = Box<dyn FnMut(&mut Rng, Time, NodeId, NodeId, &M) -> Option<Duration>>;

/// One copy of a node: the only one, or one of twins (two honest copies under one identity, each
/// seen by some of the others; Bano et al. 2021).
pub struct Slot<P: Protocol> {
    pub id: NodeId,
    pub node: Option<P>,
    pub config: P::Config,
    /// Whom this copy talks with, besides itself.
    pub sees: NodeSet,
    /// Which of twins it is. Traitors know each other: firsts talk with firsts, seconds with
    /// seconds.
    pub twin: Option<bool>,
    pub honest: bool,
    pub disk: Records<Record<P>>,
    pub forgets: bool,
    pub tamper: Option<Tamper<P::Message>>,
    pub outputs: Vec<P::Output>,
    pub syncs: u64,
    gate: Gate<P>,
    timers: BTreeMap<P::Timer, u64>,
    life: u64,
}

enum Event<P: Protocol> {
    Start,
    Message(NodeId, P::Message),
    Timer(P::Timer, u64),
    Coin(u64, u64),
}

pub struct World<P: Protocol> {
    pub n: u8,
    pub now: Time,
    pub rng: Rng,
    pub slots: Vec<Slot<P>>,
    pub delay: Delay<P::Message>,
    pub trace: Option<Vec<String>>,
    /// How a message reads in the trace; `None` leaves it out.
    pub describe: fn(&P::Message) -> Option<String>,
    /// Messages between different nodes.
    pub sent: u64,
    pub handled: u64,
    seed: u64,
    serial: u64,
    queue: BTreeMap<(Time, u64), (usize, u64, Event<P>)>,
}

/// Any delay up to [`DELTA`].
pub fn any_delay<M>() -> Delay<M> {
    Box::new(|rng, _, _, _, _| Some(Duration::from_micros(1 + rng.below(9_999))))
}

/// Every message takes as long as every other: transcripts read best like this.
pub fn lock_step<M>() -> Delay<M> {
    Box::new(|_, _, _, _, _| Some(DELTA))
}

impl<P: Protocol> World<P> {
    pub fn new(n: u8, seed: u64, config: impl Fn(NodeId) -> P::Config) -> Self {
        let mut world = Self {
            n,
            now: Time::ZERO,
            rng: Rng(mix(seed ^ 0x51ce_b00d)),
            slots: vec![],
            delay: any_delay(),
            trace: None,
            describe: |message| Some(format!("{message:?}")),
            sent: 0,
            handled: 0,
            seed,
            serial: 0,
            queue: BTreeMap::new(),
        };
        for id in NodeId::all(n) {
            world.add_slot(id, config(id), NodeSet::all(n), true);
        }
        world
    }

    fn add_slot(&mut self, id: NodeId, config: P::Config, sees: NodeSet, honest: bool) {
        self.slots.push(Slot {
            id,
            node: Some(P::recover(&config, id, replay([]))),
            config,
            sees,
            twin: None,
            honest,
            disk: Records(vec![]),
            forgets: false,
            tamper: None,
            outputs: vec![],
            syncs: 0,
            gate: Gate::default(),
            timers: BTreeMap::new(),
            life: 0,
        });
        let slot = self.slots.len() - 1;
        self.schedule(Duration::ZERO, slot, Event::Start);
    }

    /// A traitor who says nothing, ever.
    pub fn silence(&mut self, id: u8) {
        let slot = &mut self.slots[usize::from(id)];
        (slot.node, slot.honest) = (None, false);
    }

    /// A traitor of two copies: the second talks with `second`, the first with the rest. Gives the
    /// second copy's slot.
    pub fn twins(&mut self, id: u8, second: NodeSet) -> usize {
        let (first, config) = {
            let slot = &mut self.slots[usize::from(id)];
            slot.honest = false;
            slot.twin = Some(false);
            slot.sees = NodeId::all(self.n)
                .filter(|node| !second.contains(*node))
                .collect();
            (slot.id, slot.config.clone())
        };
        self.add_slot(first, config, second, false);
        let slot = self.slots.len() - 1;
        self.slots[slot].twin = Some(true);
        slot
    }

    /// A traitor who says what `tamper` makes of his words.
    pub fn corrupt(&mut self, id: u8, tamper: Tamper<P::Message>) {
        let slot = &mut self.slots[usize::from(id)];
        slot.honest = false;
        slot.tamper = Some(tamper);
    }

    /// A random audience for a second copy.
    pub fn some_nodes(&mut self) -> NodeSet {
        let n = self.n;
        NodeId::all(n).filter(|_| self.rng.one_in(2)).collect()
    }

    fn schedule(&mut self, after: Duration, slot: usize, event: Event<P>) {
        self.serial += 1;
        let life = self.slots[slot].life;
        let at = (self.now + after, self.serial);
        self.queue.insert(at, (slot, life, event));
    }

    pub fn request(&mut self, slot: usize, request: P::Request) {
        self.run(Duration::ZERO); // whoever starts now, starts first
        self.input(slot, Input::Request(request));
    }

    /// Hands a message over at once, from whoever is said to have sent it.
    pub fn inject(&mut self, from: u8, to: u8, message: P::Message) {
        self.input(
            usize::from(to),
            Input::Message(NodeId(from.into()), message),
        );
    }

    pub fn crash(&mut self, slot: usize) {
        let slot = &mut self.slots[slot];
        slot.node = None;
        slot.life += 1;
        slot.timers.clear();
        slot.gate = Gate::default();
    }

    pub fn restart(&mut self, slot: usize) {
        let it = &mut self.slots[slot];
        it.node = Some(P::recover(&it.config, it.id, replay(&it.disk.0)));
        self.schedule(Duration::ZERO, slot, Event::Start);
    }

    fn input(&mut self, slot: usize, input: Input<P>) {
        self.handled += 1;
        let (now, n) = (self.now, self.n);
        let it = &mut self.slots[slot];
        let Some(node) = &mut it.node else {
            return;
        };
        let mut out = Effects::default();
        node.step(now, input, &mut out);
        node.flush(now, &mut out);
        if it.honest
            && let Err(broken) = node.check_invariants()
        {
            panic!("{}: {broken}", it.id);
        }
        if it.forgets {
            faulty::forget_records(&mut out, |_| false);
        }
        if let Some(tamper) = &mut it.tamper {
            let rng = &mut self.rng;
            faulty::rewrite(&mut out, |to, message, send| {
                for to in to.nodes(n) {
                    // What one says to oneself, one does not forge.
                    let said = if to == it.id {
                        vec![message.clone()]
                    } else {
                        tamper(rng, to, message.clone())
                    };
                    said.into_iter().for_each(|m| send(To::One(to), m));
                }
            });
        }
        let written = it.disk.0.len();
        let prompt = it.gate.submit(&mut out, &mut it.disk);
        it.syncs += u64::from(it.disk.0.len() > written);
        let mut messages: Vec<_> = prompt.messages().map(|m| m.into_parts()).collect();
        let mut outputs: Vec<_> = prompt.outputs().collect();
        let timers: Vec<_> = prompt.timers().collect();
        let coins: Vec<_> = prompt.coins().collect();
        let released = it.gate.release(
            &it.disk,
            |message| messages.push(message.into_parts()),
            |output| outputs.push(output),
        );
        released.expect("this disk does not fail");
        let id = it.id;
        if let Some(trace) = &mut self.trace {
            for output in &outputs {
                trace.push(format!("{id} outputs {output:?}"));
            }
        }
        self.slots[slot].outputs.extend(outputs);
        for (timer, range) in timers {
            self.serial += 1;
            let generation = self.serial;
            self.slots[slot].timers.insert(timer, generation);
            if let Some((min, max)) = range {
                let spread = (max - min).as_nanos() as u64;
                let wait = min + Duration::from_nanos(self.rng.below(spread + 1));
                self.schedule(wait, slot, Event::Timer(timer, generation));
            }
        }
        for (coin, tag) in coins {
            let value = match coin {
                Coin::Local => self.rng.next(),
                Coin::Common => mix(self.seed ^ mix(tag)),
            };
            self.schedule(Duration::ZERO, slot, Event::Coin(tag, value));
        }
        for (to, message) in messages {
            to.nodes(n).for_each(|to| self.post(slot, to, &message));
        }
    }

    fn post(&mut self, slot: usize, to: NodeId, message: &P::Message) {
        let from = self.slots[slot].id;
        if to == from {
            return self.schedule(Duration::ZERO, slot, Event::Message(from, message.clone()));
        }
        let others = (0..self.slots.len()).filter(|other| self.slots[*other].id == to);
        let heard: Vec<_> = others.filter(|other| self.talk(slot, *other)).collect();
        if heard.is_empty() {
            return;
        }
        self.sent += 1;
        let delay = (self.delay)(&mut self.rng, self.now, from, to, message);
        if let Some(trace) = &mut self.trace
            && let Some(message) = (self.describe)(message)
        {
            let fate = if delay.is_some() { "" } else { " (lost)" };
            trace.push(format!("{from} → {to} {message}{fate}"));
        }
        let Some(delay) = delay else {
            return;
        };
        for other in heard {
            self.schedule(delay, other, Event::Message(from, message.clone()));
        }
    }

    fn talk(&self, one: usize, other: usize) -> bool {
        let (a, b) = (&self.slots[one], &self.slots[other]);
        match (a.twin, b.twin) {
            (Some(one), Some(other)) => one == other,
            _ => a.sees.contains(b.id) && b.sees.contains(a.id),
        }
    }

    /// One event; `false` when there is none before `end`.
    pub fn step(&mut self, end: Time) -> bool {
        match self.queue.first_key_value() {
            Some(((at, _), _)) if *at <= end => {}
            _ => return false,
        }
        let Some(((at, _), (slot, life, event))) = self.queue.pop_first() else {
            return false;
        };
        self.now = at;
        // The network delivers to whoever lives there now; all else dies with the node.
        if life != self.slots[slot].life && !matches!(event, Event::Message(..)) {
            return true;
        }
        match event {
            Event::Start => self.input(slot, Input::Start),
            Event::Message(from, message) => self.input(slot, Input::Message(from, message)),
            Event::Coin(tag, value) => self.input(slot, Input::Coin { tag, value }),
            Event::Timer(timer, generation) => {
                if self.slots[slot].timers.get(&timer) == Some(&generation) {
                    self.slots[slot].timers.remove(&timer);
                    self.input(slot, Input::Timer(timer));
                }
            }
        }
        true
    }

    /// Runs for so long in simulated time.
    pub fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while self.step(end) {}
        self.now = end;
    }

    /// Runs until `done`, for so long at the most; says whether it was.
    pub fn run_until(&mut self, span: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + span;
        while !done(self) {
            if !self.step(end) {
                return false;
            }
        }
        true
    }

    pub fn honest(&self) -> impl Iterator<Item = &Slot<P>> {
        self.slots.iter().filter(|slot| slot.honest)
    }

    /// The first output of each honest node.
    pub fn decisions(&self) -> Vec<Option<&P::Output>> {
        self.honest().map(|slot| slot.outputs.first()).collect()
    }

    pub fn all_decided(&self) -> bool {
        self.honest().all(|slot| !slot.outputs.is_empty())
    }

    /// Did two honest nodes output different things first?
    pub fn disagree(&self) -> bool {
        let mut decided = self.decisions().into_iter().flatten();
        match decided.next() {
            Some(first) => decided.any(|other| other != first),
            None => false,
        }
    }

    pub fn transcript(&mut self) -> String {
        let mut lines = self.trace.take().unwrap_or_default();
        self.trace = Some(vec![]);
        lines.push(String::new());
        lines.join("\n")
    }
}
