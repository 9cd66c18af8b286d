//! The learner: what is chosen, and how a node that has missed some of it catches up.

use super::{Ballot, Eager, MultiPaxos, Output, Record, Role};
use bytes::Bytes;
use quorate_core::{Effects, NodeId, To};

impl MultiPaxos {
    /// A leader speaks whose number is not behind what was promised here.
    pub(super) fn hear_leader(&mut self, from: NodeId, ballot: Ballot, out: &mut Effects<Self>) {
        if from == self.me {
            return;
        }
        self.seen = self.seen.max(ballot);
        self.leader = Some(from);
        self.step_down(out);
        self.arm_election(out);
    }

    pub(super) fn on_heartbeat(
        &mut self,
        from: NodeId,
        ballot: Ballot,
        chosen: u64,
        out: &mut Effects<Self>,
    ) {
        if ballot < self.hard.promised {
            return self.reject(from, out);
        }
        self.hear_leader(from, ballot, out);
        self.choose_voted(ballot, chosen, out);
        if self.chosen < chosen {
            let first = self.chosen + 1;
            out.send_eager(To::One(from), Eager::Fetch { first });
        }
    }

    /// A leader says that all slots through `chosen` are. What this node has accepted under that
    /// leader's number is what was chosen there; a vote under an older number need not be.
    pub(super) fn choose_voted(&mut self, ballot: Ballot, chosen: u64, out: &mut Effects<Self>) {
        let mut through = self.chosen;
        let voted = |slot: u64| self.hard.votes.get(&slot).map(|vote| vote.ballot);
        while through < chosen && voted(through + 1) == Some(ballot) {
            through += 1;
        }
        self.choose_through(through, out);
    }

    /// Hands up what is chosen, which is here.
    pub(super) fn choose_through(&mut self, through: u64, out: &mut Effects<Self>) {
        while self.chosen < through {
            let slot = self.chosen + 1;
            let Some(value) = self.hard.value(slot).cloned() else {
                self.violation = Some("what is chosen is here");
                return;
            };
            self.chosen = slot;
            self.adaptive_timeout.on_chosen(slot);
            out.output_eager(Output::Chosen { slot, value });
        }
    }

    /// Answers with what is chosen from `first` on, a batch of it.
    pub(super) fn tell_chosen(&self, to: NodeId, first: u64, out: &mut Effects<Self>) {
        let last = self
            .chosen
            .min(first.saturating_add(self.config.batch as u64 - 1));
        if first == 0 || first > last {
            return;
        }
        let chosen = Eager::Chosen {
            first,
            values: self.values(first, last),
            through: self.chosen,
        };
        out.send_eager(To::One(to), chosen);
    }

    pub(super) fn on_chosen(
        &mut self,
        from: NodeId,
        first: u64,
        values: Vec<Bytes>,
        through: u64,
        out: &mut Effects<Self>,
    ) {
        let expected = self.chosen + 1;
        if first > expected || matches!(self.role, Role::Leader(_)) {
            return; // a leader proposes what it found again, and finds it chosen
        }
        let known = usize::try_from(expected - first).unwrap_or(usize::MAX);
        for (slot, value) in (first..).zip(values.iter().take(known)) {
            if self.hard.value(slot) != Some(value) {
                self.violation = Some("agreement: two values are chosen in one slot");
            }
        }
        let values: Vec<Bytes> = values.into_iter().skip(known).collect();
        let last = self.chosen.saturating_add(values.len() as u64);
        if last > self.config.max_slots {
            return;
        }
        let fresh = !values.is_empty();
        if fresh {
            let first = expected;
            self.hard.write(Record::Learned { first, values }, out);
            self.choose_through(last, out);
        }
        match self.role {
            // Also when another has told the same meanwhile.
            Role::Candidate(_) => self.ask_on(from, out),
            // One answer, one question: a repeated answer asks nothing.
            _ if fresh && self.chosen < through => {
                let first = self.chosen + 1;
                out.send_eager(To::One(from), Eager::Fetch { first });
            }
            _ => {}
        }
    }
}
