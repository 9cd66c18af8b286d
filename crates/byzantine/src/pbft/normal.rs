//! The normal case: pre-prepare, prepare, commit (OSDI 1999, §4.2).

use super::{Batch, Commit, Message, Output, Pbft, Prepare, Record, Timer, history_after};
use quorate_core::{Effects, To};
use quorate_crypto::{Certified, Signed, Verified};

impl Pbft {
    /// The primary gives numbers to what waits.
    pub(super) fn propose(&mut self, out: &mut Effects<Self>) {
        while self.active() && self.primary() == self.me() && self.in_window(self.next) {
            let values = self.pending.take(self.config.max_batch);
            if values.is_empty() {
                return;
            }
            let batch = Batch(values);
            let prepare = Prepare {
                view: self.hard.view,
                sequence: self.next,
                digest: batch.digest(),
            };
            self.next += 1;
            let (record, sent) = (batch.clone(), self.config.keys.sign(prepare));
            let batch_record = Record::Accept {
                prepare,
                batch: record,
            };
            self.hard.write(batch_record, out);
            let prepare = sent.into_signed();
            out.send(To::All, Message::PrePrepare { prepare, batch });
        }
    }

    pub(super) fn on_pre_prepare(
        &mut self,
        prepare: Signed<Prepare>,
        batch: Batch,
        out: &mut Effects<Self>,
    ) {
        let claimed = *prepare.claimed_statement();
        let good = claimed.view == self.hard.view
            && self.in_window(claimed.sequence)
            && prepare.claimed_signer() == self.primary()
            && batch.fits(self.config.max_batch)
            && batch.digest() == claimed.digest;
        if let Ok(prepare) = self.config.keys.verify(prepare)
            && good
        {
            self.accept(prepare, batch, out);
        }
    }

    /// Votes for the primary's proposal: for the first one in this view with this number.
    pub(super) fn accept(
        &mut self,
        proposal: Verified<Prepare>,
        batch: Batch,
        out: &mut Effects<Self>,
    ) {
        let prepare = *proposal.statement();
        match self.hard.accepted.get(&prepare.sequence) {
            Some(earlier) if earlier.view == prepare.view && *earlier != prepare => return,
            Some(earlier) if *earlier == prepare => {}
            _ => {
                for value in &batch.0 {
                    self.pending.note_proposed(value);
                }
                self.hard.write(Record::Accept { prepare, batch }, out);
                if self.me() != self.primary() {
                    let vote = self.config.keys.sign(prepare).into_signed();
                    out.send(To::All, Message::Prepare(vote));
                }
            }
        }
        // The pre-prepare is the primary's vote.
        let votes = self.prepares.entry(prepare.sequence).or_default();
        votes.add(proposal);
        self.consider_commit(prepare.sequence, out);
        self.deliver(out);
    }

    pub(super) fn on_prepare(&mut self, prepare: Signed<Prepare>, out: &mut Effects<Self>) {
        let claimed = *prepare.claimed_statement();
        if claimed.view != self.hard.view || !self.in_window(claimed.sequence) {
            return;
        }
        if let Ok(prepare) = self.config.keys.verify(prepare) {
            let votes = self.prepares.entry(claimed.sequence).or_default();
            votes.add(prepare);
            self.consider_commit(claimed.sequence, out);
        }
    }

    /// prepared(m, v, n, i): a quorum voted for this very batch, this node among them. No other
    /// batch can have this number in this view.
    fn consider_commit(&mut self, sequence: u64, out: &mut Effects<Self>) {
        let Some(mine) = self.hard.accepted.get(&sequence).copied() else {
            return;
        };
        let held = self.hard.prepared.get(&sequence);
        let committed = held.is_some_and(|c| c.claimed_statement().view == mine.view);
        if mine.view != self.hard.view || committed {
            return;
        }
        let votes = self.prepares.get(&sequence);
        let Some(certificate) =
            votes.and_then(|votes| votes.certificate(&mine, self.config.quorum()))
        else {
            return;
        };
        let record = Record::Prepared(certificate.into_certificate());
        self.hard.write(record, out);
        let commit = self.config.keys.sign(commit_of(&mine));
        out.send(To::All, Message::Commit(commit.into_signed()));
    }

    pub(super) fn on_commit(&mut self, commit: Signed<Commit>, out: &mut Effects<Self>) {
        let claimed = *commit.claimed_statement();
        if claimed.view != self.hard.view || !self.in_window(claimed.sequence) {
            return;
        }
        let Ok(commit) = self.config.keys.verify(commit) else {
            return;
        };
        let votes = self.commits.entry(claimed.sequence).or_default();
        votes.add(commit);
        // committed-local(m, v, n, i): of the quorum f + 1 are honest and have the certificate on
        // disk, so every view change shows it.
        if let Some(certificate) = votes.certificate(&claimed, self.config.quorum()) {
            self.decide(certificate, out);
        }
    }

    pub(super) fn decide(&mut self, certificate: Certified<Commit>, out: &mut Effects<Self>) {
        let commit = *certificate.statement();
        if self.in_window(commit.sequence) && !self.decided.contains_key(&commit.sequence) {
            self.decided.insert(commit.sequence, certificate);
            if self.batch(&commit).is_none() {
                out.send(To::All, Message::FetchBatch(commit.digest));
            }
            self.deliver(out);
        }
    }

    /// The batch of a decision, if this node has it.
    pub(super) fn batch(&self, commit: &Commit) -> Option<&Batch> {
        let key = (commit.sequence, commit.digest);
        let voted = self.hard.batches.get(&key);
        voted.or_else(|| self.batches.get(&commit.digest))
    }

    /// Delivers what is decided, in order.
    pub(super) fn deliver(&mut self, out: &mut Effects<Self>) {
        let mut progress = false;
        while let Some(decision) = self.decided.get(&(self.delivered + 1)) {
            let commit = *decision.statement();
            let Some(batch) = self.batch(&commit).cloned() else {
                break;
            };
            progress = true;
            let sequence = commit.sequence;
            self.delivered = sequence;
            self.history = history_after(self.history, sequence, commit.digest);
            batch.0.iter().for_each(|v| self.pending.delivered(v));
            // Keep it for others, even if this node voted for something else.
            self.batches.insert(commit.digest, batch.clone());
            let values = batch.0;
            out.output_eager(Output::Delivered { sequence, values });
            if sequence.is_multiple_of(self.config.checkpoint_interval) {
                self.take_checkpoint(out);
            }
        }
        if progress {
            self.fruitless = 0;
            self.watch_next(out);
        }
    }

    fn watch_next(&mut self, out: &mut Effects<Self>) {
        if self.pending.is_empty() {
            self.hoping = false;
            out.disarm(Timer::Request);
        }
        if self.active() && self.pending.was_watching() && !self.pending.watching() {
            self.pending.stop_watching();
            out.disarm(Timer::View);
            self.watch_primary(out);
        }
    }
}

pub(super) fn commit_of(prepare: &Prepare) -> Commit {
    Commit {
        view: prepare.view,
        sequence: prepare.sequence,
        digest: prepare.digest,
    }
}
