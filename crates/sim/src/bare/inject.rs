//! Faults that begin and end.

use super::disk::MemoryDisk;
use super::slot::Slot;
use super::{
    Bare, BareEvent, LinkFault, MessageFilter, NodeFault, QueuedEvent, ScheduledLinkFault,
    ScheduledNodeFault, WireMessage,
};
use crate::network::LinkProfile;
use quorate_contract::Behaviour;
use quorate_core::{NodeId, NodeSet, Protocol};

impl<P: Protocol> Bare<P>
where
    P::Message: WireMessage,
{
    /// Lets a node misbehave, when its time comes.
    ///
    /// # Panics
    /// For a node that is not there, and with more than 65,535 faults.
    pub fn inject(&mut self, fault: ScheduledNodeFault) {
        assert!(fault.node.0 < self.n.into(), "{} is no node", fault.node);
        let weighs = |which: &MessageFilter| matches!(which, MessageFilter::Larger(_));
        self.profile.count_bytes |= match &fault.fault {
            NodeFault::OmitSend(which) | NodeFault::OmitReceive(which) => weighs(which),
            _ => false,
        };
        let number = u16::try_from(self.faults.len()).expect("at most 65,535 faults");
        let (from, until) = (fault.from.max(self.now), fault.until);
        self.faults.push(fault);
        let event = |begins| QueuedEvent::Node {
            fault: number,
            begins,
        };
        self.queue.push(from, event(true));
        if let Some(until) = until {
            self.queue.push(until.max(from), event(false));
        }
    }

    /// Lets links misbehave, when their time comes.
    ///
    /// # Panics
    /// With more than 65,535 faults.
    pub fn inject_link(&mut self, fault: ScheduledLinkFault) {
        self.profile.count_bytes |= matches!(
            fault.fault,
            LinkFault::LossOfLarge { .. } | LinkFault::Bandwidth(_)
        );
        let number = u16::try_from(self.link_faults.len()).expect("at most 65,535 faults");
        let from = fault.from.max(self.now);
        self.link_faults.push((fault, false));
        self.queue.push(
            from,
            QueuedEvent::Link {
                fault: number,
                begins: true,
            },
        );
    }

    pub(super) fn on_node_fault(&mut self, number: u16, begins: bool) -> BareEvent<P::Timer> {
        let ScheduledNodeFault {
            node,
            fault: misdeed,
            until,
            ..
        } = self.faults[usize::from(number)].clone();
        for s in self.copies(node) {
            let active = &mut self.slots[s].active;
            match begins {
                true => active.push(number),
                false => active.retain(|other| *other != number),
            }
        }
        self.watch_node_fault(number, begins);
        let was_down = self.node(node).is_none();
        if begins {
            self.begin(node, &misdeed, until.unwrap_or(u64::MAX));
        } else {
            self.end(node, &misdeed);
        }
        self.hash
            .add(self.now ^ 1 << 54 ^ u64::from(number) << 32 ^ u64::from(begins));
        match was_down && self.node(node).is_some() {
            true => BareEvent::Restarted(node),
            false => BareEvent::Faulted(node),
        }
    }

    fn begin(&mut self, node: NodeId, misdeed: &NodeFault, until: u64) {
        match misdeed {
            NodeFault::Crash | NodeFault::Forget => {
                self.crash(node);
                // One that was dead from the start does not stop.
                if self.now > 0 {
                    self.observed.record(self.now, Behaviour::Stop, node);
                }
            }
            NodeFault::Pause => {
                self.each(node, |slot| {
                    slot.paused_until = slot.paused_until.max(until)
                });
                self.observed.record(self.now, Behaviour::Pause, node);
            }
            NodeFault::DiskStall => {
                self.each(node, |slot| {
                    slot.stalled_until = slot.stalled_until.max(until);
                });
                self.observed.record(self.now, Behaviour::Late, node);
            }
            NodeFault::LieAboutSync => self.each(node, |slot| slot.disk.lie(true)),
            NodeFault::Drift(ppm) => self.set_clock(node, |clock, now| clock.set_drift(now, *ppm)),
            NodeFault::ClockJump(nanos) => {
                self.set_clock(node, |clock, now| clock.jump(now, *nanos))
            }
            NodeFault::Twins(sees) => self.split(node, *sees),
            NodeFault::Stale => {
                self.each(node, |slot| slot.stale = slot.protocol.clone());
                self.observed.record(self.now, Behaviour::Lie, node);
            }
            // These show in what the node says, and are noted there.
            NodeFault::CrashSending(_)
            | NodeFault::OmitSend(_)
            | NodeFault::OmitReceive(_)
            | NodeFault::Late(_)
            | NodeFault::Replay(_)
            | NodeFault::TamperSend(..)
            | NodeFault::TamperReceive(..)
            | NodeFault::Forge(..)
            | NodeFault::Impersonate(..) => {}
        }
    }

    fn end(&mut self, node: NodeId, misdeed: &NodeFault) {
        match misdeed {
            NodeFault::Crash | NodeFault::Forget => {
                if *misdeed == NodeFault::Forget {
                    self.each(node, |slot| slot.disk.wipe());
                    self.observed.record(self.now, Behaviour::Forget, node);
                }
                self.observed.record(self.now, Behaviour::Restart, node);
                self.start(node);
            }
            NodeFault::LieAboutSync => {
                for s in self.copies(node) {
                    self.slots[s].disk.lie(false);
                    self.begin_sync(s);
                }
            }
            NodeFault::Drift(_) => self.set_clock(node, |clock, now| clock.set_drift(now, 0)),
            NodeFault::Stale => self.each(node, |slot| slot.stale = None),
            NodeFault::CrashSending(_) => {
                self.each(node, |slot| slot.dying = false);
                if self.node(node).is_none() {
                    self.observed.record(self.now, Behaviour::Restart, node);
                    self.start(node);
                }
            }
            // What ends by itself, or with the node's place in the list of faults.
            NodeFault::Pause
            | NodeFault::DiskStall
            | NodeFault::ClockJump(_)
            | NodeFault::Twins(_)
            | NodeFault::OmitSend(_)
            | NodeFault::OmitReceive(_)
            | NodeFault::Late(_)
            | NodeFault::Replay(_)
            | NodeFault::TamperSend(..)
            | NodeFault::TamperReceive(..)
            | NodeFault::Forge(..)
            | NodeFault::Impersonate(..) => {}
        }
    }

    fn each(&mut self, node: NodeId, change: impl Fn(&mut Slot<P>)) {
        for s in self.copies(node) {
            change(&mut self.slots[s]);
        }
    }

    fn set_clock(&mut self, node: NodeId, set: impl Fn(&mut crate::clock::Clock, u64)) {
        let now = self.now;
        for s in self.copies(node) {
            let slot = &mut self.slots[s];
            set(&mut slot.clock, now);
            self.requeue_timers(s);
        }
        self.observed.record(now, Behaviour::Skew, node);
    }

    fn requeue_timers(&mut self, s: usize) {
        let now = self.now;
        let slot = &mut self.slots[s];
        let (epoch, mut due) = (slot.epoch, vec![]);
        slot.timers
            .on_clock_set(&slot.clock, now, |timer, at| due.push((timer, at)));
        for (timer, at) in due {
            let slot = s as u8;
            self.push(at, QueuedEvent::Timer { slot, timer, epoch });
        }
    }

    /// Makes a second copy of a node as it is now.
    fn split(&mut self, node: NodeId, sees: NodeSet) {
        self.observed.record(self.now, Behaviour::Lie, node);
        self.observed.record(self.now, Behaviour::Equivocate, node);
        let room = self.slots.len() < usize::from(u8::MAX);
        let first = &mut self.slots[node.index()];
        if first.twin.is_some() || !room {
            return;
        }
        let mut second = Slot::new(node, MemoryDisk::clone(&first.disk), first.clock);
        second.disk.interrupt();
        second.protocol = first.protocol.clone();
        second.timers = first.timers.clone();
        second.epoch = first.epoch;
        second.paused_until = first.paused_until;
        second.active = first.active.clone();
        (first.twin, second.twin) = (Some(false), Some(true));
        second.peers = sees;
        first.peers = NodeId::all(self.n)
            .filter(|other| !sees.contains(*other))
            .collect();
        self.slots.push(second);
        let s = self.slots.len() - 1;
        let now = self.now;
        if let Some(watch) = &mut self.watch {
            watch
                .recorder
                .restarted(now, super::watch::lane(s), "the second of twins");
        }
        self.requeue_timers(s);
        self.begin_sync(s);
    }

    pub(super) fn on_link_fault(&mut self, number: u16, begins: bool) {
        let (fault, active) = &mut self.link_faults[usize::from(number)];
        let over = fault.until.is_some_and(|until| self.now >= until);
        let begins = begins && !over;
        if *active == begins {
            return;
        }
        *active = begins;
        let next = match (fault.flapping, begins) {
            (Some(span), begins) if !over => Some((self.now + span.max(1), !begins)),
            (None, true) => fault.until.map(|until| (until, false)),
            _ => None,
        };
        let next = next.map(|(at, begins)| (at.min(fault.until.unwrap_or(u64::MAX)), begins));
        let fault = fault.clone();
        if let Some((at, begins)) = next {
            self.queue.push(
                at,
                QueuedEvent::Link {
                    fault: number,
                    begins,
                },
            );
        }
        self.watch_link_fault(number, begins);
        if fault.fault == LinkFault::Cut {
            for (from, to) in self.pairs(&fault) {
                match begins {
                    true => self.network.cut(from, to),
                    false => self.mend(from, to),
                }
            }
        } else {
            self.refresh_links();
        }
        self.hash
            .add(self.now ^ 1 << 53 ^ u64::from(number) << 32 ^ u64::from(begins));
    }

    fn pairs(&self, fault: &ScheduledLinkFault) -> Vec<(NodeId, NodeId)> {
        let n = self.n;
        let (senders, receivers) = (fault.from_nodes, fault.to_nodes);
        NodeId::all(n)
            .filter(|from| senders.contains(*from))
            .flat_map(|from| NodeId::all(n).map(move |to| (from, to)))
            .filter(|(from, to)| from != to && receivers.contains(*to))
            .collect()
    }

    /// Cuts a link.
    pub fn cut(&mut self, from: NodeId, to: NodeId) {
        self.network.cut(from, to);
    }

    /// Mends a link that was cut.
    pub fn mend(&mut self, from: NodeId, to: NodeId) {
        let (queue, busy) = (&mut self.queue, &mut self.busy);
        self.network
            .mend(self.now, from, to, &mut self.decisions, |at, number| {
                *busy += 1;
                queue.push(at, QueuedEvent::Deliver(number));
            });
    }

    /// Sets all links to what time and their faults make of them.
    pub(super) fn refresh_links(&mut self) {
        let base = self.profile.timing.link(self.now);
        for from in NodeId::all(self.n) {
            for to in NodeId::all(self.n) {
                let mut link = base;
                for (fault, active) in &self.link_faults {
                    if *active && fault.from_nodes.contains(from) && fault.to_nodes.contains(to) {
                        worsen(&mut link, fault.fault);
                    }
                }
                self.network.set_link(from, to, link);
            }
        }
    }
}

fn worsen(link: &mut LinkProfile, trouble: LinkFault) {
    match trouble {
        LinkFault::Loss(chance) => link.loss = link.loss.max(chance),
        LinkFault::Duplicate(chance) => link.duplicate = link.duplicate.max(chance),
        LinkFault::Slow(delay) => {
            (link.delay, link.max_delay, link.fifo) = (delay, u64::MAX, false);
        }
        LinkFault::Bandwidth(nanos) => link.nanos_per_byte = link.nanos_per_byte.max(nanos),
        LinkFault::Cut | LinkFault::LossOfLarge { .. } | LinkFault::Garble(_) => {}
    }
}
