//! What happens to a message on its way out and in: first the sender's misdeeds, then the link's,
//! then the receiver's.

use super::slot::Slot;
use super::watch::{SentAs, lane};
use super::{
    Bare, Envelope, LinkFault, MessageFilter, Mutation, NodeFault, QueuedEvent, WireMessage, mutate,
};
use crate::network::InFlight;
use quorate_contract::Behaviour;
use quorate_core::{NodeId, Protocol, To};

/// A liar falls silent after so many messages. Two that never understand each other's questions
/// would ask and answer until a run is over; what floods cost is not asked here.
const MOST_OF_A_LIAR: u32 = 20_000;

/// Who sends a message, and how.
#[derive(Clone, Copy, Debug)]
struct Sender {
    name: NodeId,
    lane: NodeId,
    marked: SentAs,
}

impl<P: Protocol> Bare<P>
where
    P::Message: WireMessage,
{
    pub(super) fn route(&mut self, s: usize, to: To, message: P::Message) {
        let id = self.slots[s].id;
        for to in to.nodes(self.n) {
            if to == id {
                self.loopback.push_back(message.clone());
            } else if self.slots[s].active.is_empty() {
                self.post(s, id, to, message.clone(), 0, SentAs::Honest);
            } else {
                self.misbehave(s, to, message.clone());
            }
        }
    }

    /// A faulty node says something: perhaps not, perhaps something else, perhaps later.
    fn misbehave(&mut self, s: usize, to: NodeId, mut message: P::Message) {
        let id = self.slots[s].id;
        let mut later = 0;
        let mut marked = SentAs::Honest;
        let lies = |fault: &u16| self.faults[usize::from(*fault)].fault.lies();
        if self.slots[s].active.iter().any(lies) {
            self.slots[s].lies += 1;
            if self.slots[s].lies > MOST_OF_A_LIAR {
                self.observed.record(self.now, Behaviour::DropSend, id);
                return;
            }
        }
        for at in 0..self.slots[s].active.len() {
            let fault = usize::from(self.slots[s].active[at]);
            match self.faults[fault].fault.clone() {
                NodeFault::OmitSend(which) if self.hits(s, which, to, &message) => {
                    self.observed.record(self.now, Behaviour::DropSend, id);
                    let label = self.label(&message);
                    self.watch_sent((lane(s), to), label, &[], marked);
                    return;
                }
                NodeFault::CrashSending(reached) => {
                    self.slots[s].dying = true;
                    if !reached.contains(to) {
                        let label = self.label(&message);
                        self.watch_sent((lane(s), to), label, &[], marked);
                        return;
                    }
                }
                NodeFault::Late(delay) => {
                    later += delay.draw(&mut self.decisions);
                    marked = SentAs::Late;
                    self.observed.record(self.now, Behaviour::Late, id);
                }
                NodeFault::TamperSend(chance, how) => {
                    if self.decisions.chance(chance)
                        && let Some(changed) = mutate::mutate(&message, &how, &mut self.decisions)
                    {
                        message = changed;
                        marked = SentAs::Changed;
                        self.observed.record(self.now, Behaviour::Lie, id);
                    }
                }
                NodeFault::Replay(chance) => {
                    let slot = &mut self.slots[s];
                    Slot::<P>::remember(&mut slot.sent, &message);
                    if self.decisions.chance(chance) {
                        let old = self.decisions.below(slot.sent.len() as u64) as usize;
                        if let Some(old) = slot.sent.get(old).cloned() {
                            self.observed.record(self.now, Behaviour::Lie, id);
                            self.post(s, id, to, old, 0, SentAs::Changed);
                        }
                    }
                }
                NodeFault::Forge(name, chance, how) => {
                    let slot = &self.slots[s];
                    let heard = slot.received.len() as u64;
                    if heard > 0 && name != to && self.decisions.chance(chance) {
                        let at = self.decisions.below(heard) as usize;
                        let forged = slot.received.get(at).cloned();
                        self.forge(s, name, to, forged, &how);
                    }
                }
                _ => {}
            }
        }
        self.post(s, id, to, message, later, marked);
    }

    fn forge(
        &mut self,
        s: usize,
        name: NodeId,
        to: NodeId,
        heard: Option<P::Message>,
        how: &Mutation,
    ) {
        let Some(forged) = heard.and_then(|heard| mutate::mutate(&heard, how, &mut self.decisions))
        else {
            return;
        };
        if self.profile.authentic {
            self.counts.refused += 1;
            return;
        }
        let id = self.slots[s].id;
        self.observed.record(self.now, Behaviour::Forge, id);
        self.post(s, name, to, forged, 0, SentAs::Forged);
    }

    /// Does an omission hit this message?
    fn hits(&mut self, s: usize, which: MessageFilter, peer: NodeId, message: &P::Message) -> bool {
        match which {
            MessageFilter::Random(chance) => chance >= 1_000_000 || self.decisions.chance(chance),
            MessageFilter::EveryNth(n) => {
                let slot = &mut self.slots[s];
                slot.counted = slot.counted.wrapping_add(1);
                slot.counted.is_multiple_of(n.max(1))
            }
            MessageFilter::Larger(bytes) => mutate::encoded_size(message) > bytes as usize,
            MessageFilter::Peers(peers) => peers.contains(peer),
        }
    }

    /// Gives a message to the network, `later` by so much.
    fn post(
        &mut self,
        s: usize,
        from: NodeId,
        to: NodeId,
        message: P::Message,
        later: u64,
        marked: SentAs,
    ) {
        // In a report the arrow of a forged message starts at whom it claims to be from.
        let from = Sender {
            name: from,
            lane: match marked {
                SentAs::Forged => from,
                _ => lane(s),
            },
            marked,
        };
        if self.slots.len() == usize::from(self.n) {
            self.transmit(from, to, to.0 as u8, message, later);
            return;
        }
        let hears = |other: usize| self.slots[s].talks_with(&self.slots[other]);
        let heard: Vec<_> = self.copies(to).into_iter().filter(|o| hears(*o)).collect();
        for other in heard {
            self.transmit(from, to, other as u8, message.clone(), later);
        }
    }

    fn transmit(
        &mut self,
        sender: Sender,
        to: NodeId,
        to_slot: u8,
        message: P::Message,
        later: u64,
    ) {
        let from = sender.name;
        let label = self.label(&message);
        let lanes = (sender.lane, lane(usize::from(to_slot)));
        let bytes = match self.profile.count_bytes {
            true => mutate::encoded_size(&message),
            false => 0,
        };
        self.counts.messages += 1;
        self.counts.bytes += bytes as u64;
        let Some(bounded) = self.passes(from, to, bytes) else {
            self.watch_sent(lanes, label, &[], sender.marked);
            return;
        };
        let Self {
            network,
            queue,
            decisions,
            profile: weather,
            observed: seen,
            busy,
            now,
            ..
        } = self;
        let now = *now;
        let latest = weather.timing.latest(now);
        let before = network.traffic;
        let flight = InFlight {
            from,
            to,
            message: Envelope { message, to_slot },
        };
        let (mut copies, mut late) = ([None; 2], false);
        network.send(now, flight, bytes, decisions, |at, number| {
            let at = if bounded { at.min(latest) } else { at };
            if at > now.saturating_add(weather.timing.delta) {
                seen.record(now, Behaviour::Delay, from);
                late = true;
            }
            let place = usize::from(copies[0].is_some());
            copies[place] = Some(number);
            if later > 0 {
                queue.push(at.saturating_add(later), QueuedEvent::Late(number));
                return;
            }
            *busy += 1;
            queue.push(at, QueuedEvent::Deliver(number));
        });
        if label.is_some() {
            let copies: Vec<_> = copies.into_iter().flatten().collect();
            let marked = match (sender.marked, late) {
                (SentAs::Honest, true) => SentAs::Late,
                (marked, _) => marked,
            };
            self.watch_sent(lanes, label, &copies, marked);
        }
        let Self {
            network,
            profile: weather,
            observed: seen,
            ..
        } = self;
        let after = network.traffic;
        let changes = [
            (before.lost, after.lost, Behaviour::Lose),
            (before.duplicated, after.duplicated, Behaviour::Duplicate),
            (before.reordered, after.reordered, Behaviour::Reorder),
            (before.overflowed, after.overflowed, Behaviour::Lose),
        ];
        for (before, after, behaviour) in changes {
            if after > before {
                seen.record(now, behaviour, from);
            }
        }
        if after.cut > before.cut {
            let behaviour = match weather.lossy {
                true => Behaviour::Lose,
                false => Behaviour::Delay,
            };
            seen.record(now, behaviour, from);
        }
    }

    /// Does the message get past what depends on its content? Says whether the bounds on time hold
    /// for it.
    fn passes(&mut self, from: NodeId, to: NodeId, bytes: usize) -> Option<bool> {
        let mut bounded = true;
        for at in 0..self.link_faults.len() {
            let (fault, active) = &self.link_faults[at];
            let hit = *active && fault.from_nodes.contains(from) && fault.to_nodes.contains(to);
            if !hit {
                continue;
            }
            match fault.fault {
                LinkFault::LossOfLarge { over, per_million } => {
                    if bytes > over as usize && self.decisions.chance(per_million) {
                        self.observed.record(self.now, Behaviour::Lose, from);
                        return None;
                    }
                }
                LinkFault::Garble(chance) => {
                    if self.decisions.chance(chance) {
                        self.observed.record(self.now, Behaviour::Garble, from);
                        return None;
                    }
                }
                LinkFault::Slow(_) | LinkFault::Bandwidth(_) => bounded = false,
                LinkFault::Cut | LinkFault::Loss(_) | LinkFault::Duplicate(_) => {}
            }
        }
        Some(bounded)
    }

    /// What the receiver makes of a message before its protocol sees it.
    pub(super) fn receive(
        &mut self,
        s: usize,
        from: NodeId,
        mut message: P::Message,
    ) -> Option<P::Message> {
        if self.slots[s].active.is_empty() {
            return Some(message);
        }
        let id = self.slots[s].id;
        for at in 0..self.slots[s].active.len() {
            let fault = usize::from(self.slots[s].active[at]);
            match self.faults[fault].fault.clone() {
                NodeFault::OmitReceive(which) if self.hits(s, which, from, &message) => {
                    self.observed.record(self.now, Behaviour::DropReceive, id);
                    return None;
                }
                NodeFault::TamperReceive(chance, how) => {
                    if self.decisions.chance(chance)
                        && let Some(changed) = mutate::mutate(&message, &how, &mut self.decisions)
                    {
                        message = changed;
                        self.observed.record(self.now, Behaviour::Lie, id);
                    }
                }
                NodeFault::Forge(..) => {
                    let slot = &mut self.slots[s];
                    Slot::<P>::remember(&mut slot.received, &message);
                }
                NodeFault::Impersonate(name, victims, how) if from == name => {
                    for to in victims.iter().filter(|to| *to != id && *to != name) {
                        self.forge(s, name, to, Some(message.clone()), &how);
                    }
                }
                _ => {}
            }
        }
        Some(message)
    }
}
