//! Phase 1, once for all slots that are not known to be chosen (§3).

use super::leader::Leader;
use super::{Ballot, Message, MultiPaxos, Output, Record, Role, Vote};
use quorate_core::{Effects, NodeId, NodeSet, To};
use std::collections::BTreeMap;

/// A node that asks for promises.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Candidate {
    pub(super) ballot: Ballot,
    /// For each node that has not told everything: from which slot on it is to tell.
    asked: BTreeMap<NodeId, u64>,
    /// Who has promised and told everything.
    promised: NodeSet,
    /// For each slot, the vote with the greatest number that was told of.
    found: BTreeMap<u64, Vote>,
}

impl MultiPaxos {
    pub(super) fn on_election_timeout(&mut self, out: &mut Effects<Self>) {
        match self.role {
            Role::Leader(_) => {}
            // The number is still the greatest: asking again is enough, see `on_beat`.
            Role::Candidate(_) => self.arm_election(out),
            Role::Follower => self.prepare(out),
        }
    }

    /// Phase 1a. The number is promised to oneself, and so on disk, before anybody is asked.
    fn prepare(&mut self, out: &mut Effects<Self>) {
        let round = self.seen.max(self.hard.promised).round.saturating_add(1);
        let ballot = Ballot {
            round,
            node: self.me,
        };
        let first = self.chosen + 1;
        self.seen = ballot;
        self.leader = None;
        self.hard.write(Record::Promised { ballot }, out);
        self.role = Role::Candidate(Candidate {
            ballot,
            asked: NodeId::all(self.config.nodes)
                .map(|node| (node, first))
                .collect(),
            promised: NodeSet::EMPTY,
            found: BTreeMap::new(),
        });
        let own = Message::Promise {
            ballot,
            first,
            votes: vec![], // they are here: see `on_promise`
            more: false,
        };
        out.send(To::One(self.me), own);
        self.ask_again(out);
        self.arm_election(out);
        self.arm_beat(out);
    }

    pub(super) fn ask_again(&self, out: &mut Effects<Self>) {
        let Role::Candidate(candidate) = &self.role else {
            return;
        };
        let ballot = candidate.ballot;
        for (node, first) in candidate.asked.iter().filter(|(node, _)| **node != self.me) {
            let first = *first;
            out.send(To::One(*node), Message::Prepare { ballot, first });
        }
    }

    pub(super) fn on_promise(
        &mut self,
        from: NodeId,
        ballot: Ballot,
        first: u64,
        mut votes: Vec<(u64, Vote)>,
        more: bool,
        out: &mut Effects<Self>,
    ) {
        let Role::Candidate(candidate) = &mut self.role else {
            return;
        };
        if candidate.ballot != ballot || candidate.asked.get(&from) != Some(&first) {
            return; // of an earlier question
        }
        if from == self.me {
            // Nothing was accepted since the promise: it would have had a greater number, and
            // ended this candidacy.
            votes = self.hard.votes.clone().into_iter().collect();
        }
        let next = votes
            .last()
            .map_or(first, |(slot, _)| slot.saturating_add(1));
        let within = 1..=self.config.max_slots;
        for (slot, vote) in votes.into_iter().filter(|(slot, _)| within.contains(slot)) {
            let known = candidate.found.get(&slot).map(|known| known.ballot);
            if known < Some(vote.ballot) {
                candidate.found.insert(slot, vote);
            }
        }
        if more && next > first {
            candidate.asked.insert(from, next);
            let first = next;
            return out.send(To::One(from), Message::Prepare { ballot, first });
        }
        candidate.asked.remove(&from);
        candidate.promised.insert(from);
        if candidate.promised.len() >= self.config.quorum() {
            let found = std::mem::take(&mut candidate.found);
            self.lead(ballot, found, out);
        }
    }

    /// An acceptor knew more of what is chosen, and has told; now for the rest.
    pub(super) fn ask_on(&mut self, from: NodeId, out: &mut Effects<Self>) {
        let first = self.chosen + 1;
        if let Role::Candidate(candidate) = &mut self.role
            && let Some(asked) = candidate.asked.get_mut(&from)
            && *asked < first
            && from != self.me
        {
            *asked = first;
            let ballot = candidate.ballot;
            out.send(To::One(from), Message::Prepare { ballot, first });
        }
    }

    /// P2c, slot by slot: what was found is proposed again, with the new number; the gaps between
    /// are filled with no-ops; what comes after is free.
    fn lead(&mut self, ballot: Ballot, found: BTreeMap<u64, Vote>, out: &mut Effects<Self>) {
        let next = self.chosen + 1;
        let mut found = found;
        let found = found.split_off(&next);
        let values = found.into_iter().map(|(slot, vote)| (slot, vote.value));
        self.role = Role::Leader(Leader::new(ballot, next, values.collect()));
        self.leader = Some(self.me);
        out.disarm(super::Timer::Election);
        out.output_eager(Output::Leads(true));
        self.repeat_proposals(out); // the first heartbeat
    }
}
