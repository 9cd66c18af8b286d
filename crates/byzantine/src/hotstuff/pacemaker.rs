//! When views begin and are given up.

use super::message::view_of;
use super::{HotStuff, Message, NewView, Quorum, Record, Timer};
use quorate_core::{Effects, NodeId, To};
use quorate_crypto::{Certificate, Signed, Votes};
use std::time::Duration;

impl HotStuff {
    fn timeout(&self) -> Duration {
        self.config.view_timeout * (1 << self.fruitless.min(16))
    }

    /// A view has begun.
    pub(super) fn begin(
        &mut self,
        view: u64,
        entry: Option<Certificate<NewView>>,
        out: &mut Effects<Self>,
    ) {
        if view > self.view || (view == self.view && self.changing) {
            let led = self.leads(self.view) && !self.changing;
            (self.view, self.changing, self.entry) = (view, false, entry);
            if led && !self.leads(view) {
                self.tell_waiting(To::All, out);
            }
            self.new_views.retain(|_, new_view| new_view.view > view);
            self.timed = false;
            out.disarm(Timer::View);
        }
    }

    /// The view's time runs while there is something to do.
    pub(super) fn watch(&mut self, out: &mut Effects<Self>) {
        let needed = self.unfinished() && (!self.changing || self.quorum_gave_up());
        if needed && !self.timed {
            let wait = self.timeout();
            out.arm(Timer::View, wait, wait);
        } else if !needed && self.timed {
            out.disarm(Timer::View);
        }
        self.timed = needed;
        if (self.changing || self.wanted().is_some()) && !self.retrying {
            self.retrying = true;
            let wait = self.timeout();
            out.arm(Timer::Retry, wait, wait);
        }
    }

    pub(super) fn on_view_timeout(&mut self, out: &mut Effects<Self>) {
        self.timed = false;
        self.fruitless = self.fruitless.saturating_add(1);
        self.leave_for(self.config.next_leader(self.view), out);
    }

    /// Gives up all views before `view`: no vote in them from now on.
    fn leave_for(&mut self, view: u64, out: &mut Effects<Self>) {
        self.hard.write(Record::Leave { view }, out);
        (self.view, self.changing, self.entry) = (view, true, None);
        self.timed = false;
        out.disarm(Timer::View);
        self.say_new_view(To::All, out);
    }

    /// A view that does not begin is asked for again, and so is a block that does not come.
    pub(super) fn on_retry_timeout(&mut self, out: &mut Effects<Self>) {
        self.retrying = false;
        if self.changing {
            self.say_new_view(To::All, out);
        }
        if self.changing || self.wanted().is_some() {
            self.fetch_missing(out);
        }
    }

    pub(super) fn say_new_view(&self, to: To, out: &mut Effects<Self>) {
        let new_view = self.config.keys.sign(NewView { view: self.view });
        let message = Message::NewView {
            new_view: new_view.into_signed(),
            high: self.high.clone(),
        };
        out.send(to, message);
        self.tell_waiting(to, out);
    }

    /// The next leader must know what waits here.
    fn tell_waiting(&self, to: To, out: &mut Effects<Self>) {
        let own = self.pool.of(self.me());
        for values in own.chunks(self.config.max_batch) {
            out.send(to, Message::Request(values.to_vec()));
        }
    }

    pub(super) fn on_new_view(
        &mut self,
        from: NodeId,
        new_view: Signed<NewView>,
        high: Option<Quorum>,
        out: &mut Effects<Self>,
    ) {
        if let Some(high) = high {
            self.on_quorum(from, high, out);
        }
        let claimed = *new_view.claimed_statement();
        let known = self.new_views.get(&new_view.claimed_signer());
        let news = known.is_none_or(|known| known.view < claimed.view);
        // Only where a leader begins: anything else would be of no use, and grow without end.
        let sensible = self.config.next_leader(claimed.view.saturating_sub(1)) == claimed.view;
        if claimed.view < self.view || !news || !sensible {
            return;
        }
        let Ok(new_view) = self.config.keys.verify(new_view) else {
            return;
        };
        self.new_views.insert(new_view.signer(), new_view);
        self.join_others(out);
        self.consider_view(out);
    }

    /// f + 1 nodes gave up, so an honest one did.
    fn join_others(&mut self, out: &mut Effects<Self>) {
        loop {
            let later = self.new_views.values().map(|new_view| new_view.view);
            let mut later: Vec<u64> = later.filter(|view| *view > self.view).collect();
            if later.len() < self.config.some_honest() {
                return;
            }
            later.sort_unstable();
            self.leave_for(later[0], out);
        }
    }

    /// A quorum has left all views before this one. Some of it may have gone further and cannot help
    /// this one to begin; so its time runs before it has begun.
    fn quorum_gave_up(&self) -> bool {
        let gone = self.new_views.values();
        gone.filter(|new_view| new_view.view >= self.view).count() >= self.config.quorum()
    }

    /// A quorum gave up: the view begins, and its leader's time runs.
    fn consider_view(&mut self, out: &mut Effects<Self>) {
        let view = NewView { view: self.view };
        let mut votes = Votes::default();
        for new_view in self.new_views.values() {
            votes.add(new_view.clone());
        }
        let certificate = votes.certificate(&view, self.config.quorum());
        if let Some(entry) = certificate.filter(|_| self.changing) {
            self.begin(self.view, Some(entry.into_certificate()), out);
        }
    }

    /// A quorum, from anybody: it proves itself.
    pub(super) fn on_quorum(&mut self, from: NodeId, quorum: Quorum, out: &mut Effects<Self>) {
        let claimed = *quorum.claimed_statement();
        let higher = claimed.view > view_of(&self.high);
        // One that is not higher may still commit what this node has not committed.
        let useful = higher || claimed.view > self.committed.view;
        if !useful || self.high.as_ref() == Some(&quorum) || !self.is_quorum(&quorum) {
            return;
        }
        self.ask_for_missing(from, claimed.block, out);
        if higher {
            self.take_quorum(quorum, out);
        } else {
            self.consider(&quorum, out);
            self.shown = Some(quorum).filter(|_| !self.blocks.contains_key(&claimed.block));
        }
    }
}
