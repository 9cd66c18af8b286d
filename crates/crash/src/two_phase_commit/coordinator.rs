//! The coordinator: asks for votes, decides, and writes the decision down before it tells any.

use super::{AskAgain, Eager, Message, Record, TwoPhaseCommit};
use crate::commit_outcome::CommitOutcome;
use quorate_core::{Effects, NodeId, To};

impl TwoPhaseCommit {
    /// Phase 1. The coordinator's own vote needs no record of its own: the decision implies it.
    pub(super) fn begin(&mut self, yes: bool, out: &mut Effects<Self>) {
        if !yes {
            return self.decide(CommitOutcome::Abort, out);
        }
        self.yes.insert(self.me);
        self.ask_for_votes(out);
        self.count(out);
    }

    fn ask_for_votes(&mut self, out: &mut Effects<Self>) {
        for peer in self.peers().filter(|peer| !self.yes.contains(*peer)) {
            out.send_eager(To::One(peer), Eager::Prepare);
        }
        out.arm(AskAgain, self.config.retry, self.config.retry);
    }

    /// A participant that does not answer may be down: then the others need not wait for it.
    pub(super) fn ask_for_votes_again(&mut self, out: &mut Effects<Self>) {
        self.attempts += 1;
        match self.attempts < self.config.attempts {
            true => self.ask_for_votes(out),
            false => self.decide(CommitOutcome::Abort, out),
        }
    }

    pub(super) fn on_vote(&mut self, from: NodeId, yes: bool, out: &mut Effects<Self>) {
        if let Some(outcome) = self.outcome {
            return out.send(To::One(from), Message::Outcome(outcome));
        }
        if self.own.is_none() {
            return; // of before this coordinator crashed; it asks again when it begins
        }
        match yes {
            true => {
                self.yes.insert(from);
                self.count(out);
            }
            false => self.decide(CommitOutcome::Abort, out),
        }
    }

    fn count(&mut self, out: &mut Effects<Self>) {
        if self.yes.len() == usize::from(self.config.nodes) {
            self.decide(CommitOutcome::Commit, out);
        }
    }

    /// Phase 2. From here on the transaction has ended, whatever crashes.
    pub(super) fn decide(&mut self, outcome: CommitOutcome, out: &mut Effects<Self>) {
        self.hard.write(Record::Decided(outcome), out);
        self.outcome = Some(outcome);
        out.disarm(AskAgain);
        out.output(outcome);
        for peer in self.peers() {
            out.send(To::One(peer), Message::Outcome(outcome));
        }
    }
}
