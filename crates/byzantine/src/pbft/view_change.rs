//! View changes (OSDI 1999, §4.4).

use super::{
    Batch, Checkpoint, Message, NewView, Output, Pbft, Prepare, Record, Timer, ViewChange,
};
use quorate_core::{Effects, NodeSet, To};
use quorate_crypto::{Certificate, Certified, Digest, Signed, Verified};
use std::collections::BTreeMap;

/// What a view begins with, as it follows from a quorum of view changes.
struct NewViewPlan {
    stable: Option<Certificate<Checkpoint>>,
    /// Every number after the stable checkpoint up to the last that may be decided.
    batches: BTreeMap<u64, Digest>,
}

impl Pbft {
    pub(super) fn on_view_timeout(&mut self, out: &mut Effects<Self>) {
        self.fruitless = self.fruitless.saturating_add(1);
        self.leave_for(self.hard.view + 1, out);
    }

    /// Leaves all views before `view`: no vote in them from now on.
    fn leave_for(&mut self, view: u64, out: &mut Effects<Self>) {
        self.hard.write(Record::Change { view }, out);
        self.prepares.clear();
        self.commits.clear();
        self.wanted.clear();
        self.pending.new_view();
        out.disarm(Timer::View);
        self.say_view_change(To::All, out);
    }

    /// The others may have decided by votes that this node was not shown.
    pub(super) fn watch_progress(&mut self, out: &mut Effects<Self>) {
        if self.retrying.is_none() && self.is_behind() {
            self.retrying = Some(self.delivered);
            let wait = self.timeout();
            out.arm(Timer::Retry, wait, wait);
        }
    }

    fn is_behind(&self) -> bool {
        let voted = self.hard.accepted.last_key_value().map_or(0, |(n, _)| *n);
        let decided = self.decided.last_key_value().map_or(0, |(n, _)| *n);
        // f + 1 nodes speak in later views, so an honest one does.
        let some_honest = self.config.some_honest();
        let left_behind = self.early.len() >= some_honest;
        // Or they commit to what this node was not shown.
        let mut ahead = self.commits.range(self.delivered + 1..);
        let left_out = ahead.any(|(_, commits)| commits.voters().len() >= some_honest);
        self.hard.changing
            || voted.max(decided) > self.delivered
            || !self.wanted.is_empty()
            || left_behind
            || left_out
    }

    pub(super) fn on_retry_timeout(&mut self, out: &mut Effects<Self>) {
        let stuck = self.retrying.take() == Some(self.delivered) && self.is_behind();
        if self.hard.changing {
            self.say_view_change(To::All, out);
        }
        if stuck {
            self.fetch(out);
            for proposal in self.wanted.values() {
                out.send(To::All, Message::FetchBatch(proposal.digest));
            }
        }
    }

    pub(super) fn say_view_change(&self, to: To, out: &mut Effects<Self>) {
        let prepared: Vec<_> = self.hard.prepared.values().cloned().collect();
        let batch = |c: &Certificate<Prepare>| {
            let prepare = c.claimed_statement();
            let key = (prepare.sequence, prepare.digest);
            self.hard.batches.get(&key).cloned()
        };
        let batches = prepared.iter().filter_map(batch).collect();
        let change = self.config.keys.sign(ViewChange {
            view: self.hard.view,
            stable: self.hard.stable.clone(),
            prepared,
        });
        let change = change.into_signed();
        out.send(to, Message::ViewChange { change, batches });
    }

    pub(super) fn on_view_change(
        &mut self,
        change: Signed<ViewChange>,
        batches: Vec<Batch>,
        out: &mut Effects<Self>,
    ) {
        let view = change.claimed_statement().view;
        let signer = change.claimed_signer();
        let known = self.changes.get(&signer);
        let news = view >= self.hard.view && known.is_none_or(|known| known.view < view);
        if !news {
            return;
        }
        let Some(change) = self.verify_change(change) else {
            return;
        };
        for batch in batches {
            self.keep_batch(&change, batch);
        }
        self.changes.insert(signer, change);
        self.join_others(out);
        self.consider_new_view(out);
    }

    /// A view change is good if its certificates are.
    fn verify_change(&self, change: Signed<ViewChange>) -> Option<Verified<ViewChange>> {
        let (keys, quorum) = (&self.config.keys, self.config.quorum());
        let change = keys.verify(change).ok()?;
        let mut last = 0;
        if let Some(stable) = &change.stable {
            last = keys.certify(stable.clone(), quorum).ok()?.sequence;
        }
        let end = last.checked_add(self.config.window())?;
        for certificate in &change.prepared {
            let claimed = certificate.claimed_statement();
            if claimed.view >= change.view || claimed.sequence <= last || claimed.sequence > end {
                return None; // in order and in the window, so there are not too many
            }
            last = claimed.sequence;
            keys.certify(certificate.clone(), quorum).ok()?;
        }
        Some(change)
    }

    fn keep_batch(&mut self, change: &ViewChange, batch: Batch) {
        let digest = batch.digest();
        let mut prepared = change.prepared.iter();
        if prepared.any(|c| c.claimed_statement().digest == digest) {
            self.batches.insert(digest, batch);
        }
    }

    /// f + 1 nodes want later views, so an honest one does: go with the first of them, even if the
    /// own timer has not run out (liveness, §4.5.2).
    fn join_others(&mut self, out: &mut Effects<Self>) {
        loop {
            let later = self.changes.values().map(|change| change.view);
            let mut later: Vec<u64> = later.filter(|view| *view > self.hard.view).collect();
            if later.len() < self.config.some_honest() {
                return;
            }
            later.sort_unstable();
            self.leave_for(later[0], out);
        }
    }

    fn consider_new_view(&mut self, out: &mut Effects<Self>) {
        let view = self.hard.view;
        let changes = self.changes.values().filter(|change| change.view == view);
        let quorum = self.config.quorum();
        let changes: Vec<_> = changes.take(quorum).cloned().collect();
        let later = self.changes.values().filter(|change| change.view >= view);
        if self.active() || later.count() < quorum {
            return;
        }
        if changes.len() < quorum || self.primary() != self.me() {
            // A quorum has left all views before this one: its time runs. Some of it may have gone
            // further and cannot help this one to begin.
            let wait = self.timeout();
            return out.arm(Timer::View, wait, wait);
        }
        let plan = plan(&changes);
        let sign = |(&sequence, &digest)| {
            let prepare = Prepare {
                view,
                sequence,
                digest,
            };
            self.config.keys.sign(prepare)
        };
        let proposals: Vec<_> = plan.batches.iter().map(sign).collect();
        let signed = proposals.iter().map(|p| p.as_signed().clone());
        let new_view = self.config.keys.sign(NewView {
            view,
            prepares: signed.collect(),
            changes: changes.into_iter().map(Verified::into_signed).collect(),
        });
        // Written before it is sent: a primary that crashes here must not begin the view again
        // with another V.
        self.enter(new_view.clone(), plan, proposals, out);
        let new_view = Box::new(new_view.into_signed());
        out.send(To::All, Message::NewView(new_view));
    }

    pub(super) fn on_new_view(&mut self, new_view: Signed<NewView>, out: &mut Effects<Self>) {
        let view = new_view.claimed_statement().view;
        let news = view > self.hard.view || (view == self.hard.view && self.hard.changing);
        if !news || new_view.claimed_signer() != self.config.primary(view) {
            return;
        }
        if let Some((new_view, plan, proposals)) = self.verify_new_view(new_view) {
            self.enter(new_view, plan, proposals, out);
        }
    }

    fn enter(
        &mut self,
        new_view: Verified<NewView>,
        plan: NewViewPlan,
        proposals: Vec<Verified<Prepare>>,
        out: &mut Effects<Self>,
    ) {
        let (view, primary) = (new_view.view, new_view.signer());
        let record = Record::Enter(Box::new(new_view.into_signed()));
        self.hard.write(record, out);
        self.prepares.clear();
        self.commits.clear();
        self.wanted.clear();
        self.pending.new_view();
        self.changes.retain(|_, change| change.view > view);
        out.disarm(Timer::View);
        out.output_eager(Output::View { view, primary });
        // Before a checkpoint sweeps them away.
        let batches: Vec<_> = proposals.iter().map(|p| self.known_batch(p)).collect();
        if let Some(stable) = plan.stable.and_then(|stable| self.certified(stable)) {
            self.on_stable(stable, out);
        }
        let last = plan.batches.last_key_value().map_or(0, |(n, _)| *n);
        self.next = last.max(self.hard.stable_sequence()) + 1;
        for (proposal, batch) in proposals.into_iter().zip(batches) {
            if !self.in_window(proposal.sequence) {
                continue; // this node's checkpoint is later than the view's
            }
            match batch {
                Some(batch) => self.accept(proposal, batch, out),
                None => {
                    out.send(To::All, Message::FetchBatch(proposal.digest));
                    self.wanted.insert(proposal.sequence, proposal);
                }
            }
        }
        self.ask_new_primary(out);
        for (from, messages) in std::mem::take(&mut self.early) {
            for message in messages {
                self.on_message(from, message, out);
            }
        }
    }

    fn verify_new_view(
        &self,
        new_view: Signed<NewView>,
    ) -> Option<(Verified<NewView>, NewViewPlan, Vec<Verified<Prepare>>)> {
        let new_view = self.config.keys.verify(new_view).ok()?;
        let quorum = self.config.quorum();
        if new_view.changes.len() != quorum {
            return None;
        }
        let mut signers = NodeSet::EMPTY;
        let mut changes = Vec::with_capacity(quorum);
        for change in &new_view.changes {
            let change = self.verify_change(change.clone())?;
            if change.view != new_view.view || !signers.insert(change.signer()) {
                return None;
            }
            changes.push(change);
        }
        // O must be what follows from V: a primary cannot leave out a decision.
        let plan = plan(&changes);
        if new_view.prepares.len() != plan.batches.len() {
            return None;
        }
        let mut proposals = Vec::with_capacity(plan.batches.len());
        for (prepare, (&sequence, &digest)) in new_view.prepares.iter().zip(&plan.batches) {
            let expected = Prepare {
                view: new_view.view,
                sequence,
                digest,
            };
            let signed = self.config.keys.verify(prepare.clone()).ok()?;
            if *signed != expected || signed.signer() != new_view.signer() {
                return None;
            }
            proposals.push(signed);
        }
        Some((new_view, plan, proposals))
    }

    /// The batch of a proposal, from before.
    fn known_batch(&self, proposal: &Prepare) -> Option<Batch> {
        let digest = proposal.digest;
        let voted = self.hard.batches.get(&(proposal.sequence, digest));
        let batch = voted.or_else(|| self.batches.get(&digest)).cloned();
        let null = Batch::default();
        batch.or_else(|| (null.digest() == digest).then_some(null))
    }

    /// The new primary may not know what waits here.
    fn ask_new_primary(&mut self, out: &mut Effects<Self>) {
        let primary = self.primary();
        if self.pending.is_empty() || primary == self.me() {
            return;
        }
        for value in self.pending.all() {
            out.send(To::One(primary), Message::Request(value.clone()));
        }
        self.watch_primary(out);
    }
}

/// §4.4: from the latest stable checkpoint in V to the highest number prepared in V, each with the
/// batch prepared in the latest view, or the null request.
fn plan(changes: &[Verified<ViewChange>]) -> NewViewPlan {
    let start = |stable: &Option<Certificate<Checkpoint>>| {
        stable
            .as_ref()
            .map_or(0, |c| c.claimed_statement().sequence)
    };
    let stable = changes.iter().map(|change| &change.stable);
    let stable = stable.max_by_key(|stable| start(stable)).cloned().flatten();
    let first = start(&stable) + 1;
    let prepared = || {
        let all = changes.iter().flat_map(|change| &change.prepared);
        all.map(Certificate::claimed_statement)
            .filter(|prepare| prepare.sequence >= first)
    };
    let last = prepared().map(|p| p.sequence).max().unwrap_or(0);
    let null = Batch::default().digest();
    let chosen = |sequence| {
        let candidates = prepared().filter(|p| p.sequence == sequence);
        let latest = candidates.max_by_key(|p| p.view);
        (sequence, latest.map_or(null, |p| p.digest))
    };
    NewViewPlan {
        batches: (first..=last).map(chosen).collect(),
        stable,
    }
}

impl Pbft {
    /// A certificate proves itself; its sender need not be trusted.
    pub(super) fn certified<M: quorate_crypto::Statement>(
        &self,
        certificate: Certificate<M>,
    ) -> Option<Certified<M>> {
        let quorum = self.config.quorum();
        self.config.keys.certify(certificate, quorum).ok()
    }
}
