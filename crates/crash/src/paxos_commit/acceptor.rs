//! The acceptor of all instances: what it promises and accepts is on disk before it is said.

use super::{AcceptedVotes, Ballot, Eager, Message, PaxosCommit, Record};
use crate::commit_outcome::CommitOutcome;
use quorate_core::{Effects, NodeId, NodeSet, To};

impl PaxosCommit {
    /// This node's own vote: accepted here first, and then sent to the others.
    pub(super) fn cast(&mut self, yes: bool, out: &mut Effects<Self>) {
        let mut accepted = self.hard.accepted;
        accepted.heard.insert(self.me);
        if yes {
            accepted.prepared.insert(self.me);
        }
        self.hard.write(Record::Accepted(accepted), out);
        self.send_vote(yes, out);
        if !yes {
            // No other vote can be accepted in this instance, so it is decided.
            self.outcome = Some(CommitOutcome::Abort);
            out.disarm(super::Untold);
            return out.output(CommitOutcome::Abort);
        }
        self.heard.insert(self.me);
        self.accept_votes(out);
    }

    pub(super) fn send_vote(&self, yes: bool, out: &mut Effects<Self>) {
        for peer in self.peers() {
            out.send(To::One(peer), Message::Vote { yes });
        }
    }

    /// A vote under the first number. Votes for yes are accepted together, once all have come; one for
    /// no decides.
    pub(super) fn on_vote(&mut self, from: NodeId, yes: bool, out: &mut Effects<Self>) {
        if !yes {
            return self.end(CommitOutcome::Abort, out);
        }
        if self.heard.insert(from) {
            self.accept_votes(out);
        }
    }

    fn accept_votes(&mut self, out: &mut Effects<Self>) {
        let all = self.heard.len() == usize::from(self.config.nodes);
        if all && self.hard.promised == Ballot::FIRST {
            self.accept(Ballot::FIRST, self.heard, out);
            let accepted = Message::Accepted {
                ballot: Ballot::FIRST,
            };
            out.send(To::One(NodeId(0)), accepted);
        }
    }

    fn accept(&mut self, ballot: Ballot, prepared: NodeSet, out: &mut Effects<Self>) {
        let accepted = AcceptedVotes {
            ballot,
            heard: NodeSet::all(self.config.nodes),
            prepared,
        };
        if self.hard.accepted == accepted {
            return;
        }
        if ballot > Ballot::FIRST && self.hard.accepted.ballot == ballot {
            self.violation = Some("one number stands for two outcomes");
            return;
        }
        self.hard.write(Record::Accepted(accepted), out);
    }

    /// Phase 1b. Votes that have come and are not accepted yet are accepted now: the one who asks is
    /// to know them.
    pub(super) fn promise(&mut self, ballot: Ballot, out: &mut Effects<Self>) {
        if self.hard.promised == Ballot::FIRST {
            let mut accepted = self.hard.accepted;
            accepted.merge(AcceptedVotes {
                ballot: Ballot::FIRST,
                heard: self.heard,
                prepared: self.heard,
            });
            if accepted != self.hard.accepted {
                self.hard.write(Record::Accepted(accepted), out);
            }
        }
        self.hard.write(Record::Promised { ballot }, out);
    }

    pub(super) fn on_prepare(&mut self, from: NodeId, ballot: Ballot, out: &mut Effects<Self>) {
        if ballot < self.hard.promised {
            return self.reject(from, out);
        }
        if ballot > self.hard.promised {
            self.promise(ballot, out);
            self.give_way(from, out);
        }
        let accepted = self.hard.accepted;
        out.send(To::One(from), Message::Promise { ballot, accepted });
    }

    /// Phase 2b.
    pub(super) fn on_accept(
        &mut self,
        from: NodeId,
        ballot: Ballot,
        prepared: NodeSet,
        out: &mut Effects<Self>,
    ) {
        if ballot < self.hard.promised || ballot == Ballot::FIRST {
            return self.reject(from, out);
        }
        self.accept(ballot, prepared, out);
        self.give_way(from, out);
        out.send(To::One(from), Message::Accepted { ballot });
    }

    fn reject(&mut self, from: NodeId, out: &mut Effects<Self>) {
        let promised = self.hard.promised;
        out.send_eager(To::One(from), Eager::Rejected { promised });
    }

    /// Another node makes progress: wait anew.
    fn give_way(&mut self, to: NodeId, out: &mut Effects<Self>) {
        self.seen = self.seen.max(self.hard.promised);
        if to != self.me && self.round.is_none() {
            self.attempts = 0;
            self.arm(out);
        }
    }
}
