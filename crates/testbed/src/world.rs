//! A world with a clock: one queue of events in the order of their times, all chance from one seed.

use crate::dice::{Dice, mix};
use crate::node::{DrivenNode, Ready};
use crate::profile::WireProfile;
use quorate_core::driver::faulty;
use quorate_core::{Coin, Input, NodeId, NodeSet, Protocol, Time, To};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

/// Makes of one message to one addressee what a liar sends instead.
pub type Tamper<M> = Box<dyn FnMut(&mut Dice, NodeId, M) -> Vec<M>>;

/// How long a message takes, by the time now, its sender, its addressee and what it says; on top
/// of what the [`WireProfile`] draws. `None` loses it.
pub type TransitTime<M> =
    Box<dyn FnMut(&mut Dice, Duration, NodeId, NodeId, &M) -> Option<Duration>>;

/// How what happens reads in the transcript; `None` leaves it out.
pub type Printer<P> = Box<dyn Fn(Duration, WorldNote<'_, P>) -> Option<String>>;

/// No time on top of the profile's.
pub fn on_time<M>() -> TransitTime<M> {
    Box::new(|_, _, _, _, _| Some(Duration::ZERO))
}

/// What happened, for the transcript.
pub enum WorldNote<'a, P: Protocol> {
    /// A message went on the wire, and may be lost there: from, to, the message, lost.
    Sent(NodeId, NodeId, &'a P::Message, bool),
    /// A message arrived at a node that is up: from, to, the message.
    Delivered(NodeId, NodeId, &'a P::Message),
    /// The test made up a message: from, to, the message.
    Forged(NodeId, NodeId, &'a P::Message),
    /// The layer above asked for something.
    Request(NodeId, &'a P::Request),
    /// The layer above was told something.
    Output(NodeId, &'a P::Output),
    /// A node crashed.
    Crash(NodeId),
    /// A node came back.
    Restart(NodeId),
}

/// A node of the world, or one of twins: two copies under one identity, each seen by some of the
/// others (Bano et al. 2021).
pub struct WorldNode<P: Protocol> {
    node: DrivenNode<P>,
    /// The nodes that this copy talks with, besides itself.
    pub sees: NodeSet,
    /// Whether its invariants are held against it, and its outputs count.
    pub honest: bool,
    /// Loses its records before they reach the disk.
    pub forgets: bool,
    /// Crashes after it has sent this many more messages.
    pub breath: Option<usize>,
    /// What the layer above was told.
    pub outputs: Vec<P::Output>,
    /// Which of twins it is. Liars know each other: firsts talk with firsts, seconds with seconds.
    twin: Option<bool>,
    tamper: Option<Tamper<P::Message>>,
    /// The stamp of the event that each armed timer waits for.
    timers: BTreeMap<P::Timer, u64>,
    life: u64,
}

impl<P: Protocol> Deref for WorldNode<P> {
    type Target = DrivenNode<P>;
    fn deref(&self) -> &DrivenNode<P> {
        &self.node
    }
}

impl<P: Protocol> DerefMut for WorldNode<P> {
    fn deref_mut(&mut self) -> &mut DrivenNode<P> {
        &mut self.node
    }
}

/// What a test puts into the queue.
pub enum WorldEvent<P: Protocol> {
    /// Stops a node, if it is up.
    Crash(NodeId),
    /// Starts a node, if it is down.
    Restart(NodeId),
    /// Asks a node for something.
    Request(NodeId, P::Request),
}

/// An event and the copy that it happens to.
enum Event<P: Protocol> {
    /// Taken by the copy that lives there then.
    Message(usize, NodeId, P::Message),
    /// What is under way inside a node dies with it.
    Inside(usize, u64, Inside<P>),
    World(WorldEvent<P>),
}

enum Inside<P: Protocol> {
    Start,
    OwnMessage(P::Message),
    Timer(P::Timer),
    Coin(u64, u64),
    Synced(u64),
}

/// All nodes, the wire and the time.
pub struct TestWorld<P: Protocol> {
    /// How many identities there are.
    pub n: u8,
    /// The nodes by id, and after them the second copies of twins.
    pub nodes: Vec<WorldNode<P>>,
    /// How long the run has taken so far. Every node is told [`Time::ZERO`] plus this.
    pub now: Duration,
    /// All chance.
    pub dice: Dice,
    /// What chance does to messages and syncs. `None`: nothing is drawn, [`TestWorld::transit`]
    /// alone decides, and a sync takes no time.
    pub profile: Option<WireProfile>,
    /// What the test does to messages.
    pub transit: TransitTime<P::Message>,
    /// What a node sends after a sync leaves in any order: one that crashes meanwhile may have
    /// reached any of its addressees.
    pub any_order: bool,
    /// Panics as soon as an honest node finds an invariant violated.
    pub strict: bool,
    /// What the layers above were told, when and by which node.
    pub outputs: Vec<(Duration, NodeId, P::Output)>,
    /// How many messages between two nodes were sent.
    pub sent: u64,
    /// How the transcript is written, if it is.
    pub print: Option<Printer<P>>,
    /// What has happened, in lines.
    pub transcript: String,
    /// How many events may still happen: a world that does not come to rest fails, and does not
    /// hang.
    pub events_left: u64,
    seed: u64,
    stamp: u64,
    violation: Option<String>,
    queue: BTreeMap<(Duration, u64), Event<P>>,
}

impl<P: Protocol> TestWorld<P> {
    /// A world whose nodes start with the first event.
    pub fn new(n: u8, seed: u64, config: impl Fn(NodeId) -> P::Config) -> Self {
        let mut world = Self {
            n,
            nodes: vec![],
            now: Duration::ZERO,
            dice: Dice(seed),
            profile: None,
            transit: on_time(),
            any_order: false,
            strict: true,
            outputs: vec![],
            sent: 0,
            print: None,
            transcript: String::new(),
            seed,
            stamp: 0,
            events_left: 20_000_000,
            violation: None,
            queue: BTreeMap::new(),
        };
        for id in NodeId::all(n) {
            world.add(id, config(id), NodeSet::all(n), true);
        }
        world
    }

    fn add(&mut self, id: NodeId, config: P::Config, sees: NodeSet, honest: bool) {
        let mut node = DrivenNode::new(id, config);
        node.start();
        self.nodes.push(WorldNode {
            node,
            sees,
            honest,
            forgets: false,
            breath: None,
            outputs: vec![],
            twin: None,
            tamper: None,
            timers: BTreeMap::new(),
            life: 0,
        });
        self.inside(Duration::ZERO, self.nodes.len() - 1, Inside::Start);
    }

    /// A liar that says nothing.
    pub fn silence(&mut self, id: u8) {
        let node = &mut self.nodes[usize::from(id)];
        (node.state, node.honest) = (None, false);
    }

    /// A liar of two copies: the second talks with `second`, the first with the rest. Gives the
    /// second copy's place in [`TestWorld::nodes`].
    pub fn twins(&mut self, id: u8, second: NodeSet) -> usize {
        let first = &mut self.nodes[usize::from(id)];
        first.honest = false;
        first.twin = Some(false);
        first.sees = NodeId::all(self.n)
            .filter(|node| !second.contains(*node))
            .collect();
        let (id, config) = (first.id, first.config.clone());
        self.add(id, config, second, false);
        let copy = self.nodes.len() - 1;
        self.nodes[copy].twin = Some(true);
        copy
    }

    /// A liar that says what `tamper` makes of its messages to others.
    pub fn corrupt(&mut self, id: u8, tamper: Tamper<P::Message>) {
        let node = &mut self.nodes[usize::from(id)];
        node.honest = false;
        node.tamper = Some(tamper);
    }

    /// Some of the nodes, drawn.
    pub fn some_nodes(&mut self) -> NodeSet {
        let n = self.n;
        NodeId::all(n).filter(|_| self.dice.one_in(2)).collect()
    }

    /// The protocol of a node.
    ///
    /// # Panics
    /// If the node is down.
    #[track_caller]
    pub fn state(&self, node: u8) -> &P {
        self.nodes[usize::from(node)].state()
    }

    /// Is the node up?
    pub fn up(&self, node: u8) -> bool {
        self.nodes[usize::from(node)].state.is_some()
    }

    /// What recovery would find on a node's disk after a crash now.
    pub fn on_disk(&self, node: u8) -> P::Hard {
        let records = self.nodes[usize::from(node)].disk.durable_records();
        P::Hard::clone(&quorate_core::driver::replay(records))
    }

    /// The nodes that do not lie.
    pub fn honest(&self) -> impl Iterator<Item = &WorldNode<P>> {
        self.nodes.iter().filter(|node| node.honest)
    }

    /// The first output of each honest node.
    pub fn decisions(&self) -> Vec<Option<&P::Output>> {
        self.honest().map(|node| node.outputs.first()).collect()
    }

    /// Has each honest node an output?
    pub fn all_decided(&self) -> bool {
        self.honest().all(|node| !node.outputs.is_empty())
    }

    /// Did two honest nodes output different things first?
    pub fn disagree(&self) -> bool {
        let mut decided = self.decisions().into_iter().flatten();
        let first = decided.next();
        decided.any(|other| Some(other) != first)
    }

    /// The first invariant that an honest node has found violated.
    ///
    /// # Errors
    /// If there was one.
    pub fn check(&self) -> Result<(), String> {
        self.violation.clone().map_or(Ok(()), Err)
    }

    fn note(&mut self, note: WorldNote<'_, P>) {
        if let Some(line) = self.print.as_ref().and_then(|print| print(self.now, note)) {
            writeln!(self.transcript, "{line}").expect("memory");
        }
    }

    fn push(&mut self, at: Duration, event: Event<P>) -> u64 {
        self.stamp += 1;
        self.queue.insert((at.max(self.now), self.stamp), event);
        self.stamp
    }

    fn inside(&mut self, after: Duration, node: usize, event: Inside<P>) -> u64 {
        let life = self.nodes[node].life;
        self.push(self.now + after, Event::Inside(node, life, event))
    }

    /// Puts an event into the queue, for a time since the world began or for now if that is past.
    pub fn at(&mut self, time: Duration, event: WorldEvent<P>) {
        self.push(time, Event::World(event));
    }

    /// Puts a request to a node into the queue, for now.
    pub fn ask(&mut self, node: u8, request: P::Request) {
        self.at(self.now, WorldEvent::Request(NodeId(node.into()), request));
    }

    /// Puts a message into the queue, for now, as from a node that need not have sent it.
    pub fn forge(&mut self, from: u8, to: u8, message: P::Message) {
        let (from, node) = (NodeId(from.into()), NodeId(to.into()));
        self.note(WorldNote::Forged(from, node, &message));
        self.push(self.now, Event::Message(node.index(), from, message));
    }

    /// Hands a message over at once, as from a node that need not have sent it.
    pub fn inject(&mut self, from: u8, to: u8, message: P::Message) {
        let input = Input::Message(NodeId(from.into()), message);
        self.input(usize::from(to), input);
    }

    /// Asks a copy for something, after all that happens before now.
    pub fn request(&mut self, node: usize, request: P::Request) {
        self.run(Duration::ZERO);
        self.input(node, Input::Request(request));
    }

    /// Stops a copy: it keeps what is durable.
    pub fn crash(&mut self, node: usize) {
        let it = &mut self.nodes[node];
        if it.state.is_none() {
            return;
        }
        it.node.crash(0);
        it.timers.clear();
        it.breath = None;
        it.life += 1;
        let id = it.id;
        self.note(WorldNote::Crash(id));
    }

    /// Starts a copy that is down.
    pub fn restart(&mut self, node: usize) {
        let it = &mut self.nodes[node];
        if it.state.is_some() {
            return;
        }
        it.node.start();
        let id = it.id;
        self.note(WorldNote::Restart(id));
        self.input(node, Input::Start);
    }

    fn input(&mut self, node: usize, input: Input<P>) {
        let (now, n, dice) = (Time::ZERO + self.now, self.n, &mut self.dice);
        let it = &mut self.nodes[node];
        let (id, forgets) = (it.id, it.forgets);
        let burst = it.node.burst(now, [input], |out| {
            if forgets {
                faulty::forget_records(out, |_| false);
            }
            if let Some(tamper) = &mut it.tamper {
                faulty::rewrite(out, |to, message, send| {
                    for to in to.nodes(n) {
                        // What a node says to itself it does not forge.
                        let said = match to == id {
                            true => vec![message.clone()],
                            false => tamper(dice, to, message.clone()),
                        };
                        said.into_iter().for_each(|m| send(To::One(to), m));
                    }
                });
            }
        });
        let Some(burst) = burst else { return };
        if it.honest
            && let Err(broken) = it.state().check_invariants()
        {
            assert!(!self.strict, "{id}: {broken}");
            self.violation.get_or_insert(format!("{id}: {broken}"));
        }
        for (timer, range) in burst.timers {
            self.nodes[node].timers.remove(&timer);
            if let Some((min, max)) = range {
                let wait = self.dice.within(&(min..=max));
                let stamp = self.inside(wait, node, Inside::Timer(timer));
                self.nodes[node].timers.insert(timer, stamp);
            }
        }
        for (coin, tag) in burst.coins {
            let value = match coin {
                Coin::Local => self.dice.draw(),
                Coin::Common => mix(self.seed ^ mix(tag)),
            };
            self.inside(Duration::ZERO, node, Inside::Coin(tag, value));
        }
        self.tell(node, burst.outputs);
        for (to, message) in burst.messages {
            self.post(node, to, message);
        }
        if burst.written > 0 {
            let end = self.nodes[node].disk.end();
            let range = self.profile.as_ref().map(|profile| profile.sync.clone());
            let wait = range.map_or(Duration::ZERO, |range| self.dice.within(&range));
            match wait.is_zero() {
                true => self.sync(node, end),
                false => {
                    self.inside(wait, node, Inside::Synced(end));
                }
            }
        }
        self.release(node);
    }

    fn sync(&mut self, node: usize, lsn: u64) {
        let disk = &mut self.nodes[node].disk;
        disk.syncs += 1;
        disk.sync(lsn);
    }

    fn release(&mut self, node: usize) {
        let Ready {
            mut messages,
            outputs,
        } = self.nodes[node].release();
        // One that dies while it sends tells the layer above nothing any more.
        let dying = self.nodes[node].breath.is_some();
        let (first, last) = if dying {
            (vec![], outputs)
        } else {
            (outputs, vec![])
        };
        self.tell(node, first);
        while !messages.is_empty() {
            let next = match self.any_order {
                true => self.dice.index(messages.len()),
                false => 0,
            };
            let (to, message) = messages.remove(next);
            self.post(node, to, message);
        }
        self.tell(node, last);
        if self.nodes[node].breath == Some(0) {
            self.crash(node);
        }
    }

    fn tell(&mut self, node: usize, outputs: Vec<P::Output>) {
        if self.nodes[node].breath == Some(0) {
            return;
        }
        for output in outputs {
            let id = self.nodes[node].id;
            self.note(WorldNote::Output(id, &output));
            self.outputs.push((self.now, id, output.clone()));
            self.nodes[node].outputs.push(output);
        }
    }

    fn post(&mut self, node: usize, to: To, message: P::Message) {
        let from = self.nodes[node].id;
        for to in to.nodes(self.n) {
            if from == to {
                self.inside(Duration::ZERO, node, Inside::OwnMessage(message.clone()));
                continue;
            }
            let others = (0..self.nodes.len()).filter(|other| self.nodes[*other].id == to);
            let heard: Vec<_> = others.filter(|other| self.talk(node, *other)).collect();
            if heard.is_empty() {
                continue;
            }
            match &mut self.nodes[node].breath {
                Some(0) => continue,
                Some(breath) => *breath -= 1,
                None => {}
            }
            self.sent += 1;
            let mut wait = (self.transit)(&mut self.dice, self.now, from, to, &message);
            let profile = self.profile.clone();
            if let Some(profile) = &profile {
                let lost = self.dice.percent(profile.loss);
                wait = wait.filter(|_| !lost);
            }
            self.note(WorldNote::Sent(from, to, &message, wait.is_none()));
            let Some(wait) = wait else { continue };
            let repeat = profile.as_ref().map(|profile| profile.repeat);
            let copies = 1 + u8::from(repeat.is_some_and(|repeat| self.dice.percent(repeat)));
            for _ in 0..copies {
                let delay = profile.as_ref().map(|profile| &profile.delay);
                let delay = delay.map_or(Duration::ZERO, |delay| self.dice.within(delay));
                for other in &heard {
                    let event = Event::Message(*other, from, message.clone());
                    self.push(self.now + wait + delay, event);
                }
            }
        }
    }

    fn talk(&self, one: usize, other: usize) -> bool {
        let (a, b) = (&self.nodes[one], &self.nodes[other]);
        match (a.twin, b.twin) {
            (Some(one), Some(other)) => one == other,
            _ => a.sees.contains(b.id) && b.sees.contains(a.id),
        }
    }

    /// One event; `false` when there is none.
    ///
    /// # Panics
    /// If [`TestWorld::events_left`] is 0.
    pub fn turn(&mut self) -> bool {
        let Some(((time, stamp), event)) = self.queue.pop_first() else {
            return false;
        };
        let left = self.events_left.checked_sub(1);
        self.events_left = left.expect("the world does not come to rest");
        self.now = self.now.max(time);
        match event {
            Event::Message(node, from, message) => {
                if self.nodes[node].state.is_some() {
                    let to = self.nodes[node].id;
                    self.note(WorldNote::Delivered(from, to, &message));
                }
                self.input(node, Input::Message(from, message));
            }
            Event::Inside(node, life, event) if self.nodes[node].life == life => {
                self.on_inside(node, stamp, event);
            }
            Event::Inside(..) => {}
            Event::World(WorldEvent::Crash(node)) => self.crash(node.index()),
            Event::World(WorldEvent::Restart(node)) => self.restart(node.index()),
            Event::World(WorldEvent::Request(node, request)) => {
                self.note(WorldNote::Request(node, &request));
                self.input(node.index(), Input::Request(request));
            }
        }
        true
    }

    fn on_inside(&mut self, node: usize, stamp: u64, event: Inside<P>) {
        match event {
            Inside::Start => self.input(node, Input::Start),
            Inside::OwnMessage(message) => {
                let id = self.nodes[node].id;
                self.input(node, Input::Message(id, message));
            }
            Inside::Coin(tag, value) => self.input(node, Input::Coin { tag, value }),
            Inside::Timer(timer) => {
                let timers = &mut self.nodes[node].timers;
                if timers.get(&timer) == Some(&stamp) {
                    timers.remove(&timer);
                    self.input(node, Input::Timer(timer));
                }
            }
            Inside::Synced(lsn) => {
                self.sync(node, lsn);
                self.release(node);
            }
        }
    }

    fn next_by(&self, time: Duration) -> bool {
        let next = self.queue.first_key_value();
        next.is_some_and(|((at, _), _)| *at <= time)
    }

    /// Runs until a time since the world began.
    pub fn run_to(&mut self, time: Duration) {
        while self.next_by(time) {
            self.turn();
        }
        self.now = self.now.max(time);
    }

    /// Runs for a span of simulated time.
    pub fn run(&mut self, span: Duration) {
        self.run_to(self.now + span);
    }

    /// Runs until `done`, for a span at the most; says whether it was.
    pub fn run_until(&mut self, span: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + span;
        while !done(self) {
            if !self.next_by(end) {
                return false;
            }
            self.turn();
        }
        true
    }

    /// Runs until no event is left: for protocols that come to rest.
    pub fn settle(&mut self) {
        while self.turn() {}
    }
}
