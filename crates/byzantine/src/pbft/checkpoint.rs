//! Checkpoints and what they let go (OSDI 1999, §4.3).

use super::{Checkpoint, Message, Output, Pbft, Record};
use quorate_core::{Effects, To};
use quorate_crypto::{Certified, Signed, Votes};

impl Pbft {
    pub(super) fn take_checkpoint(&mut self, out: &mut Effects<Self>) {
        let checkpoint = self.config.keys.sign(Checkpoint {
            sequence: self.delivered,
            history: self.history,
        });
        out.send(To::All, Message::Checkpoint(checkpoint.into_signed()));
    }

    pub(super) fn on_checkpoint(
        &mut self,
        checkpoint: Signed<Checkpoint>,
        out: &mut Effects<Self>,
    ) {
        let sequence = checkpoint.claimed_statement().sequence;
        if sequence <= self.hard.stable_sequence()
            || !sequence.is_multiple_of(self.config.checkpoint_interval)
        {
            return;
        }
        let Ok(checkpoint) = self.config.keys.verify(checkpoint) else {
            return;
        };
        let statement = *checkpoint.statement();
        let own = self.checkpoints.entry(checkpoint.signer()).or_default();
        own.entry(sequence).or_insert(checkpoint);
        // An honest node's last few are enough; a liar fills its own place only.
        while own.len() > 4 {
            own.pop_first();
        }
        let mut votes = Votes::default();
        for own in self.checkpoints.values() {
            if let Some(checkpoint) = own.get(&sequence) {
                votes.add(checkpoint.clone());
            }
        }
        if let Some(stable) = votes.certificate(&statement, self.config.quorum()) {
            self.on_stable(stable, out);
        }
    }

    /// A quorum has got there: f + 1 honest nodes can bring anybody there.
    pub(super) fn on_stable(&mut self, stable: Certified<Checkpoint>, out: &mut Effects<Self>) {
        let Checkpoint { sequence, history } = *stable.statement();
        if sequence <= self.hard.stable_sequence() {
            return;
        }
        self.hard
            .write(Record::Stable(stable.into_certificate()), out);
        let first = sequence + 1;
        self.prepares = self.prepares.split_off(&first);
        self.commits = self.commits.split_off(&first);
        self.wanted = self.wanted.split_off(&first);
        self.decided = self.decided.split_off(&first);
        for own in self.checkpoints.values_mut() {
            *own = own.split_off(&first);
        }
        let decided = &self.decided;
        let still = |digest| decided.values().any(|decision| decision.digest == digest);
        self.batches.retain(|digest, _| still(*digest));
        self.next = self.next.max(first);
        self.pending.checkpoint();
        if self.delivered < sequence {
            // The others went on, and what they decided is gone.
            self.delivered = sequence;
            self.history = history;
            out.output(Output::Skip { sequence, history });
        }
        out.output(Output::Stable { sequence });
        self.deliver(out);
    }
}
