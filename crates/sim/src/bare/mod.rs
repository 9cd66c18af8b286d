//! A bare protocol in a world: any [`Protocol`], without log, state machine or clients.
//!
//! It has the links, clocks, timers and decisions of the world of replicas, a disk of records in
//! memory, and nodes and links that misbehave as they are told ([`NodeFault`], [`LinkFault`]). Time
//! behaves as its [`Pace`] says. What it does not have is an opinion: whoever drives it gives the
//! requests and watches. [`Bare::advance`] runs one event and says what it was, so that observers
//! can look at every node after every event.

mod craft;
mod disk;
mod faults;
mod misdeed;
mod pace;
mod seen;
mod send;
mod slot;
mod step;
mod straw;
mod watch;

pub use craft::{Wire, size};
pub use misdeed::{LinkFault, Misdeed, NodeFault, Tampering, Trouble, Which};
pub use pace::Pace;
pub use seen::{Seen, Shown};
pub use watch::Words;

use crate::{Clock, Decisions, Network, Queue, Rolling, Traffic};
use disk::MemoryDisk;
use quorate_core::{Effects, NodeId, Protocol};
use slot::Slot;
use std::collections::VecDeque;

/// Where the protocol runs.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// How time behaves, links included.
    pub pace: Pace,
    /// A cut link loses messages; else it holds them back.
    pub lossy: bool,
    /// Receivers know who sent a message: nobody speaks in another's name.
    pub authentic: bool,
    /// Count the bytes of messages. They are counted in any case where a fault depends on them.
    pub weigh: bool,
}

impl Default for Weather {
    fn default() -> Self {
        Self {
            pace: Pace::default(),
            lossy: true,
            authentic: false,
            weigh: false,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Deliver(u32),
    /// As [`Event::Deliver`], of a message that its sender held back: nobody counts on it.
    Late(u32),
    Timer {
        slot: u8,
        timer: u8,
        epoch: u32,
    },
    Synced {
        slot: u8,
        epoch: u32,
    },
    /// A node fault begins, or ends.
    Node {
        fault: u16,
        begins: bool,
    },
    /// A link fault begins, or ends, for good or, if it flaps, for a while.
    Link {
        fault: u16,
        begins: bool,
    },
    /// The bounds on time hold from now on.
    Calm,
    /// Whoever drives the world wants to be told.
    Wake(u32),
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
    /// A node began, or ended, to misbehave.
    Faulted(NodeId),
    /// A node that was down is up again, with what its disk kept.
    Restarted(NodeId),
    /// Links began, or ended, to misbehave; or time became calm.
    Changed,
    /// The time has come that [`Bare::wake_at`] was told.
    Woke(u32),
}

impl<T> Happened<T> {
    /// The node to look at, if it is one.
    pub fn node(&self) -> Option<NodeId> {
        match self {
            Self::Delivered(node, _)
            | Self::TimedOut(node, _)
            | Self::Synced(node)
            | Self::Faulted(node)
            | Self::Restarted(node) => Some(*node),
            Self::Changed | Self::Woke(_) => None,
        }
    }
}

/// What a node told the layer above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told<O> {
    /// Which node.
    pub node: NodeId,
    /// Whether it was the second of twins.
    pub second: bool,
    /// When, in nanoseconds of the world.
    pub at: u64,
    /// What.
    pub output: O,
}

/// What was sent and synced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages from one node to another.
    pub messages: u64,
    /// Their bytes, if [`Weather::weigh`] asks for them.
    pub bytes: u64,
    /// Syncs that were through.
    pub syncs: u64,
    /// Messages that were held back as the last straw.
    pub held: u64,
    /// Messages in another's name that the links refused.
    pub refused: u64,
}

#[derive(Clone, Debug)]
struct Envelope<M> {
    message: M,
    to_slot: u8,
}

/// A cluster of one protocol.
#[derive(Debug)]
pub struct Bare<P: Protocol>
where
    P::Message: Wire,
{
    configs: Vec<P::Config>,
    n: u8,
    now: u64,
    events: u64,
    decisions: Decisions,
    weather: Weather,
    queue: Queue<Event>,
    /// How many messages, timers and syncs are in the queue.
    busy: usize,
    network: Network<Envelope<P::Message>>,
    /// The first `n` by their nodes' numbers, then the second copies.
    slots: Vec<Slot<P>>,
    effects: Effects<P>,
    loopback: VecDeque<P::Message>,
    outbox: Vec<(quorate_core::To, P::Message)>,
    /// What nodes told the layer above, until it is taken.
    told: Vec<Told<P::Output>>,
    faults: Vec<NodeFault>,
    link_faults: Vec<(LinkFault, bool)>,
    seen: Seen,
    counts: Counts,
    /// Messages held back, oldest first.
    held: Vec<u32>,
    decides: Option<fn(&P::Output) -> bool>,
    watch: Option<Box<watch::Watch<P>>>,
    hash: Rolling,
    common_coin: u64,
}

impl<P: Protocol> Bare<P>
where
    P::Message: Wire,
{
    /// A cluster of `n` nodes; [`Bare::start_all`] starts them.
    ///
    /// # Panics
    /// With more than 128 nodes.
    pub fn new(
        config: impl Fn(NodeId) -> P::Config,
        n: u8,
        weather: Weather,
        mut decisions: Decisions,
    ) -> Self {
        assert!(
            n <= quorate_core::NodeSet::MAX_NODES,
            "a cluster has at most 128 nodes"
        );
        let common_coin = decisions.below(1 << 62);
        let pace = weather.pace;
        let mut slot = |id| {
            let mut clock = Clock::new(0, 0);
            if pace.drift_ppm > 0 {
                let drift = decisions.within(0, 2 * u64::from(pace.drift_ppm));
                clock.set_drift(0, drift as i64 - i64::from(pace.drift_ppm));
            }
            Slot::new(id, MemoryDisk::new(pace.sync.is_none()), clock)
        };
        let slots = NodeId::all(n).map(&mut slot).collect();
        let mut bare = Self {
            configs: NodeId::all(n).map(config).collect(),
            n,
            now: 0,
            events: 0,
            decisions,
            weather,
            queue: Queue::default(),
            busy: 0,
            network: Network::new(n, pace.link(0), weather.lossy),
            slots,
            effects: Effects::default(),
            loopback: VecDeque::new(),
            outbox: vec![],
            told: vec![],
            faults: vec![],
            link_faults: vec![],
            seen: Seen::default(),
            counts: Counts::default(),
            held: vec![],
            decides: None,
            watch: None,
            hash: Rolling::default(),
            common_coin,
        };
        if pace.calm_from > 0 {
            bare.queue.push(pace.calm_from, Event::Calm);
        }
        bare
    }

    /// Starts all nodes.
    pub fn start_all(&mut self) {
        NodeId::all(self.n).for_each(|node| self.start(node));
    }

    /// Runs the next event; `None` when nothing will ever happen again. What is stale, or for a
    /// node that is down, passes unseen.
    pub fn advance(&mut self) -> Option<Happened<P::Timer>> {
        loop {
            let happened = if self.busy == 0 && !self.held.is_empty() {
                let number = self.held.remove(0);
                self.arrive(number)
            } else {
                let (at, event) = self.queue.pop()?;
                self.now = at;
                self.happen(event)
            };
            if let Some(happened) = happened {
                self.events += 1;
                return Some(happened);
            }
        }
    }

    fn happen(&mut self, event: Event) -> Option<Happened<P::Timer>> {
        match event {
            Event::Deliver(number) => {
                self.busy -= 1;
                self.deliver(number)
            }
            Event::Late(number) => {
                self.push(self.now, Event::Deliver(number));
                None
            }
            Event::Timer { slot, timer, epoch } => {
                self.busy -= 1;
                self.on_timer(slot, timer, epoch)
            }
            Event::Synced { slot, epoch } => {
                self.busy -= 1;
                self.on_synced(slot, epoch)
            }
            Event::Node { fault, begins } => Some(self.on_node_fault(fault, begins)),
            Event::Link { fault, begins } => {
                self.on_link_fault(fault, begins);
                Some(Happened::Changed)
            }
            Event::Calm => {
                self.refresh_links();
                let held = std::mem::take(&mut self.held);
                held.into_iter().for_each(|number| {
                    let latest = self.weather.pace.delta;
                    let at = self.now + self.decisions.within(0, latest);
                    self.push(at, Event::Deliver(number));
                });
                Some(Happened::Changed)
            }
            Event::Wake(tag) => Some(Happened::Woke(tag)),
        }
    }

    fn push(&mut self, at: u64, event: Event) {
        self.busy += usize::from(matches!(
            event,
            Event::Deliver(_) | Event::Timer { .. } | Event::Synced { .. }
        ));
        self.queue.push(at, event);
    }

    /// Asks for a [`Happened::Woke`] with this tag, at this moment or now.
    pub fn wake_at(&mut self, at: u64, tag: u32) {
        self.queue.push(at.max(self.now), Event::Wake(tag));
    }

    /// Which outputs decide something: what a last straw is ([`Pace::last_straw`]).
    pub fn set_decides(&mut self, decides: fn(&P::Output) -> bool) {
        self.decides = Some(decides);
    }

    /// Simulated nanoseconds.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Events so far: deliveries, timers, syncs, faults.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The rolling hash over them.
    pub fn hash(&self) -> u64 {
        self.hash.value()
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> u8 {
        self.n
    }

    /// A node's protocol; `None` while it is down. Of twins, the first.
    pub fn node(&self, id: NodeId) -> Option<&P> {
        self.slots.get(id.index())?.protocol.as_ref()
    }

    /// Does the node do nothing at the moment, without being down?
    pub fn is_paused(&self, id: NodeId) -> bool {
        self.slots
            .get(id.index())
            .is_some_and(|slot| slot.paused_until > self.now)
    }

    /// Are there two of the node?
    pub fn has_twin(&self, id: NodeId) -> bool {
        self.slots
            .get(id.index())
            .is_some_and(|slot| slot.twin.is_some())
    }

    /// What nodes told the layer above since this was last asked, in order.
    pub fn take_outputs(&mut self) -> impl Iterator<Item = Told<P::Output>> {
        self.told.drain(..)
    }

    /// What departed from the perfect machine.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// What was sent and synced.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What became of messages.
    pub fn traffic(&self) -> Traffic {
        self.network.traffic
    }

    /// The decisions, for those who choose requests and faults.
    pub fn decisions_mut(&mut self) -> &mut Decisions {
        &mut self.decisions
    }

    /// The first local invariant that a running node finds violated. Nodes for which `honest` does
    /// not hold are not asked.
    ///
    /// # Errors
    /// Its name and figures, after the node's.
    pub fn check_invariants(&self, honest: impl Fn(NodeId) -> bool) -> Result<(), String> {
        let firsts = &self.slots[..usize::from(self.n)];
        for slot in firsts.iter().filter(|slot| honest(slot.id)) {
            if let Some(protocol) = &slot.protocol {
                protocol
                    .check_invariants()
                    .map_err(|broken| format!("{}: {broken}", slot.id))?;
            }
        }
        Ok(())
    }
}
