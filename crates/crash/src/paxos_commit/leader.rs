//! A node that takes over: one number for all instances.

use super::{AcceptedVotes, Ballot, Eager, Message, PaxosCommit, TakeoverRule};
use crate::commit_outcome::CommitOutcome;
use quorate_core::{Effects, NodeId, NodeSet, To};

/// A takeover under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Takeover {
    pub(super) ballot: Ballot,
    phase: Phase,
    /// Who has answered in this phase; each counts once.
    answers: NodeSet,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// With what was told to be accepted.
    Prepare { found: AcceptedVotes },
    /// With the participants whose vote is yes.
    Accept { prepared: NodeSet },
}

impl PaxosCommit {
    fn take_over(&mut self, out: &mut Effects<Self>) {
        if self.config.takeover == TakeoverRule::AbortAtOnce {
            return self.end_for_all(CommitOutcome::Abort, out);
        }
        let round = self.seen.max(self.hard.promised).round.saturating_add(1);
        let ballot = Ballot {
            round,
            node: self.me,
        };
        self.seen = ballot;
        self.promise(ballot, out);
        self.round = Some(Takeover {
            ballot,
            phase: Phase::Prepare {
                found: AcceptedVotes::default(),
            },
            answers: NodeSet::EMPTY,
        });
        let accepted = self.hard.accepted;
        out.send(To::One(self.me), Message::Promise { ballot, accepted });
        for peer in self.peers() {
            out.send(To::One(peer), Message::Prepare { ballot });
        }
        self.arm(out);
    }

    pub(super) fn on_promise(
        &mut self,
        from: NodeId,
        ballot: Ballot,
        accepted: AcceptedVotes,
        out: &mut Effects<Self>,
    ) {
        let quorum = self.config.quorum();
        let Some(round) = self.round.as_mut().filter(|round| round.ballot == ballot) else {
            return; // of an earlier takeover
        };
        let Phase::Prepare { found } = &mut round.phase else {
            return;
        };
        if !round.answers.insert(from) {
            return;
        }
        found.merge(accepted);
        if round.answers.len() < quorum {
            return;
        }
        // In each instance the vote with the greatest number; no, for a participant that is not heard.
        let prepared = found.prepared;
        round.answers = NodeSet::EMPTY;
        round.phase = Phase::Accept { prepared };
        self.arm(out);
        for peer in self.peers() {
            out.send_eager(To::One(peer), Eager::Accept { ballot, prepared });
        }
        self.on_accept(self.me, ballot, prepared, out);
    }

    pub(super) fn on_accepted(&mut self, from: NodeId, ballot: Ballot, out: &mut Effects<Self>) {
        let quorum = self.config.quorum();
        if ballot == Ballot::FIRST {
            // All votes are yes, or they would not have been accepted together.
            let decides = self.me == NodeId(0) && self.first.insert(from);
            if decides && self.outcome.is_none() && self.first.len() >= quorum {
                self.end_for_all(CommitOutcome::Commit, out);
            }
            return;
        }
        let Some(round) = self.round.as_mut().filter(|round| round.ballot == ballot) else {
            return;
        };
        let Phase::Accept { prepared } = &round.phase else {
            return;
        };
        if round.answers.insert(from) && round.answers.len() >= quorum {
            let outcome = match prepared.len() == usize::from(self.config.nodes) {
                true => CommitOutcome::Commit,
                false => CommitOutcome::Abort,
            };
            self.end_for_all(outcome, out);
        }
    }

    fn end_for_all(&mut self, outcome: CommitOutcome, out: &mut Effects<Self>) {
        for peer in self.peers() {
            out.send_eager(To::One(peer), Eager::Outcome(outcome));
        }
        self.end(outcome, out);
    }

    /// Abandons the takeover, and comes back with a greater number after a while.
    pub(super) fn on_rejected(&mut self, promised: Ballot, out: &mut Effects<Self>) {
        self.seen = self.seen.max(promised);
        if self.round.as_ref().is_some_and(|r| r.ballot < promised) {
            self.round = None;
            self.attempts = self.attempts.saturating_add(1);
            self.arm(out);
        }
    }

    /// The outcome has not been told. Node 0 takes over at once; the others ask first, for it may only
    /// be slow.
    pub(super) fn on_untold(&mut self, out: &mut Effects<Self>) {
        if self.outcome.is_some() {
            return;
        }
        self.attempts = self.attempts.saturating_add(1);
        let Some(round) = &self.round else {
            if self.takes_part() && (self.me == NodeId(0) || self.attempts > 1) {
                return self.take_over(out);
            }
            for peer in self.peers() {
                out.send_eager(To::One(peer), Eager::Ask);
            }
            return self.arm(out);
        };
        let (ballot, answers) = (round.ballot, round.answers);
        for peer in self.peers().filter(|peer| !answers.contains(*peer)) {
            match &round.phase {
                Phase::Prepare { .. } => out.send(To::One(peer), Message::Prepare { ballot }),
                Phase::Accept { prepared } => {
                    let prepared = *prepared;
                    out.send_eager(To::One(peer), Eager::Accept { ballot, prepared });
                }
            }
        }
        self.arm(out);
    }
}
