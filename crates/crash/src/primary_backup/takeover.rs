//! From the silence of a primary to the service of the next.

use super::{Message, Output, PrimaryBackup, Timer, Update};
use quorate_core::{Effects, NodeId, Time};

impl PrimaryBackup {
    /// A primary, or one that takes over, has spoken. That prolongs the time that it has, and never
    /// shortens it.
    pub(super) fn follow(&mut self, now: Time, from: NodeId, out: &mut Effects<Self>) {
        let passed = from.0 - self.primary.0;
        self.primary = from;
        self.deadline =
            (self.deadline + self.config.succession() * passed).max(now + self.config.patience());
        self.watch(now, out);
    }

    /// Nothing has been heard yet of the one that is the primary now.
    pub(super) fn wait_for_next(&mut self, now: Time, out: &mut Effects<Self>) {
        self.deadline = now + self.config.succession();
        self.watch(now, out);
    }

    fn watch(&self, now: Time, out: &mut Effects<Self>) {
        let left = self.deadline - now;
        out.arm(Timer::Watch, left, left);
    }

    /// Pb1: the primary has crashed, for a perfect detector says so.
    pub(super) fn on_silence(&mut self, now: Time, out: &mut Effects<Self>) {
        self.primary.0 += 1;
        if self.primary != self.me {
            return self.wait_for_next(now, out);
        }
        if self.me.0 + 1 == self.config.nodes.into() {
            // No node is left to be asked.
            return self.serve(out);
        }
        // All that those before this node have sent has arrived, at whomever they sent it to.
        let known = self.known();
        self.tell_backups(&Message::Collect { known }, out);
        let wait = self.config.collection();
        out.arm(Timer::Collected, wait, wait);
    }

    /// What a backup has got beyond what this node had.
    pub(super) fn on_answer(&mut self, updates: Vec<Update>) {
        if self.primary != self.me {
            return; // no node has asked
        }
        let late = self.serves && updates.iter().any(|update| update.seq > self.applied);
        if late {
            self.violation = Some("an answer takes no longer than a takeover waits");
            return;
        }
        updates.into_iter().for_each(|update| self.keep(update));
    }

    /// This node knows all that anybody knows. Once it has told everybody, that stands.
    pub(super) fn serve(&mut self, out: &mut Effects<Self>) {
        let updates = self.beyond(self.applied);
        self.tell_backups(&Message::Takeover { updates }, out);
        while self.apply_next(out) {}
        if !self.kept.is_empty() {
            self.violation = Some("nobody has got an update without those before it");
            self.kept.clear();
        }
        self.serves = true;
        out.output(Output::Promoted);
        let beat = self.config.heartbeat;
        out.arm(Timer::Beat, beat, beat);
    }
}
