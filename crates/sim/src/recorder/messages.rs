//! Messages, and what becomes of them.

use super::difference::short;
use super::{EventId, InTransit, Recorder};
use quorate_core::NodeId;
use quorate_report::{EventKind, MessageFate, RunMessage};

impl Recorder {
    /// A node sends. `copies` are the numbers under which the network carries it: none if it lost it,
    /// two if it carries it twice.
    pub fn sent(&mut self, at: u64, from: NodeId, to: NodeId, label: &str, copies: &[u32]) {
        let send = self.lane(from).step;
        if copies.is_empty() {
            self.push_message(at, from, to, label, MessageFate::Dropped, send);
        }
        let mut fate = MessageFate::Delivered;
        for number in copies {
            let id = self.push_message(at, from, to, label, fate, send);
            self.carried.insert(*number, InTransit { id, from, to });
            fate = MessageFate::Duplicated;
        }
    }

    /// A message that `from` never sent is under way in its name.
    pub fn forged(&mut self, at: u64, from: NodeId, to: NodeId, label: &str, number: u32) {
        let id = self.push_message(at, from, to, label, MessageFate::Forged, None);
        self.carried.insert(number, InTransit { id, from, to });
    }

    /// The message carried under this number has other bytes now, or is later than the timing model
    /// allows: [`MessageFate::Corrupted`], [`MessageFate::Late`]. [`MessageFate::Dropped`]: it will not arrive after all.
    pub fn fate(&mut self, number: u32, fate: MessageFate) {
        let carried = match fate {
            MessageFate::Dropped => self.carried.remove(&number),
            _ => self.carried.get(&number).copied(),
        };
        if let Some(message) = carried.and_then(|carried| self.messages.get_mut(carried.id)) {
            message.fate = fate;
        }
    }

    /// The message carried under this number arrives, as the receiver's step. `None` if the recorder
    /// has never heard of it.
    pub fn arrived(&mut self, number: u32, at: u64) -> Option<EventId> {
        let InTransit { id, from, to } = self.carried.remove(&number)?;
        let message = self.messages.get(id);
        let send = message.and_then(|message| message.send).map(EventId);
        let words = message.map_or("a message of long ago", |message| &message.label);
        let label = format!("from {from}: {words}");
        let event = self.event(at, to, EventKind::Deliver, &label, send);
        if let Some(message) = self.messages.get_mut(id) {
            let took = self.now - message.sent;
            if message.fate == MessageFate::Delivered
                && self.late_after.is_some_and(|most| took > most)
            {
                message.fate = MessageFate::Late;
            }
            message.arrived = Some(self.now);
            message.receive = Some(event.0);
        }
        Some(event)
    }

    fn push_message(
        &mut self,
        at: u64,
        from: NodeId,
        to: NodeId,
        label: &str,
        fate: MessageFate,
        send: Option<u32>,
    ) -> u32 {
        let sent = self.tick(at);
        let label = short(label, self.limits.width);
        self.text += label.len();
        let id = self.messages.push(RunMessage {
            from: from.0,
            to: to.0,
            sent,
            arrived: None,
            fate,
            label,
            send,
            receive: None,
        });
        self.trim();
        id
    }
}
