//! The end of a run that is too long to show.

use crate::run::{Cut, Run};

impl Run {
    /// Keeps the last events and the messages that touch them, and notes what was left out. A cause
    /// that is gone is forgotten. Bands, reigns, commits and operations stay: they are few, and tell
    /// what led here.
    pub fn keep_last(&mut self, events: usize) {
        let gone = self.events.len().saturating_sub(events);
        if gone == 0 {
            return;
        }
        self.events.drain(..gone);
        let moved = |event: &mut Option<u32>| {
            *event = event.and_then(|event| event.checked_sub(u32::try_from(gone).ok()?));
        };
        for event in &mut self.events {
            moved(&mut event.cause);
        }
        moved(&mut self.verdict.event);
        for operation in &mut self.operations {
            moved(&mut operation.event);
        }
        // An empty diagram starts at its end.
        let start = self.events.first().map_or(self.end, |event| event.at);
        let before = self.messages.len();
        self.messages
            .retain(|message| message.arrived.unwrap_or(message.sent) >= start);
        for message in &mut self.messages {
            moved(&mut message.send);
            moved(&mut message.receive);
        }
        let syncs = self.syncs.len();
        self.syncs.retain(|sync| sync.to >= start);
        let why = format!("only the last {events} events are kept");
        for (what, left_out) in [
            ("events", gone),
            ("messages", before - self.messages.len()),
            ("syncs", syncs - self.syncs.len()),
        ] {
            if left_out > 0 {
                self.cuts.push(Cut {
                    what: what.to_owned(),
                    left_out: left_out as u64,
                    why: why.clone(),
                });
            }
        }
    }
}
