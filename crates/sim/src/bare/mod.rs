//! A bare protocol in a world: any [`Protocol`], without log, state machine or clients.
//!
//! It has the links, clocks, timers and decisions of the world of replicas, a disk of records in
//! memory, and nodes and links that misbehave as they are told ([`NodeFault`], [`LinkFault`]). Time
//! behaves as its [`TimingProfile`] says. It judges nothing: its driver makes the
//! requests and watches. [`Bare::advance`] runs one event and says what it was, so that observers
//! can look at every node after every event.

mod disk;
mod fault;
mod flp;
mod inject;
mod mutate;
mod observations;
mod send;
mod slot;
mod step;
mod timing;
mod watch;

pub use fault::{
    LinkFault, MessageFilter, Mutation, NodeFault, ScheduledLinkFault, ScheduledNodeFault,
};
pub use mutate::{WireMessage, encoded_size};
pub use observations::{Observations, Occurrences};
pub use timing::TimingProfile;
pub use watch::Renderer;

use crate::clock::Clock;

use crate::decisions::Decisions;

use crate::network::{Network, Traffic};

use crate::queue::Queue;

use crate::rolling::Rolling;
use disk::MemoryDisk;
use quorate_contract::Behaviour;
use quorate_core::{Effects, NodeId, Protocol};
use slot::Slot;
use std::collections::VecDeque;

/// Where the protocol runs.
#[derive(Clone, Copy, Debug)]
pub struct NetworkProfile {
    /// How time behaves, links included.
    pub timing: TimingProfile,
    /// A cut link loses messages; else it holds them back.
    pub lossy: bool,
    /// Receivers know who sent a message: a forged sender is refused.
    pub authentic: bool,
    /// Count the bytes of messages. They are counted in any case where a fault depends on them.
    pub count_bytes: bool,
}

impl Default for NetworkProfile {
    fn default() -> Self {
        Self {
            timing: TimingProfile::default(),
            lossy: true,
            authentic: false,
            count_bytes: false,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum QueuedEvent {
    Deliver(u32),
    /// As [`QueuedEvent::Deliver`], of a message that its sender held back: it does not count as work to come.
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
    Gst,
    /// The driver of the world asked to be woken.
    Wake(u32),
}

/// What an event was, for observers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BareEvent<T> {
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

impl<T> BareEvent<T> {
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
pub struct NodeOutput<O> {
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
pub struct Costs {
    /// Messages from one node to another.
    pub messages: u64,
    /// Their bytes, if [`NetworkProfile::count_bytes`] asks for them.
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
    P::Message: WireMessage,
{
    configs: Vec<P::Config>,
    n: u8,
    now: u64,
    events: u64,
    decisions: Decisions,
    profile: NetworkProfile,
    queue: Queue<QueuedEvent>,
    /// How many messages, timers and syncs are in the queue.
    busy: usize,
    network: Network<Envelope<P::Message>>,
    /// The first `n` by their nodes' numbers, then the second copies.
    slots: Vec<Slot<P>>,
    effects: Effects<P>,
    loopback: VecDeque<P::Message>,
    outbox: Vec<(quorate_core::To, P::Message)>,
    /// What nodes told the layer above, until it is taken.
    outputs: Vec<NodeOutput<P::Output>>,
    faults: Vec<ScheduledNodeFault>,
    link_faults: Vec<(ScheduledLinkFault, bool)>,
    observed: Observations,
    counts: Costs,
    /// Messages held back, oldest first.
    held: Vec<u32>,
    decides: Option<fn(&P::Output) -> bool>,
    watch: Option<Box<watch::Watch<P>>>,
    hash: Rolling,
    common_coin: u64,
}

impl<P: Protocol> Bare<P>
where
    P::Message: WireMessage,
{
    /// A cluster of `n` nodes; [`Bare::start_all`] starts them.
    ///
    /// # Panics
    /// With more than 128 nodes.
    pub fn new(
        config: impl Fn(NodeId) -> P::Config,
        n: u8,
        weather: NetworkProfile,
        mut decisions: Decisions,
    ) -> Self {
        assert!(
            n <= quorate_core::NodeSet::MAX_NODES,
            "a cluster has at most 128 nodes"
        );
        let common_coin = decisions.below(1 << 62);
        let pace = weather.timing;
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
            profile: weather,
            queue: Queue::default(),
            busy: 0,
            network: Network::new(n, pace.link(0), weather.lossy),
            slots,
            effects: Effects::default(),
            loopback: VecDeque::new(),
            outbox: vec![],
            outputs: vec![],
            faults: vec![],
            link_faults: vec![],
            observed: Observations::default(),
            counts: Costs::default(),
            held: vec![],
            decides: None,
            watch: None,
            hash: Rolling::default(),
            common_coin,
        };
        if pace.gst > 0 {
            bare.queue.push(pace.gst, QueuedEvent::Gst);
        }
        bare
    }

    /// Starts all nodes, but for those that are dead from the start: for whom a crash at time 0 was
    /// injected before.
    pub fn start_all(&mut self) {
        for node in NodeId::all(self.n) {
            let dead = self.faults.iter().any(|fault| {
                let crashes = matches!(fault.fault, NodeFault::Crash | NodeFault::Forget);
                fault.node == node && fault.from == 0 && crashes
            });
            match dead {
                true => self.observed.record(0, Behaviour::NeverStart, node),
                false => self.start(node),
            }
        }
    }

    /// Runs the next event; `None` when nothing will ever happen again. What is stale, or for a
    /// node that is down, passes unseen.
    pub fn advance(&mut self) -> Option<BareEvent<P::Timer>> {
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

    fn happen(&mut self, event: QueuedEvent) -> Option<BareEvent<P::Timer>> {
        match event {
            QueuedEvent::Deliver(number) => {
                self.busy -= 1;
                self.deliver(number)
            }
            QueuedEvent::Late(number) => {
                self.push(self.now, QueuedEvent::Deliver(number));
                None
            }
            QueuedEvent::Timer { slot, timer, epoch } => {
                self.busy -= 1;
                self.on_timer(slot, timer, epoch)
            }
            QueuedEvent::Synced { slot, epoch } => {
                self.busy -= 1;
                self.on_synced(slot, epoch)
            }
            QueuedEvent::Node { fault, begins } => Some(self.on_node_fault(fault, begins)),
            QueuedEvent::Link { fault, begins } => {
                self.on_link_fault(fault, begins);
                Some(BareEvent::Changed)
            }
            QueuedEvent::Gst => {
                self.refresh_links();
                let held = std::mem::take(&mut self.held);
                held.into_iter().for_each(|number| {
                    let latest = self.profile.timing.delta;
                    let at = self.now + self.decisions.within(0, latest);
                    self.push(at, QueuedEvent::Deliver(number));
                });
                Some(BareEvent::Changed)
            }
            QueuedEvent::Wake(tag) => Some(BareEvent::Woke(tag)),
        }
    }

    fn push(&mut self, at: u64, event: QueuedEvent) {
        self.busy += usize::from(matches!(
            event,
            QueuedEvent::Deliver(_) | QueuedEvent::Timer { .. } | QueuedEvent::Synced { .. }
        ));
        self.queue.push(at, event);
    }

    /// Asks for a [`BareEvent::Woke`] with this tag, at this moment or now.
    pub fn wake_at(&mut self, at: u64, tag: u32) {
        self.queue.push(at.max(self.now), QueuedEvent::Wake(tag));
    }

    /// Which outputs decide something: what a last straw is ([`TimingProfile::flp`]).
    pub fn set_decision_predicate(&mut self, decides: fn(&P::Output) -> bool) {
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
    pub fn take_outputs(&mut self) -> impl Iterator<Item = NodeOutput<P::Output>> {
        self.outputs.drain(..)
    }

    /// What departed from the perfect machine.
    pub fn observed(&self) -> &Observations {
        &self.observed
    }

    /// What was sent and synced.
    pub fn counts(&self) -> Costs {
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
