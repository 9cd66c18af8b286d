//! A participant: votes once, and asks how it ended if it is not told.

use super::{AskAgain, Eager, Message, Record, TwoPhaseCommit, VoteRule};
use crate::commit_outcome::CommitOutcome;
use quorate_core::{Effects, NodeId, To};

const COORDINATOR: To = To::One(NodeId(0));

impl TwoPhaseCommit {
    /// The layer above has told this participant's vote.
    pub(super) fn ready(&mut self, yes: bool, out: &mut Effects<Self>) {
        if self.hard.vote.is_some() {
            return; // it was cast before a crash, and stands
        }
        if !yes || self.asked {
            return self.vote(yes, out);
        }
        self.wait(out);
    }

    pub(super) fn on_prepare(&mut self, out: &mut Effects<Self>) {
        self.asked = true;
        match (self.hard.vote, self.own) {
            (Some(yes), _) => out.send(COORDINATOR, Message::Vote { yes }),
            (None, Some(yes)) if self.outcome.is_none() => self.vote(yes, out),
            _ => {}
        }
    }

    /// A vote for no is a decision: no node commits without this participant.
    pub(super) fn vote(&mut self, yes: bool, out: &mut Effects<Self>) {
        if self.config.vote == VoteRule::AtOnce {
            out.send_eager(COORDINATOR, Eager::Vote { yes });
        }
        self.hard.write(Record::Voted { yes }, out);
        if self.config.vote == VoteRule::Durable {
            out.send(COORDINATOR, Message::Vote { yes });
        }
        if yes {
            self.attempts = 0;
            return self.wait(out);
        }
        self.outcome = Some(CommitOutcome::Abort);
        out.disarm(AskAgain);
        out.output(CommitOutcome::Abort);
    }

    fn wait(&self, out: &mut Effects<Self>) {
        let doublings = match self.hard.vote {
            Some(_) => self.attempts.min(self.config.max_doublings),
            None => 0,
        };
        let wait = self.config.retry * (1 << doublings);
        out.arm(AskAgain, wait, wait);
    }

    /// Nothing was heard for a while. Before its vote a participant may abort; after it, it asks.
    pub(super) fn wait_no_longer(&mut self, out: &mut Effects<Self>) {
        self.attempts = self.attempts.saturating_add(1);
        match self.hard.vote {
            Some(_) => self.ask_how_it_ended(out),
            None if self.attempts > self.config.attempts => self.vote(false, out),
            None => self.wait(out),
        }
    }

    /// Cooperative termination: any node that knows may answer.
    pub(super) fn ask_how_it_ended(&mut self, out: &mut Effects<Self>) {
        for peer in self.peers() {
            out.send_eager(To::One(peer), Eager::Ask);
        }
        self.wait(out);
    }
}
