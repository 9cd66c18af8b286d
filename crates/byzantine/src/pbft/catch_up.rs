//! Coming back after a crash, and helping others back.

use super::{Batch, Commit, Hard, Message, Output, Pbft, normal::commit_of};
use quorate_core::{Effects, NodeId, To};
use quorate_crypto::{Certificate, Digest};

impl Pbft {
    /// What others said to this node while it was down is lost; what it said itself, perhaps.
    pub(super) fn on_start(&mut self, out: &mut Effects<Self>) {
        if *self.hard == Hard::default() {
            return;
        }
        if let Some(stable) = &self.hard.stable {
            let stable = stable.claimed_statement();
            out.output_eager(Output::Skip {
                sequence: stable.sequence,
                history: stable.history,
            });
        }
        self.repeat_votes(To::All, self.delivered, out);
        if self.hard.changing {
            self.say_view_change(To::All, out);
        }
        self.fetch(out);
    }

    pub(super) fn fetch(&self, out: &mut Effects<Self>) {
        let fetch = Message::Fetch {
            delivered: self.delivered,
            view: self.hard.view,
        };
        out.send(To::All, fetch);
    }

    /// Says again what this node has said in its view about numbers after `after`.
    fn repeat_votes(&self, to: To, after: u64, out: &mut Effects<Self>) {
        if !self.active() {
            return;
        }
        let keys = &self.config.keys;
        for (sequence, vote) in self.hard.accepted.range(after + 1..) {
            if vote.view != self.hard.view {
                continue;
            }
            let prepare = keys.sign(*vote).into_signed();
            let batch = self.hard.batches.get(&(*sequence, vote.digest));
            match batch.cloned() {
                Some(batch) if self.primary() == self.me() => {
                    out.send(to, Message::PrePrepare { prepare, batch });
                }
                _ => out.send(to, Message::Prepare(prepare)),
            }
            let certificate = self.hard.prepared.get(sequence);
            if certificate.is_some_and(|c| c.claimed_statement() == vote) {
                let commit = keys.sign(commit_of(vote)).into_signed();
                out.send(to, Message::Commit(commit));
            }
        }
    }

    pub(super) fn on_fetch(
        &mut self,
        from: NodeId,
        delivered: u64,
        view: u64,
        out: &mut Effects<Self>,
    ) {
        if from == self.me() || delivered == u64::MAX {
            return;
        }
        let to = To::One(from);
        if let Some(stable) = &self.hard.stable
            && self.hard.stable_sequence() > delivered
        {
            out.send(to, Message::Stable(stable.clone()));
        }
        if let Some(new_view) = &self.hard.new_view
            && self.active()
            && self.hard.view >= view
        {
            out.send(to, Message::NewView(new_view.clone()));
        }
        let decided = self.decided.range(delivered + 1..);
        for decision in decided.map(|(_, decision)| decision) {
            if let Some(batch) = self.batch(decision.statement()) {
                let message = Message::Committed {
                    certificate: decision.as_certificate().clone(),
                    batch: batch.clone(),
                };
                out.send(to, message);
            }
        }
        self.repeat_votes(to, delivered, out);
        if self.hard.changing && self.hard.view >= view {
            self.say_view_change(to, out);
        }
    }

    pub(super) fn on_committed(
        &mut self,
        certificate: Certificate<Commit>,
        batch: Batch,
        out: &mut Effects<Self>,
    ) {
        let claimed = certificate.claimed_statement();
        let news = self.in_window(claimed.sequence) && claimed.sequence > self.delivered;
        if !news || claimed.digest != batch.digest() {
            return;
        }
        if let Some(certificate) = self.certified(certificate) {
            self.batches.insert(certificate.digest, batch);
            self.decide(certificate, out);
            self.deliver(out);
        }
    }

    pub(super) fn on_fetch_batch(&mut self, from: NodeId, digest: Digest, out: &mut Effects<Self>) {
        if from == self.me() {
            return;
        }
        let mut voted = self.hard.batches.iter();
        let voted = voted.find(|((_, d), _)| *d == digest).map(|(_, b)| b);
        if let Some(batch) = voted.or_else(|| self.batches.get(&digest)) {
            out.send(To::One(from), Message::Batch(batch.clone()));
        }
    }

    /// A batch counts only if it was asked for.
    pub(super) fn on_batch(&mut self, batch: Batch, out: &mut Effects<Self>) {
        let digest = batch.digest();
        let wanted = self.wanted.iter().find(|(_, p)| p.digest == digest);
        if let Some(sequence) = wanted.map(|(sequence, _)| *sequence)
            && let Some(proposal) = self.wanted.remove(&sequence)
        {
            self.accept(proposal, batch.clone(), out);
        }
        if self.decided.values().any(|d| d.digest == digest) {
            self.batches.entry(digest).or_insert(batch);
            self.deliver(out);
        }
    }
}
