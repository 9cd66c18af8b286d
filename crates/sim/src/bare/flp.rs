//! FLP's scheduler: an adversary of asynchronous worlds that knows no protocol.
//!
//! FLP (Fischer, Lynch and Paterson 1985) shows that a scheduler can keep a deterministic protocol
//! undecided without end by choosing which message comes next. This one looks one step ahead: a
//! message that would make its receiver decide waits, until it does so no longer, or until nothing
//! else can happen. No message is lost; each arrives at last. A protocol that has timers moves on
//! meanwhile, to its next ballot or view, and the message comes too late. One that has none, and
//! throws coins instead (Ben-Or 1983), can be delayed and not be stopped.

use super::disk::MemoryDisk;
use super::{Bare, WireMessage};
use quorate_core::driver::{Gate, Released};
use quorate_core::{Effects, Input, NodeId, Protocol, Time, To};

/// How many held messages are looked at after a step.
const AT_ONCE: usize = 2;

impl<P: Protocol> Bare<P>
where
    P::Message: WireMessage,
{
    /// Would its receiver decide on getting this message now?
    pub(super) fn would_decide(&self, number: u32) -> bool {
        let pace = &self.profile.timing;
        if !pace.flp || self.now >= pace.gst {
            return false;
        }
        let (Some(decides), Some(flight)) = (self.decides, self.network.flight(number)) else {
            return false;
        };
        let slot = &self.slots[usize::from(flight.message.to_slot)];
        let Some(protocol) = &slot.protocol else {
            return false;
        };
        let message = flight.message.message.clone();
        let now = slot.clock.at(self.now);
        leads_to(
            protocol.clone(),
            slot.id,
            now,
            Input::Message(flight.from, message),
            decides,
        )
    }

    /// A node took a step: what it could not be told before may be harmless now. Of many, only the
    /// oldest are looked at: the others wait a little longer, as they may in such a world.
    pub(super) fn release_held(&mut self, s: usize) {
        if self.held.is_empty() {
            return;
        }
        let mut looked = 0;
        for number in std::mem::take(&mut self.held) {
            let for_it = looked < AT_ONCE
                && self
                    .network
                    .flight(number)
                    .is_some_and(|flight| usize::from(flight.message.to_slot) == s);
            looked += usize::from(for_it);
            if for_it && !self.would_decide(number) {
                self.push(self.now, super::QueuedEvent::Deliver(number));
            } else {
                self.held.push(number);
            }
        }
    }
}

/// Would this node decide, if its disk was quick?
fn leads_to<P: Protocol>(
    mut ghost: P,
    me: NodeId,
    now: Time,
    input: Input<P>,
    decides: fn(&P::Output) -> bool,
) -> bool {
    let mut effects = Effects::default();
    let mut gate = Gate::default();
    let mut disk = MemoryDisk::new(true);
    let mut next = vec![input];
    let mut decided = false;
    // What it says to itself may be what it decides on.
    for _ in 0..8 {
        for input in next.drain(..) {
            ghost.step(now, input, &mut effects);
        }
        ghost.flush(now, &mut effects);
        let prompt = gate.submit(&mut effects, &mut disk);
        let mut said: Vec<_> = prompt.messages().map(Released::into_parts).collect();
        decided |= prompt.outputs().any(|output| decides(&output));
        prompt.timers().for_each(drop);
        prompt.coins().for_each(drop);
        let _ = gate.release(
            &disk,
            |released| said.push(released.into_parts()),
            |output| decided |= decides(&output),
        );
        let to_itself = |to: To| matches!(to, To::All) || to == To::One(me);
        let own = said.into_iter().filter(|(to, _)| to_itself(*to));
        next.extend(own.map(|(_, message)| Input::Message(me, message)));
        if decided || next.is_empty() {
            break;
        }
    }
    decided
}
