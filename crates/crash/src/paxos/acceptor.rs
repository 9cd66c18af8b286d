//! The acceptor: promises and acceptances, each on disk before it is said (§2.5). A repeated
//! question gets the same answer.

use super::{Ballot, Eager, Message, Paxos, Record, Vote};
use quorate_core::{Effects, NodeId, To};

impl Paxos {
    /// P1a: promise, unless a greater number was promised.
    pub(super) fn on_prepare(&mut self, from: NodeId, ballot: Ballot, out: &mut Effects<Self>) {
        if ballot < self.hard.promised {
            return self.reject(from, out);
        }
        if ballot > self.hard.promised {
            self.hard.write(Record::Promised { ballot }, out);
            self.give_way(from, out);
        }
        let accepted = self.hard.accepted.clone();
        out.send(To::One(from), Message::Promise { ballot, accepted });
    }

    /// Phase 2b: accept, unless a greater number was promised.
    pub(super) fn on_accept(&mut self, from: NodeId, vote: Vote, out: &mut Effects<Self>) {
        if vote.ballot < self.hard.promised {
            return self.reject(from, out);
        }
        let ballot = vote.ballot;
        if self.hard.accepted.as_ref() != Some(&vote) {
            let known = self.hard.accepted.as_ref().map(|vote| vote.ballot);
            if known == Some(ballot) {
                self.violation = Some("one number stands for two values");
                return;
            }
            self.hard.write(Record::Accepted(vote), out);
            self.give_way(from, out);
        }
        out.send(To::One(from), Message::Accepted { ballot });
    }

    fn reject(&mut self, from: NodeId, out: &mut Effects<Self>) {
        let promised = self.hard.promised;
        out.send_eager(To::One(from), Eager::Rejected { promised });
    }

    /// Somebody else makes progress: be patient anew.
    fn give_way(&mut self, to: NodeId, out: &mut Effects<Self>) {
        self.seen = self.seen.max(self.hard.promised);
        if to != self.me && self.round.is_none() {
            self.attempts = 0;
            self.arm(out);
        }
    }
}
