//! A bare protocol in a world: any [`Protocol`], without log, state machine or clients.
//!
//! It has the links, clocks, timers and decisions of the world of replicas, a disk of records in
//! memory, and crashes. What it does not have is an opinion: whoever drives it gives the requests,
//! asks for the crashes and watches. [`Bare::advance`] runs one event and says what it was, so that
//! observers can look at every node after every event.

mod disk;

use crate::decisions::splitmix;
use crate::{Clock, Decisions, Delay, Due, Flight, Link, Network, Queue, Rolling, Timers};
use disk::MemoryDisk;
use quorate_core::driver::{self, Gate, Released};
use quorate_core::{Coin, Effects, Hard, Input, NodeId, Protocol, Time, To};
use std::collections::VecDeque;
use std::time::Duration;

/// Where the protocol runs.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// All links, unless changed by [`Bare::network_mut`].
    pub link: Link,
    /// A cut link loses messages; else it holds them back.
    pub lossy: bool,
    /// How long a sync takes; `None` for no time at all.
    pub sync: Option<Delay>,
}

impl Default for Weather {
    fn default() -> Self {
        Self {
            link: Link::QUIET,
            lossy: true,
            sync: Some(Delay::Uniform {
                min: 50_000,
                max: 150_000,
            }),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Deliver(u32),
    Timer { node: NodeId, timer: u8, epoch: u32 },
    Synced { node: NodeId, epoch: u32 },
}

/// What an event was, for observers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened<T> {
    /// A message arrived at the first node, from the second.
    Delivered(NodeId, NodeId),
    /// A timer ran out.
    TimedOut(NodeId, T),
    /// What a node wrote is durable.
    Synced(NodeId),
}

impl<T> Happened<T> {
    /// The node to look at.
    pub fn node(&self) -> NodeId {
        match self {
            Self::Delivered(node, _) | Self::TimedOut(node, _) | Self::Synced(node) => *node,
        }
    }
}

type RecordOf<P> = <<P as Protocol>::Hard as Hard>::Record;

#[derive(Debug)]
struct Node<P: Protocol> {
    protocol: Option<P>,
    gate: Gate<P>,
    disk: MemoryDisk<RecordOf<P>>,
    timers: Timers<P::Timer>,
    clock: Clock,
    epoch: u32,
}

/// A cluster of one protocol.
#[derive(Debug)]
pub struct Bare<P: Protocol> {
    config: P::Config,
    n: u8,
    now: u64,
    events: u64,
    decisions: Decisions,
    weather: Weather,
    queue: Queue<Event>,
    network: Network<P::Message>,
    nodes: Vec<Node<P>>,
    effects: Effects<P>,
    loopback: VecDeque<P::Message>,
    /// What nodes told the layer above, until it is taken.
    outputs: Vec<(NodeId, P::Output)>,
    hash: Rolling,
    common_coin: u64,
}

impl<P: Protocol> Bare<P> {
    /// A cluster of `n` nodes, all of them started.
    pub fn new(config: P::Config, n: u8, weather: Weather, mut decisions: Decisions) -> Self {
        let common_coin = decisions.below(1 << 62);
        let node = |_| Node {
            protocol: None,
            gate: Gate::default(),
            disk: MemoryDisk::new(weather.sync.is_none()),
            timers: Timers::default(),
            clock: Clock::new(0, 0),
            epoch: 0,
        };
        let mut bare = Self {
            config,
            n,
            now: 0,
            events: 0,
            decisions,
            weather,
            queue: Queue::default(),
            network: Network::new(n, weather.link, weather.lossy),
            nodes: (0..n).map(node).collect(),
            effects: Effects::default(),
            loopback: VecDeque::new(),
            outputs: vec![],
            hash: Rolling::default(),
            common_coin,
        };
        NodeId::all(n).for_each(|node| bare.start(node));
        bare
    }

    /// Starts a node from what its disk holds. Does nothing to one that runs.
    pub fn start(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.index()];
        if node.protocol.is_none() {
            let hard = driver::replay(node.disk.records());
            node.protocol = Some(P::recover(&self.config, id, hard));
            self.step(id, Input::Start);
        }
    }

    /// Takes a node down; of what it had not synced, the decisions say how much is lost.
    pub fn crash(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.index()];
        if node.protocol.take().is_some() {
            let lost = self.decisions.below(node.disk.unsynced() as u64 + 1);
            node.disk.lose(lost as usize);
            node.gate = Gate::default();
            node.timers.clear();
            node.epoch += 1;
            self.hash.add(u64::from(id.0) << 32 | lost);
        }
    }

    /// The layer above asks a node for something.
    pub fn request(&mut self, id: NodeId, request: P::Request) {
        self.step(id, Input::Request(request));
    }

    /// Runs the next event; `None` when nothing will ever happen again. What is stale, or for a
    /// node that is down, passes unseen.
    pub fn advance(&mut self) -> Option<Happened<P::Timer>> {
        loop {
            let (at, event) = self.queue.pop()?;
            self.now = at;
            if let Some(happened) = self.happen(event) {
                self.events += 1;
                return Some(happened);
            }
        }
    }

    fn happen(&mut self, event: Event) -> Option<Happened<P::Timer>> {
        match event {
            Event::Deliver(number) => {
                let Flight { from, to, message } = self.network.arrive(number)?;
                self.nodes[to.index()].protocol.as_ref()?;
                self.hash.add(self.now ^ u64::from(to.0) << 56);
                self.hash.add(Rolling::of(&message));
                self.step(to, Input::Message(from, message));
                Some(Happened::Delivered(to, from))
            }
            Event::Timer {
                node: id,
                timer,
                epoch,
            } => {
                let node = &mut self.nodes[id.index()];
                if node.epoch != epoch {
                    return None;
                }
                match node.timers.due(&node.clock, self.now, timer) {
                    Due::Stale => None,
                    Due::Later(at) => {
                        self.queue.push(at, event);
                        None
                    }
                    Due::Now(name) => {
                        self.hash
                            .add(self.now ^ u64::from(timer) << 48 ^ u64::from(id.0) << 56);
                        self.step(id, Input::Timer(name));
                        Some(Happened::TimedOut(id, name))
                    }
                }
            }
            Event::Synced { node: id, epoch } => {
                let node = &mut self.nodes[id.index()];
                if node.epoch != epoch {
                    return None;
                }
                node.disk.complete_sync();
                self.hash.add(self.now ^ 1 << 55 ^ u64::from(id.0) << 56);
                self.settle(id);
                Some(Happened::Synced(id))
            }
        }
    }

    fn step(&mut self, id: NodeId, input: Input<P>) {
        let node = &mut self.nodes[id.index()];
        if let Some(protocol) = &mut node.protocol {
            protocol.step(node.clock.at(self.now), input, &mut self.effects);
            self.settle(id);
        }
    }

    /// Flushes, until nothing comes back to the node itself.
    fn settle(&mut self, id: NodeId) {
        loop {
            let node = &mut self.nodes[id.index()];
            let Some(protocol) = &mut node.protocol else {
                return;
            };
            let local = node.clock.at(self.now);
            protocol.flush(local, &mut self.effects);
            self.carry_out(id, local);
            let node = &mut self.nodes[id.index()];
            let Some(protocol) = &mut node.protocol else {
                return;
            };
            if self.loopback.is_empty() && self.effects.is_empty() {
                return;
            }
            while let Some(message) = self.loopback.pop_front() {
                protocol.step(local, Input::Message(id, message), &mut self.effects);
            }
        }
    }

    /// The effects of a burst: records to the disk, and out what may go.
    fn carry_out(&mut self, id: NodeId, local: Time) {
        let Self {
            nodes,
            effects,
            network,
            queue,
            decisions,
            loopback,
            outputs,
            now,
            n,
            ..
        } = self;
        let (now, n) = (*now, *n);
        let Node {
            gate,
            disk,
            timers,
            clock,
            epoch,
            protocol,
        } = &mut nodes[id.index()];
        let mut route = |to: To, message: P::Message, decisions: &mut Decisions| {
            for to in to.nodes(n) {
                if to == id {
                    loopback.push_back(message.clone());
                    continue;
                }
                let flight = Flight {
                    from: id,
                    to,
                    message: message.clone(),
                };
                network.send(now, flight, 0, decisions, |at, number| {
                    queue.push(at, Event::Deliver(number));
                });
            }
        };
        let prompt = gate.submit(effects, disk);
        let mut send = |released: Released<P::Message>| {
            let (to, message) = released.into_parts();
            route(to, message, decisions);
        };
        prompt.messages().for_each(&mut send);
        outputs.extend(prompt.outputs().map(|output| (id, output)));
        let timers_wanted: Vec<_> = prompt.timers().collect();
        let coins: Vec<_> = prompt.coins().collect();
        // This disk never fails.
        let _ = gate.release(disk, send, |output| outputs.push((id, output)));
        for (timer, span) in timers_wanted {
            let Some((min, max)) = span else {
                timers.disarm(timer);
                continue;
            };
            let (min, span) = (nanos(min), nanos(max).saturating_sub(nanos(min)) + 1);
            let stagger = span / u64::from(n) * u64::from(id.0);
            let wait = min + (decisions.below(span) + stagger) % span;
            let deadline = local + Duration::from_nanos(wait);
            let (timer, at) = timers.arm(clock, now, timer, deadline);
            if let Some(at) = at {
                queue.push(
                    at,
                    Event::Timer {
                        node: id,
                        timer,
                        epoch: *epoch,
                    },
                );
            }
        }
        if let Some(delay) = self.weather.sync
            && disk.begin_sync()
        {
            let at = now + delay.draw(decisions);
            queue.push(
                at,
                Event::Synced {
                    node: id,
                    epoch: *epoch,
                },
            );
        }
        for (coin, tag) in coins {
            let value = match coin {
                Coin::Local => decisions.below(u64::MAX),
                Coin::Common => splitmix(&mut (self.common_coin ^ tag)),
            };
            if let Some(protocol) = protocol {
                protocol.step(local, Input::Coin { tag, value }, effects);
            }
        }
    }

    /// Simulated nanoseconds.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Events so far: deliveries, timers, syncs.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The rolling hash over them.
    pub fn hash(&self) -> u64 {
        self.hash.value()
    }

    /// A node's protocol; `None` while it is down.
    pub fn node(&self, id: NodeId) -> Option<&P> {
        self.nodes.get(id.index())?.protocol.as_ref()
    }

    /// What nodes told the layer above since this was last asked, in order.
    pub fn take_outputs(&mut self) -> impl Iterator<Item = (NodeId, P::Output)> {
        self.outputs.drain(..)
    }

    /// The links, to cut and change.
    pub fn network_mut(&mut self) -> &mut Network<P::Message> {
        &mut self.network
    }

    /// Mends a link that was cut.
    pub fn mend(&mut self, from: NodeId, to: NodeId) {
        let queue = &mut self.queue;
        self.network
            .mend(self.now, from, to, &mut self.decisions, |at, number| {
                queue.push(at, Event::Deliver(number));
            });
    }

    /// The decisions, for those who choose requests and faults.
    pub fn decisions_mut(&mut self) -> &mut Decisions {
        &mut self.decisions
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
