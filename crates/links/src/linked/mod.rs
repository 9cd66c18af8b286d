//! Any protocol over any link.

mod frame;

pub use frame::{
    Delivery, EagerDelivery, EagerFrame, LinkedFrame, LinkedHard, LinkedRecord, LinkedTimer,
};

use crate::link::{Endpoints, Epoch, Lane, Link, LinkOutput, Received};

use crate::refusal::LinkRefusal;
use quorate_core::driver::{self, Disk, Gate, Lsn};
use quorate_core::{Effects, Input, Journaled, NodeId, Protocol, Time, To};
use std::io;

/// A protocol over links: itself a protocol, so that whatever drives the one drives the other.
///
/// The protocol's messages to others go through one link per peer; its messages to itself, its
/// timers, requests, outputs and coins pass unchanged. What it must not say before its log is
/// durable still waits, retransmissions included; what it may say at once is said at once, after
/// this life's epoch is on disk. (Two lives under one epoch would take each other's packets.)
///
/// To the protocol this is a driver, and the only one in the sans-IO crates. It takes the
/// protocol's effects apart with a [`Gate`] of its own, and everything that it takes out goes into
/// its own [`Effects`] in the same order: records first, then what waits for them. Nothing comes
/// nearer to the wire by it.
///
/// The protocol's hard state is held twice, once by the protocol and once here, as the fold that
/// the records of both make.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Linked<P: Protocol, L> {
    me: NodeId,
    hard: Journaled<LinkedHard<P::Hard>>,
    epoch: Epoch,
    /// This life's epoch is on disk: what is eager may leave.
    born: bool,
    protocol: P,
    /// By node; the node's own is not used.
    links: Vec<L>,
}

/// What is fixed for the life of a node.
#[derive(Clone, Debug)]
pub struct LinkedConfig<C, L> {
    /// The protocol's.
    pub protocol: C,
    /// That of each link.
    pub link: L,
    /// How many nodes the cluster has.
    pub nodes: u8,
}

impl<P: Protocol, L: Link<P::Message>> Linked<P, L> {
    /// The protocol inside.
    pub fn protocol(&self) -> &P {
        &self.protocol
    }

    /// The link to a node of the cluster.
    pub fn link(&self, to: NodeId) -> Option<&L> {
        self.links.get(to.index()).filter(|_| to != self.me)
    }

    /// Which life of the node this is.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn peer(&mut self, node: NodeId) -> Option<&mut L> {
        let me = self.me;
        self.links.get_mut(node.index()).filter(|_| node != me)
    }

    /// Gives the protocol one input, or the end of the burst, and passes on what it asks for.
    fn inner(
        &mut self,
        now: Time,
        out: &mut Effects<Self>,
        enter: impl FnOnce(&mut P, &mut Effects<P>),
    ) {
        let mut asked = Effects::default();
        enter(&mut self.protocol, &mut asked);
        if asked.is_empty() {
            return;
        }
        let mut gate = Gate::default();
        let mut records = RecordBuffer(vec![]);
        let prompt = gate.submit(&mut asked, &mut records);
        for record in records.0.drain(..) {
            self.hard.write(LinkedRecord::Inner(record), out);
        }
        for (timer, range) in prompt.timers() {
            let timer = LinkedTimer::Inner(timer);
            match range {
                Some((min, max)) => out.arm(timer, min, max),
                None => out.disarm(timer),
            }
        }
        prompt.coins().for_each(|(coin, tag)| out.flip(coin, tag));
        for output in prompt.outputs() {
            out.output_eager(EagerDelivery(Delivery::Inner(output)));
        }
        for released in prompt.messages() {
            let (to, message) = released.into_parts();
            self.send(now, to, &message, Lane::Eager, out);
        }
        let mut messages = vec![];
        let released = gate.release(
            &records,
            |released| messages.push(released.into_parts()),
            |output| out.output(Delivery::Inner(output)),
        );
        debug_assert!(released.is_ok(), "a vector does not fail");
        for (to, message) in messages {
            self.send(now, to, &message, Lane::Gated, out);
        }
    }

    fn send(
        &mut self,
        now: Time,
        to: To,
        message: &P::Message,
        urgency: Lane,
        out: &mut Effects<Self>,
    ) {
        for to in to.nodes(self.links.len() as u8) {
            let message = message.clone();
            if to == self.me {
                send(out, urgency, to, LinkedFrame::Own(message));
            } else if let Some(link) = self.links.get_mut(to.index())
                && let Err(unsent) = link.send(now, message, urgency)
            {
                out.output_eager(EagerDelivery(Delivery::Unsent(to, unsent)));
            }
        }
    }

    fn on_packet(&mut self, now: Time, from: NodeId, packet: L::Packet, out: &mut Effects<Self>) {
        let mut inbox = vec![];
        let received = match self.peer(from) {
            Some(link) => link.on_packet(now, packet, &mut inbox),
            None => Err(LinkRefusal::NotAPeer),
        };
        match received {
            Ok(Received::PeerRestarted) => {
                out.output_eager(EagerDelivery(Delivery::PeerRestarted(from)));
            }
            Ok(Received::SameSession | Received::FirstContact) => {}
            Err(refusal) => out.output_eager(EagerDelivery(Delivery::Refused(from, refusal))),
        }
        for message in inbox {
            self.inner(now, out, |protocol, asked| {
                protocol.step(now, Input::Message(from, message), asked);
            });
        }
    }
}

fn send<P: Protocol, L: Link<P::Message>>(
    out: &mut Effects<Linked<P, L>>,
    urgency: Lane,
    to: NodeId,
    frame: LinkedFrame<L::Packet, P::Message>,
) {
    match urgency {
        Lane::Gated => out.send(To::One(to), frame),
        Lane::Eager => out.send_eager(To::One(to), EagerFrame(frame)),
    }
}

impl<P: Protocol, L: Link<P::Message>> Protocol for Linked<P, L> {
    type Config = LinkedConfig<P::Config, L::Config>;
    type Hard = LinkedHard<P::Hard>;
    type Message = LinkedFrame<L::Packet, P::Message>;
    type Eager = EagerFrame<L::Packet, P::Message>;
    type Timer = LinkedTimer<P::Timer>;
    type Request = P::Request;
    type Output = Delivery<P::Output, P::Message>;
    type EagerOutput = EagerDelivery<P::Output, P::Message>;

    fn recover(config: &Self::Config, me: NodeId, hard: Journaled<Self::Hard>) -> Self {
        let epoch = hard.epoch.next();
        let open = |peer| L::open(&config.link, Endpoints { me, peer, epoch });
        Self {
            me,
            epoch,
            born: false,
            protocol: P::recover(&config.protocol, me, driver::restored(hard.inner.clone())),
            links: NodeId::all(config.nodes).map(open).collect(),
            hard,
        }
    }

    fn step(&mut self, now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        let input = match input {
            Input::Start => {
                self.hard.write(LinkedRecord::Born(self.epoch), out);
                out.send(To::One(self.me), LinkedFrame::Born(self.epoch));
                Input::Start
            }
            Input::Message(from, LinkedFrame::Packet(packet)) => {
                return self.on_packet(now, from, packet, out);
            }
            Input::Message(from, LinkedFrame::Own(message)) if from == self.me => {
                Input::Message(from, message)
            }
            Input::Message(from, LinkedFrame::Born(epoch)) if from == self.me => {
                self.born |= epoch == self.epoch;
                return;
            }
            Input::Message(from, LinkedFrame::Own(_) | LinkedFrame::Born(_)) => {
                let news = Delivery::Refused(from, LinkRefusal::NotAPeer);
                return out.output_eager(EagerDelivery(news));
            }
            Input::Timer(LinkedTimer::Inner(timer)) => Input::Timer(timer),
            Input::Timer(LinkedTimer::Link(peer)) => {
                if let Some(link) = self.peer(peer) {
                    link.on_timer(now);
                }
                return;
            }
            Input::Request(request) => Input::Request(request),
            Input::Coin { tag, value } => Input::Coin { tag, value },
        };
        self.inner(now, out, |protocol, asked| protocol.step(now, input, asked));
    }

    fn flush(&mut self, now: Time, out: &mut Effects<Self>) {
        self.inner(now, out, |protocol, asked| protocol.flush(now, asked));
        let (me, born) = (self.me, self.born);
        for (peer, link) in NodeId::all(self.links.len() as u8).zip(&mut self.links) {
            if peer == me {
                continue;
            }
            let mut outgoing = LinkOutput::default();
            link.flush(now, &mut outgoing);
            match outgoing.timer {
                Some(Some((min, max))) => out.arm(LinkedTimer::Link(peer), min, max),
                Some(None) => out.disarm(LinkedTimer::Link(peer)),
                None => {}
            }
            for (urgency, packet) in outgoing.packets {
                let urgency = if born { urgency } else { Lane::Gated };
                send(out, urgency, peer, LinkedFrame::Packet(packet));
            }
        }
    }

    fn check_invariants(&self) -> Result<(), String> {
        self.protocol.check_invariants()?;
        self.links.iter().try_for_each(L::check_invariants)
    }
}

/// Takes records over, and calls them durable: they are on their way to the real disk, before
/// everything that waits for them.
struct RecordBuffer<R>(Vec<R>);

impl<R> Disk<R> for RecordBuffer<R> {
    fn append(&mut self, records: &mut Vec<R>) -> Lsn {
        self.0.append(records);
        0
    }

    fn durable(&self) -> io::Result<Lsn> {
        Ok(0)
    }
}
