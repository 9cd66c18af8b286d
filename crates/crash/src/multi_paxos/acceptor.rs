//! The acceptor: promises and acceptances, each on disk before it is said. A repeated question
//! gets the same answer.

use super::{Ballot, Message, MultiPaxos, Record, Vote};
use bytes::Bytes;
use quorate_core::{Effects, NodeId, To};

impl MultiPaxos {
    pub(super) fn on_prepare(
        &mut self,
        from: NodeId,
        ballot: Ballot,
        first: u64,
        out: &mut Effects<Self>,
    ) {
        if ballot < self.hard.promised {
            return self.reject(from, out);
        }
        if ballot > self.hard.promised {
            self.hard.write(Record::Promised { ballot }, out);
            self.seen = self.seen.max(ballot);
            self.step_down(out);
            self.arm_election(out);
        }
        if first <= self.chosen {
            // What is chosen needs no new proposal: the asker learns it, and asks for the rest.
            return self.tell_chosen(from, first, out);
        }
        let votes = self.hard.votes.range(first..);
        let mut votes: Vec<(u64, Vote)> = votes
            .take(self.config.batch + 1)
            .map(|(slot, vote)| (*slot, vote.clone()))
            .collect();
        let more = votes.len() > self.config.batch;
        votes.truncate(self.config.batch);
        let promise = Message::Promise {
            ballot,
            first,
            votes,
            more,
        };
        out.send(To::One(from), promise);
    }

    pub(super) fn on_accept(
        &mut self,
        from: NodeId,
        ballot: Ballot,
        first: u64,
        values: Vec<Bytes>,
        chosen: u64,
        out: &mut Effects<Self>,
    ) {
        let last = first.saturating_add(values.len() as u64).saturating_sub(1);
        if values.is_empty() || first == 0 || last > self.config.max_slots {
            return;
        }
        if ballot < self.hard.promised {
            return self.reject(from, out);
        }
        self.hear_leader(from, ballot, out);
        if let Some(at) = self.first_new(ballot, first, &values) {
            let values = values[at..].to_vec();
            let first = first + at as u64;
            let record = Record::Accepted {
                ballot,
                first,
                values,
                chosen: self.chosen,
            };
            self.hard.write(record, out);
        }
        let accepted = Message::Accepted {
            ballot,
            first,
            last,
        };
        out.send(To::One(from), accepted);
        self.choose_voted(ballot, chosen, out);
    }

    /// Which is the first of these values that is neither known to be chosen nor accepted under
    /// this number already.
    fn first_new(&mut self, ballot: Ballot, first: u64, values: &[Bytes]) -> Option<usize> {
        for (at, value) in values.iter().enumerate() {
            let slot = first + at as u64;
            let vote = self.hard.votes.get(&slot);
            if slot > self.chosen && vote.is_none_or(|vote| vote.ballot != ballot) {
                return Some(at);
            }
            if self.hard.value(slot) != Some(value) {
                self.violation = Some("one number stands for two values, or two are chosen");
            }
        }
        None
    }
}
