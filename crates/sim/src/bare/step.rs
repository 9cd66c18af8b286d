//! What happens to one node: inputs in, effects carried out.

use super::slot::Slot;
use super::watch::lane;
use super::{Bare, BareEvent, NodeOutput, QueuedEvent, WireMessage};
use crate::decisions::splitmix;
use crate::network::InFlight;
use crate::rolling::Rolling;
use crate::timers::Due;
use quorate_contract::Behaviour;
use quorate_core::driver::{self, Gate, Released, faulty};
use quorate_core::{Coin, Input, NodeId, Protocol, Time};
use quorate_report::{EventKind, MessageFate};
use std::time::Duration;

impl<P: Protocol> Bare<P>
where
    P::Message: WireMessage,
{
    /// Starts a node from what its disk holds. Does nothing to one that runs.
    pub fn start(&mut self, id: NodeId) {
        for slot in self.copies(id) {
            self.start_slot(slot);
        }
    }

    fn start_slot(&mut self, s: usize) {
        let slot = &mut self.slots[s];
        if slot.protocol.is_none() {
            let hard = driver::replay(slot.disk.records());
            let config = &self.configs[slot.id.index()];
            slot.protocol = Some(P::recover(config, slot.id, hard));
            let now = self.now;
            if let Some(watch) = &mut self.watch {
                watch.recorder.restarted(now, lane(s), "starts");
            }
            self.step(s, Input::Start);
        }
    }

    /// Takes a node down; of what it had not synced, the decisions say how much is lost.
    pub fn crash(&mut self, id: NodeId) {
        for s in self.copies(id) {
            let slot = &mut self.slots[s];
            if slot.protocol.take().is_some() {
                let lost = match slot.disk.lied_about() {
                    0 => self.decisions.below(slot.disk.unsynced() as u64 + 1),
                    all => all as u64,
                };
                slot.disk.lose(lost as usize);
                slot.gate = Gate::default();
                slot.timers.clear();
                slot.stale = None;
                slot.dying = false;
                slot.epoch += 1;
                self.hash.add(u64::from(id.0) << 32 | lost);
                let now = self.now;
                if let Some(watch) = &mut self.watch {
                    let label = match lost {
                        0 => "crashes".to_owned(),
                        lost => format!("crashes, and loses {lost} records"),
                    };
                    watch.recorder.crashed(now, lane(s), &label);
                }
            }
        }
    }

    /// The layer above asks a node for something.
    pub fn request(&mut self, id: NodeId, request: P::Request) {
        self.request_copy(id, false, request);
    }

    /// As [`Bare::request`], of the second of twins if there is one and `second` says so.
    pub fn request_copy(&mut self, id: NodeId, second: bool, request: P::Request) {
        let copies = self.copies(id);
        let slot = if second {
            copies.last()
        } else {
            copies.first()
        };
        if let Some(&slot) = slot {
            self.watch_step(slot, EventKind::Request, || {
                format!("is asked: {request:?}")
            });
            self.step(slot, Input::Request(request));
        }
    }

    /// The copies of a node, by their places.
    pub(super) fn copies(&self, id: NodeId) -> Vec<usize> {
        let of = |(at, slot): (usize, &Slot<P>)| (slot.id == id).then_some(at);
        self.slots.iter().enumerate().filter_map(of).collect()
    }

    pub(super) fn deliver(&mut self, number: u32) -> Option<BareEvent<P::Timer>> {
        let flight = self.network.flight(number)?;
        let slot = &self.slots[usize::from(flight.message.to_slot)];
        if slot.paused_until > self.now {
            // What arrives at a paused node waits for it.
            let until = slot.paused_until;
            if until < u64::MAX {
                self.push(until, QueuedEvent::Deliver(number));
            }
            return None;
        }
        if self.would_decide(number) {
            self.counts.held += 1;
            self.held.push(number);
            return None;
        }
        self.arrive(number)
    }

    pub(super) fn arrive(&mut self, number: u32) -> Option<BareEvent<P::Timer>> {
        let InFlight { from, to, message } = self.network.arrive(number)?;
        let s = usize::from(message.to_slot);
        let received = match &self.slots[s].protocol {
            Some(_) => self.receive(s, from, message.message),
            None => None,
        };
        let Some(message) = received else {
            self.watch_fate(number, MessageFate::Dropped);
            return None;
        };
        let now = self.now;
        if let Some(watch) = &mut self.watch {
            watch.recorder.arrived(number, now);
        }
        self.hash.add(self.now ^ u64::from(to.0) << 56);
        self.hash.add(Rolling::of(&message));
        self.step(s, Input::Message(from, message));
        self.release_held(s);
        Some(BareEvent::Delivered(to, from))
    }

    pub(super) fn on_timer(&mut self, s: u8, timer: u8, epoch: u32) -> Option<BareEvent<P::Timer>> {
        let event = QueuedEvent::Timer {
            slot: s,
            timer,
            epoch,
        };
        let slot = &mut self.slots[usize::from(s)];
        if slot.epoch != epoch {
            return None;
        }
        if slot.paused_until > self.now {
            let until = slot.paused_until;
            if until < u64::MAX && slot.timers.postpone(self.now, timer, until) {
                self.push(until, event);
            }
            return None;
        }
        let id = slot.id;
        match slot.timers.due(&slot.clock, self.now, timer) {
            Due::Stale => None,
            Due::Later(at) => {
                self.push(at, event);
                None
            }
            Due::Now(name) => {
                self.hash
                    .add(self.now ^ u64::from(timer) << 48 ^ u64::from(id.0) << 56);
                let now = self.now;
                if let Some(watch) = &mut self.watch {
                    let label = format!("timer {name:?}");
                    let lane = lane(usize::from(s));
                    watch
                        .recorder
                        .timer_fired(now, lane, u64::from(timer), &label);
                }
                self.step(usize::from(s), Input::Timer(name));
                self.release_held(usize::from(s));
                Some(BareEvent::TimedOut(id, name))
            }
        }
    }

    pub(super) fn on_synced(&mut self, s: u8, epoch: u32) -> Option<BareEvent<P::Timer>> {
        let slot = &mut self.slots[usize::from(s)];
        if slot.epoch != epoch {
            return None;
        }
        let busy = slot.stalled_until.max(slot.paused_until);
        if busy > self.now {
            if busy < u64::MAX {
                self.push(busy, QueuedEvent::Synced { slot: s, epoch });
            }
            return None;
        }
        let id = slot.id;
        slot.disk.complete_sync();
        self.counts.syncs += 1;
        self.hash.add(self.now ^ 1 << 55 ^ u64::from(id.0) << 56);
        let now = self.now;
        if let Some(watch) = &mut self.watch {
            let lane = lane(usize::from(s));
            watch
                .recorder
                .sync_done(now, lane, true, "what it wrote is durable");
        }
        self.settle(usize::from(s));
        Some(BareEvent::Synced(id))
    }

    pub(super) fn step(&mut self, s: usize, input: Input<P>) {
        let slot = &mut self.slots[s];
        let Some(protocol) = &mut slot.protocol else {
            return;
        };
        // One that lives in the past answers from there, and forgets that it did.
        let real = match &slot.stale {
            Some(past) => Some(std::mem::replace(protocol, past.clone())),
            None => None,
        };
        protocol.step(slot.clock.at(self.now), input, &mut self.effects);
        self.settle(s);
        self.watch_state(s);
        // Unless it went down while it said so.
        if real.is_some() && self.slots[s].protocol.is_some() {
            self.slots[s].protocol = real;
        }
    }

    /// Flushes, until nothing comes back to the node itself.
    fn settle(&mut self, s: usize) {
        loop {
            let slot = &mut self.slots[s];
            let Some(protocol) = &mut slot.protocol else {
                return;
            };
            let local = slot.clock.at(self.now);
            protocol.flush(local, &mut self.effects);
            self.carry_out(s, local);
            let slot = &mut self.slots[s];
            let Some(protocol) = &mut slot.protocol else {
                return;
            };
            if self.loopback.is_empty() && self.effects.is_empty() {
                return;
            }
            while let Some(message) = self.loopback.pop_front() {
                let id = slot.id;
                protocol.step(local, Input::Message(id, message), &mut self.effects);
            }
        }
    }

    /// The effects of a burst: records to the disk, and out what may go.
    fn carry_out(&mut self, s: usize, local: Time) {
        let Self {
            slots,
            effects,
            outbox,
            outputs: told,
            now,
            ..
        } = self;
        let heard = told.len();
        let slot = &mut slots[s];
        let (id, now, second) = (slot.id, *now, s >= usize::from(self.n));
        if slot.stale.is_some() {
            faulty::forget_records(effects, |_| false);
        }
        let tell = |output| NodeOutput {
            node: id,
            second,
            at: now,
            output,
        };
        let prompt = slot.gate.submit(effects, &mut slot.disk);
        outbox.extend(prompt.messages().map(Released::into_parts));
        told.extend(prompt.outputs().map(tell));
        let timers: Vec<_> = prompt.timers().collect();
        let coins: Vec<_> = prompt.coins().collect();
        // This disk never fails.
        let _ = slot.gate.release(
            &slot.disk,
            |released| outbox.push(released.into_parts()),
            |output| told.push(tell(output)),
        );
        if slot.disk.lied_about() > 0 {
            self.observed.record(now, Behaviour::LieAboutSync, id);
        }
        let mut outbox = std::mem::take(&mut self.outbox);
        for (to, message) in outbox.drain(..) {
            self.route(s, to, message);
        }
        self.outbox = outbox;
        if self.slots[s].dying {
            // A node that crashes while it sends gives no output for that step.
            self.outputs.truncate(heard);
            self.observed.record(now, Behaviour::Stop, id);
            self.crash(id);
            self.loopback.clear();
            return;
        }
        if let Some(watch) = &mut self.watch {
            let (recorder, words) = (&mut watch.recorder, watch.renderer);
            for told in &self.outputs[heard..] {
                if let Some((kind, label)) = (words.output)(&told.output) {
                    recorder.remark(now, lane(s), kind, &label);
                }
            }
        }
        for (timer, span) in timers {
            self.set_timer(s, local, timer, span);
        }
        self.begin_sync(s);
        for (coin, tag) in coins {
            let value = match coin {
                Coin::Local => self.decisions.below(u64::MAX),
                Coin::Common => splitmix(&mut (self.common_coin ^ tag)),
            };
            if let Some(protocol) = &mut self.slots[s].protocol {
                protocol.step(local, Input::Coin { tag, value }, &mut self.effects);
            }
        }
    }

    fn set_timer(
        &mut self,
        s: usize,
        local: Time,
        timer: P::Timer,
        span: Option<(Duration, Duration)>,
    ) {
        let slot = &mut self.slots[s];
        let Some((min, max)) = span else {
            slot.timers.disarm(timer);
            return;
        };
        let (min, span) = (nanos(min), nanos(max).saturating_sub(nanos(min)) + 1);
        // With all decisions at zero, nodes still differ: else they would campaign without end.
        let stagger = span / u64::from(self.n) * u64::from(slot.id.0);
        let wait = min + (self.decisions.below(span) + stagger) % span;
        let deadline = local + Duration::from_nanos(wait);
        let (timer, at) = slot.timers.arm(&slot.clock, self.now, timer, deadline);
        if let Some(watch) = &mut self.watch {
            watch.recorder.timer_armed(lane(s), u64::from(timer));
        }
        if let Some(at) = at {
            let epoch = slot.epoch;
            let slot = s as u8;
            self.push(at, QueuedEvent::Timer { slot, timer, epoch });
        }
    }

    pub(super) fn begin_sync(&mut self, s: usize) {
        let pace = self.profile.timing;
        let Some(delay) = pace.sync else { return };
        let slot = &mut self.slots[s];
        if slot.disk.begin_sync() {
            let mut takes = delay.draw(&mut self.decisions);
            if self.now >= pace.gst {
                takes = takes.min(pace.phi);
            }
            let epoch = slot.epoch;
            let slot = s as u8;
            let now = self.now;
            if let Some(watch) = &mut self.watch {
                watch.recorder.sync_begun(now, lane(s));
            }
            self.push(self.now + takes, QueuedEvent::Synced { slot, epoch });
        }
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
