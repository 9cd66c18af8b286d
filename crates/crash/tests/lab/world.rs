//! A world for any protocol: one queue of events in the order of their times, all chance from one
//! seed. Messages take a time that is drawn, and may be lost or come twice; disks take their time
//! to sync; nodes crash, also in the middle of what they send, and come back with what was synced.

use quorate_core::driver::{Disk, Gate, Lsn, faulty, replay};
use quorate_core::{Coin, Effects, Hard, Input, NodeId, Protocol, Time, To};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::ops::RangeInclusive;
use std::time::Duration;

/// SplitMix64.
#[derive(Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
    pub fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }
    pub fn within(&mut self, range: &RangeInclusive<u64>) -> u64 {
        range.start() + self.next() % (range.end() - range.start() + 1)
    }
}

/// Milliseconds as the world's nanoseconds.
pub const MS: u64 = 1_000_000;

pub fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// How rough the world is.
#[derive(Clone, Debug)]
pub struct Weather {
    /// How long a message takes, in nanoseconds.
    pub delay: RangeInclusive<u64>,
    /// Percent of messages that are lost, and that come twice.
    pub loss: usize,
    pub repeat: usize,
    /// How long a sync takes.
    pub sync: RangeInclusive<u64>,
}

impl Weather {
    /// Each message takes 1 ms; a sync takes no time.
    pub const CALM: Self = Self {
        delay: MS..=MS,
        loss: 0,
        repeat: 0,
        sync: 0..=0,
    };
}

/// A log in memory.
#[derive(Debug)]
pub struct MemoryDisk<R> {
    pub records: Vec<R>,
    pub synced: u64,
    /// How many syncs were done.
    pub syncs: u64,
    /// Says that all is durable when it is not.
    pub lies: bool,
}

impl<R> Disk<R> for MemoryDisk<R> {
    fn append(&mut self, records: &mut Vec<R>) -> Lsn {
        self.records.append(records);
        self.records.len() as u64
    }
    fn durable(&self) -> io::Result<Lsn> {
        Ok(match self.lies {
            true => self.records.len() as u64,
            false => self.synced,
        })
    }
}

type Record<P> = <<P as Protocol>::Hard as Hard>::Record;
type Rewrite<P> =
    dyn FnMut(NodeId, To, <P as Protocol>::Message, &mut dyn FnMut(To, <P as Protocol>::Message));
type Fate<P> = dyn FnMut(NodeId, NodeId, &<P as Protocol>::Message) -> Option<u64>;

pub struct Node<P: Protocol> {
    pub state: Option<P>,
    pub disk: MemoryDisk<Record<P>>,
    gate: Gate<P>,
    out: Effects<P>,
    /// The stamp of the event that each armed timer waits for.
    timers: BTreeMap<P::Timer, u64>,
    boot: u64,
    /// Crashes after it has sent this many more messages.
    pub breath: Option<usize>,
}

pub enum Event<P: Protocol> {
    Deliver(NodeId, NodeId, P::Message),
    /// Each to one's own life: what was under way inside a node dies with it.
    OwnMessage(NodeId, u64, P::Message),
    Timer(NodeId, P::Timer, u64),
    Synced(NodeId, u64, u64),
    Coin(NodeId, u64, u64, u64),
    Crash(NodeId),
    Restart(NodeId),
    Request(NodeId, P::Request),
}

pub struct World<P: Protocol> {
    pub config: P::Config,
    pub size: u8,
    pub nodes: Vec<Node<P>>,
    pub now: u64,
    queue: BTreeMap<(u64, u64), Event<P>>,
    stamp: u64,
    pub dice: Dice,
    pub weather: Weather,
    /// What each node told the layer above, and when.
    pub outputs: Vec<(u64, NodeId, P::Output)>,
    /// Messages between two nodes that were sent.
    pub sent: u64,
    /// What happened, if somebody wants to know.
    pub transcript: Option<String>,
    /// A faulty node's mouth.
    pub rewrite: Option<Box<Rewrite<P>>>,
    /// What happens to a message beyond the weather: lost, or so much later.
    pub fate: Option<Box<Fate<P>>>,
    /// What a node says in one step leaves in any order: who crashes meanwhile reaches anybody.
    pub any_order: bool,
}

impl<P: Protocol> World<P> {
    pub fn new(config: P::Config, size: u8, seed: u64, weather: Weather) -> Self {
        let nodes = (0..size).map(|_| Node {
            state: None,
            disk: MemoryDisk {
                records: vec![],
                synced: 0,
                syncs: 0,
                lies: false,
            },
            gate: Gate::default(),
            out: Effects::default(),
            timers: BTreeMap::new(),
            boot: 0,
            breath: None,
        });
        let mut world = Self {
            config,
            size,
            nodes: nodes.collect(),
            now: 0,
            queue: BTreeMap::new(),
            stamp: 0,
            dice: Dice(seed),
            weather,
            outputs: vec![],
            sent: 0,
            transcript: None,
            rewrite: None,
            fate: None,
            any_order: false,
        };
        for node in NodeId::all(size) {
            world.restart(node);
        }
        world
    }

    pub fn state(&self, node: u8) -> &P {
        let state = &self.nodes[usize::from(node)].state;
        state.as_ref().expect("the node is up")
    }

    pub fn up(&self, node: u8) -> bool {
        self.nodes[usize::from(node)].state.is_some()
    }

    /// What recovery would find on a node's disk now.
    pub fn on_disk(&self, node: u8) -> P::Hard {
        let disk = &self.nodes[usize::from(node)].disk;
        let records = &disk.records[..disk.synced as usize];
        P::Hard::clone(&replay(records))
    }

    fn note(&mut self, text: std::fmt::Arguments<'_>) {
        if let Some(transcript) = &mut self.transcript {
            let time = format!("{:.1} ms", self.now as f64 / MS as f64);
            writeln!(transcript, "{time:<10} {text}").unwrap();
        }
    }

    pub fn at(&mut self, time: u64, event: Event<P>) {
        self.stamp += 1;
        self.queue.insert((time.max(self.now), self.stamp), event);
    }

    pub fn request(&mut self, node: u8, request: P::Request) {
        self.at(self.now, Event::Request(NodeId(node.into()), request));
    }

    /// A message out of nowhere.
    pub fn forge(&mut self, from: u8, to: u8, message: P::Message) {
        self.note(format_args!(
            "n{to} is told in the name of n{from}: {message:?}"
        ));
        self.at(
            self.now,
            Event::Deliver(NodeId(from.into()), NodeId(to.into()), message),
        );
    }

    pub fn crash(&mut self, node: NodeId) {
        let it = &mut self.nodes[node.index()];
        if it.state.take().is_none() {
            return;
        }
        it.timers.clear();
        it.breath = None;
        it.gate = Gate::default();
        it.out = Effects::default();
        let kept = it.disk.synced as usize;
        it.disk.records.truncate(kept);
        self.note(format_args!("{node} crashes"));
    }

    pub fn restart(&mut self, node: NodeId) {
        let it = &mut self.nodes[node.index()];
        if it.state.is_some() {
            return;
        }
        it.boot += 1;
        let first = it.boot == 1;
        let hard = replay::<P::Hard>(&it.disk.records);
        it.state = Some(P::recover(&self.config, node, hard));
        if !first {
            self.note(format_args!("{node} recovers"));
        }
        self.input(node, Input::Start);
    }

    fn input(&mut self, node: NodeId, input: Input<P>) {
        let it = &mut self.nodes[node.index()];
        let Some(state) = &mut it.state else { return };
        let now = Time(self.now);
        state.step(now, input, &mut it.out);
        state.flush(now, &mut it.out);
        if let Some(rewrite) = &mut self.rewrite {
            faulty::rewrite(&mut it.out, |to, message, put| {
                rewrite(node, to, message, put);
            });
        }
        let before = it.disk.records.len();
        let prompt = it.gate.submit(&mut it.out, &mut it.disk);
        let timers: Vec<_> = prompt.timers().collect();
        let coins: Vec<_> = prompt.coins().collect();
        let outputs: Vec<_> = prompt.outputs().collect();
        let messages: Vec<_> = prompt.messages().map(|m| m.into_parts()).collect();
        let (boot, end) = (it.boot, it.disk.records.len());
        for (timer, change) in timers {
            self.stamp += 1;
            let stamp = self.stamp;
            let timers = &mut self.nodes[node.index()].timers;
            timers.remove(&timer);
            if let Some((min, max)) = change {
                timers.insert(timer, stamp);
                let range = min.as_nanos() as u64..=max.as_nanos() as u64;
                let due = self.now + self.dice.within(&range);
                self.queue
                    .insert((due, stamp), Event::Timer(node, timer, stamp));
            }
        }
        for (coin, tag) in coins {
            let value = match coin {
                Coin::Local => self.dice.next(),
                Coin::Common => Dice(tag).next(),
            };
            self.at(self.now, Event::Coin(node, boot, tag, value));
        }
        for output in outputs {
            self.tell(node, output);
        }
        for (to, message) in messages {
            self.post(node, to, message);
        }
        if end > before {
            let range = self.weather.sync.clone();
            let wait = self.dice.within(&range);
            if wait > 0 {
                self.at(self.now + wait, Event::Synced(node, boot, end as u64));
            } else {
                self.nodes[node.index()].disk.syncs += 1;
                self.nodes[node.index()].disk.synced = end as u64;
            }
        }
        self.release(node);
    }

    fn release(&mut self, node: NodeId) {
        let it = &mut self.nodes[node.index()];
        let (mut messages, mut outputs) = (vec![], vec![]);
        let send = |m: quorate_core::driver::Released<_>| messages.push(m.into_parts());
        it.gate
            .release(&it.disk, send, |o| outputs.push(o))
            .expect("this disk does not fail");
        while !messages.is_empty() {
            let next = match self.any_order {
                true => self.dice.below(messages.len()),
                false => 0,
            };
            let (to, message) = messages.remove(next);
            self.post(node, to, message);
        }
        for output in outputs {
            self.tell(node, output);
        }
        if self.nodes[node.index()].breath == Some(0) {
            self.crash(node);
        }
    }

    fn tell(&mut self, node: NodeId, output: P::Output) {
        // A dying node's client hears nothing any more.
        if self.nodes[node.index()].breath == Some(0) {
            return;
        }
        self.note(format_args!("{node} says {output:?}"));
        self.outputs.push((self.now, node, output));
    }

    fn post(&mut self, from: NodeId, to: To, message: P::Message) {
        for to in to.nodes(self.size) {
            if from == to {
                let boot = self.nodes[from.index()].boot;
                self.at(self.now, Event::OwnMessage(from, boot, message.clone()));
                continue;
            }
            match &mut self.nodes[from.index()].breath {
                Some(0) => continue,
                Some(breath) => *breath -= 1,
                None => {}
            }
            self.sent += 1;
            let weather = self.weather.clone();
            let late = match &mut self.fate {
                Some(fate) => fate(from, to, &message),
                None => Some(0),
            };
            let lost = self.dice.percent(weather.loss);
            let Some(late) = late.filter(|_| !lost) else {
                self.note(format_args!("{from} ⇢ {to}  {message:?} is lost"));
                continue;
            };
            let copies = 1 + usize::from(self.dice.percent(weather.repeat));
            for _ in 0..copies {
                let due = self.now + late + self.dice.within(&weather.delay);
                self.at(due, Event::Deliver(from, to, message.clone()));
            }
        }
    }

    /// One event; false when there is none.
    pub fn turn(&mut self) -> bool {
        let Some(((time, stamp), event)) = self.queue.pop_first() else {
            return false;
        };
        self.now = self.now.max(time);
        match event {
            Event::Deliver(from, to, message) => {
                if self.up(to.0 as u8) {
                    self.note(format_args!("{from} → {to}  {message:?}"));
                }
                self.input(to, Input::Message(from, message));
            }
            Event::OwnMessage(node, boot, message) => {
                if self.nodes[node.index()].boot == boot {
                    self.input(node, Input::Message(node, message));
                }
            }
            Event::Timer(node, timer, _) => {
                let it = &mut self.nodes[node.index()];
                if it.timers.get(&timer) == Some(&stamp) {
                    it.timers.remove(&timer);
                    self.input(node, Input::Timer(timer));
                }
            }
            Event::Synced(node, boot, lsn) => {
                let it = &mut self.nodes[node.index()];
                if it.boot == boot && it.state.is_some() {
                    it.disk.syncs += 1;
                    it.disk.synced = it.disk.synced.max(lsn);
                    self.release(node);
                }
            }
            Event::Coin(node, boot, tag, value) => {
                if self.nodes[node.index()].boot == boot {
                    self.input(node, Input::Coin { tag, value });
                }
            }
            Event::Crash(node) => self.crash(node),
            Event::Restart(node) => self.restart(node),
            Event::Request(node, request) => {
                self.note(format_args!("{node} is asked {request:?}"));
                self.input(node, Input::Request(request));
            }
        }
        true
    }

    /// Runs while there is something to happen before `time`.
    pub fn run_until(&mut self, time: u64) {
        while self
            .queue
            .first_key_value()
            .is_some_and(|(k, _)| k.0 <= time)
        {
            self.turn();
        }
        self.now = self.now.max(time);
    }

    /// Runs until nothing is left to happen: for protocols that come to rest.
    pub fn settle(&mut self) {
        for _ in 0..1_000_000 {
            if !self.turn() {
                return;
            }
        }
        panic!("the world does not come to rest");
    }

    /// The first invariant that a node finds violated.
    pub fn check(&self) -> Result<(), String> {
        for (node, it) in self.nodes.iter().enumerate() {
            if let Some(state) = &it.state {
                state
                    .check_invariants()
                    .map_err(|e| format!("n{node}: {e}"))?;
            }
        }
        Ok(())
    }
}
