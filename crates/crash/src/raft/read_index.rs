//! Linearizable reads without a log entry (thesis §6.4).
//!
//! A leader notes its commit index, then makes sure that it still led after the read came: a
//! quorum answers a heartbeat of a round that began later. It waits for the commit of an entry of
//! its own term first, because before that it may not know all that is committed (etcd#7331,
//! tikv#9239). A follower asks the leader. All reads of a burst share one round.

use super::role::{Leader, State};
use super::rounds::Reader;
use super::{Notice, Output, Raft, Refusal, Ticket, Timer};
use quorate_core::{Effects, Mutant, NodeId};

impl Raft {
    pub(super) fn on_read(&mut self, id: u64, out: &mut Effects<Self>) {
        let commit = self.commit;
        let max = self.config.max_reads;
        let waiting = match (&mut self.state, self.leader) {
            (State::Leader(_), _) if self.config.mutant.is(Mutant::ReadWithoutReadIndex) => {
                return out.output_eager(Output::ReadReady { id, index: commit });
            }
            (State::Leader(leader), _) => leader.rounds.len(),
            (_, Some(_)) => self.forwarded.waiting.len() + self.forwarded.asked.len(),
            (_, None) => {
                let why = Refusal::NotLeader { leader: None };
                return out.output_eager(Output::ReadFailed { id, why });
            }
        };
        if waiting >= max {
            let why = Refusal::Busy;
            return out.output_eager(Output::ReadFailed { id, why });
        }
        match &mut self.state {
            State::Leader(leader) => leader.rounds.waiting.push(Reader::Local(id)),
            _ => self.forwarded.waiting.push(id),
        }
    }

    /// A follower's question. One that there is no room for is asked again later.
    pub(super) fn on_read_index(&mut self, from: NodeId, ticket: Ticket) {
        let max = self.config.max_reads;
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        if leader.progress(from).is_none() {
            return; // no member: so the readers are bounded by the members
        }
        let rounds = &mut leader.rounds;
        let waits = |reader: &Reader| matches!(reader, Reader::Peer(peer, _) if *peer == from);
        match rounds.waiting.iter().position(waits) {
            // A later question includes the earlier ones.
            Some(at) => rounds.waiting[at] = rounds.waiting[at].max(Reader::Peer(from, ticket)),
            None if rounds.len() < max => rounds.waiting.push(Reader::Peer(from, ticket)),
            None => {}
        }
    }

    /// Begins a round for all reads that wait.
    pub(super) fn start_round(&mut self, out: &mut Effects<Self>) {
        let commit = self.commit;
        let mut state = std::mem::replace(&mut self.state, State::Follower);
        if let State::Leader(leader) = &mut state
            && !leader.rounds.waiting.is_empty()
            && commit >= leader.opened_at
        {
            let rounds = &mut leader.rounds;
            rounds.latest += 1;
            let round = rounds.latest;
            let waiting = rounds
                .waiting
                .drain(..)
                .map(|reader| (round, commit, reader));
            rounds.begun.extend(waiting);
            if let Some(own) = leader.progress_mut(self.me) {
                own.round = round;
            }
            self.beat(leader, out);
            self.end_rounds(leader, out);
        }
        self.state = state;
    }

    /// Answers the rounds that a quorum has confirmed.
    pub(super) fn end_rounds(&self, leader: &mut Leader, out: &mut Effects<Self>) {
        if leader.rounds.begun.is_empty() {
            return;
        }
        let confirmed = |node| leader.progress(node).map_or(0, |progress| progress.round);
        let through = self.decides().reached(confirmed);
        while let Some((round, index, reader)) = leader.rounds.begun.front().copied()
            && round <= through
        {
            leader.rounds.begun.pop_front();
            match reader {
                Reader::Local(id) => out.output_eager(Output::ReadReady { id, index }),
                Reader::Peer(peer, ticket) => {
                    self.notice(peer, Notice::ReadIndexAnswer { ticket, index }, out);
                }
            }
        }
    }

    /// Asks the leader for all reads that wait, once this start is durable: an answer to a
    /// question of an earlier life must not be taken for one of this.
    pub(super) fn forward_reads(&mut self, out: &mut Effects<Self>) {
        if self.forwarded.waiting.is_empty() && !self.forwarded.again {
            return;
        }
        let (Some(leader), true) = (self.leader, self.booted) else {
            return;
        };
        let forwarded = &mut self.forwarded;
        if !forwarded.waiting.is_empty() {
            forwarded.round += 1;
            let round = forwarded.round;
            let reads = forwarded.waiting.drain(..).map(|id| (round, id));
            forwarded.asked.extend(reads);
        }
        self.ask(leader, out);
    }

    fn ask(&mut self, leader: NodeId, out: &mut Effects<Self>) {
        self.forwarded.again = false;
        let ticket = Ticket {
            boot: self.hard.boots,
            round: self.forwarded.round,
        };
        self.notice(leader, Notice::ReadIndex { ticket }, out);
        let beat = self.config.heartbeat;
        out.arm(Timer::Reads, beat, beat);
    }

    pub(super) fn on_reads_timeout(&mut self, out: &mut Effects<Self>) {
        match self.leader {
            Some(leader) if !self.forwarded.asked.is_empty() => self.ask(leader, out),
            _ => {} // asked again when there is a leader
        }
    }

    pub(super) fn on_read_index_answer(
        &mut self,
        ticket: Ticket,
        index: u64,
        out: &mut Effects<Self>,
    ) {
        if ticket.boot != self.hard.boots {
            return;
        }
        while let Some((round, id)) = self.forwarded.asked.front().copied()
            && round <= ticket.round
        {
            self.forwarded.asked.pop_front();
            out.output_eager(Output::ReadReady { id, index });
        }
        if self.forwarded.asked.is_empty() {
            out.disarm(Timer::Reads);
        }
    }

    /// This node begins to look for a leader itself, and may become it.
    pub(super) fn fail_forwarded(&mut self, out: &mut Effects<Self>) {
        self.forwarded.again = false;
        let asked = self.forwarded.asked.drain(..).map(|(_, id)| id);
        for id in asked.chain(self.forwarded.waiting.drain(..)) {
            let why = Refusal::NotLeader { leader: None };
            out.output_eager(Output::ReadFailed { id, why });
        }
    }
}
