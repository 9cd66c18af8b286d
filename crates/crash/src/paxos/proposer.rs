//! The proposer, which is the distinguished learner of its own proposals too (§2.3).

use super::{Ballot, Eager, Message, Output, Paxos, Record, Vote};
use bytes::Bytes;
use quorate_core::{Effects, NodeId, NodeSet, To};

/// A proposal under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Round {
    pub(super) ballot: Ballot,
    phase: Phase,
    /// Who has answered in this phase; each counts once.
    answers: NodeSet,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// With the accepted proposal of the greatest number that was told of.
    Prepare {
        found: Option<Vote>,
    },
    Accept {
        value: Bytes,
    },
}

impl Paxos {
    pub(super) fn on_wish(&mut self, value: Bytes, out: &mut Effects<Self>) {
        if let Some(value) = self.decided.clone() {
            return out.output_eager(Output::Decided { value });
        }
        if self.wish.is_some() {
            return out.output_eager(Output::Busy);
        }
        self.wish = Some(value);
        if self.round.is_none() {
            self.prepare(out);
        }
    }

    /// Phase 1a. The number is promised to oneself, and so on disk, before anybody is asked.
    fn prepare(&mut self, out: &mut Effects<Self>) {
        let round = self.seen.max(self.hard.promised).round.saturating_add(1);
        let ballot = Ballot {
            round,
            node: self.me,
        };
        self.seen = ballot;
        self.hard.write(Record::Promised { ballot }, out);
        self.round = Some(Round {
            ballot,
            phase: Phase::Prepare { found: None },
            answers: NodeSet::EMPTY,
        });
        let accepted = self.hard.accepted.clone();
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
        accepted: Option<Vote>,
        out: &mut Effects<Self>,
    ) {
        let quorum = self.config.quorum();
        let Some(round) = self.round.as_mut().filter(|round| round.ballot == ballot) else {
            return; // of an earlier proposal
        };
        let Phase::Prepare { found } = &mut round.phase else {
            return;
        };
        let number = |vote: &Option<Vote>| vote.as_ref().map(|vote| vote.ballot);
        if !round.answers.insert(from) {
            return;
        }
        if number(&accepted) > number(found) {
            *found = accepted;
        }
        if round.answers.len() < quorum {
            return;
        }
        // P2c: the value of the highest-numbered proposal among the answers; any value, if there
        // is none.
        let found = found.take().map(|vote| vote.value);
        let own = self.hard.accepted.as_ref().map(|vote| vote.value.clone());
        let Some(value) = found.or_else(|| self.wish.clone()).or(own) else {
            self.round = None; // asked only to learn, and there is nothing to learn
            return;
        };
        round.answers = NodeSet::EMPTY;
        round.phase = Phase::Accept {
            value: value.clone(),
        };
        self.arm(out);
        let vote = Vote { ballot, value };
        for peer in self.peers() {
            out.send_eager(To::One(peer), Eager::Accept(vote.clone()));
        }
        self.on_accept(self.me, vote, out);
    }

    pub(super) fn on_accepted(&mut self, from: NodeId, ballot: Ballot, out: &mut Effects<Self>) {
        let quorum = self.config.quorum();
        let Some(round) = self.round.as_mut().filter(|round| round.ballot == ballot) else {
            return;
        };
        let Phase::Accept { value } = &round.phase else {
            return;
        };
        if round.answers.insert(from) && round.answers.len() >= quorum {
            let value = value.clone();
            for peer in self.peers() {
                let value = value.clone();
                out.send_eager(To::One(peer), Eager::Decided { value });
            }
            self.decide(value, out);
        }
    }

    /// Abandons the proposal, and comes back with a greater number after a while: at once would
    /// defeat the rival in its turn (§2.4).
    pub(super) fn on_rejected(&mut self, promised: Ballot, out: &mut Effects<Self>) {
        self.seen = self.seen.max(promised);
        if self.round.as_ref().is_some_and(|r| r.ballot < promised) {
            self.round = None;
            self.attempts = self.attempts.saturating_add(1);
            self.arm(out);
        }
    }

    pub(super) fn on_retry(&mut self, out: &mut Effects<Self>) {
        if self.decided.is_some() {
            return;
        }
        self.attempts = self.attempts.saturating_add(1);
        let Some(round) = &self.round else {
            // Who has accepted something is patient at first: its proposer may only be slow.
            let stuck = self.hard.accepted.is_some() && self.attempts > 2;
            if self.wish.is_some() || stuck {
                return self.prepare(out);
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
                Phase::Accept { value } => {
                    let value = value.clone();
                    out.send_eager(To::One(peer), Eager::Accept(Vote { ballot, value }));
                }
            }
        }
        self.arm(out);
    }
}
