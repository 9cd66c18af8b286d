//! Elections: pre-vote, votes, timeouts, and the leader's check of its quorum.

use super::role::{Ballots, Leader, State};
use super::rounds::Rounds;
use super::{Claim, Entry, Notice, Output, Payload, Position, Raft, Record, Refusal, Timer};
use quorate_core::{Effects, Mutant, NodeId, Time};

impl Raft {
    pub(super) fn arm_election(&mut self, out: &mut Effects<Self>) {
        self.heard_since_armed = false;
        out.arm(Timer::Election, self.election_min(), self.election_max());
    }

    pub(super) fn write_ballot(
        &mut self,
        term: u64,
        vote: Option<NodeId>,
        out: &mut Effects<Self>,
    ) {
        if term > self.hard.term {
            // It would be taken for a match with the next leader's log. The old one asks again.
            self.acknowledge = None;
        }
        self.hard.write(Record::Ballot { term, vote }, out);
        self.leader = None;
    }

    /// A message of this term's leader came. False if it cannot be.
    pub(super) fn hear_leader(&mut self, now: Time, from: NodeId, out: &mut Effects<Self>) -> bool {
        if from == self.me || self.leader.is_some_and(|leader| leader != from) {
            self.violation = Some("election safety: two leaders in one term");
            return false;
        }
        self.heard = now;
        self.heard_since_armed = true;
        if self.leader.is_none() {
            self.on_late_leader(self.hard.term);
            self.become_follower(Some(from), out);
        }
        true
    }

    pub(super) fn become_follower(&mut self, leader: Option<NodeId>, out: &mut Effects<Self>) {
        self.leader = leader;
        self.forwarded.ask_again();
        match std::mem::replace(&mut self.state, State::Follower) {
            State::Follower => return, // the timer runs
            State::PreCandidate(_) | State::Candidate(_) => {}
            State::Leader(old) => {
                out.disarm(Timer::Heartbeat);
                // What was taken but is not in the log yet never gets there: it would bear the
                // wrong term (camunda#5360).
                let why = Refusal::NotLeader { leader };
                for entry in old.proposed {
                    match entry.payload {
                        Payload::Command(payload) => {
                            out.output_eager(Output::ProposeRefused { payload, why });
                        }
                        // The way out of a joint configuration was not asked for by a client.
                        Payload::Configuration(_) if !self.configuration.is_joint() => {
                            out.output_eager(Output::ReconfigureRefused { why });
                        }
                        Payload::Empty | Payload::Configuration(_) => {}
                    }
                }
                for id in old.rounds.into_local() {
                    let why = Refusal::NotLeader { leader };
                    out.output_eager(Output::ReadFailed { id, why });
                }
            }
        }
        self.arm_election(out);
    }

    /// While a leader is heard, no node helps to depose it (thesis §4.2.3, §6.2).
    fn is_content(&self, now: Time) -> bool {
        match self.leader {
            Some(leader) if leader == self.me => true,
            Some(_) => now.since(self.heard) < self.election_min(),
            None => false,
        }
    }

    pub(super) fn on_election_timeout(&mut self, now: Time, out: &mut Effects<Self>) {
        if let State::Leader(_) = self.state {
            return self.check_quorum(now, out);
        }
        let stalled = self.is_stalled(now);
        self.ask_disk(now, out);
        if std::mem::take(&mut self.heard_since_armed) {
            // AdaptiveTimeout counts from the last sign of the leader. Looking at it only here spares
            // the hot path a timer change for each message.
            let waited = now.since(self.heard);
            let min = self.election_min().saturating_sub(waited);
            let max = self.election_max().saturating_sub(waited);
            if !max.is_zero() {
                self.on_steady(now);
                return out.arm(Timer::Election, min, max);
            }
        }
        if matches!(self.state, State::Follower) {
            self.suspect_leader(now);
        }
        self.leader = None;
        self.fail_forwarded(out);
        if stalled {
            // Its vote for itself would not come. The others need not wait for it.
            self.become_follower(None, out);
            self.arm_election(out);
        } else if self.may_campaign() {
            self.pre_campaign(out);
        } else {
            self.ask_for_membership(out);
        }
    }

    /// Only voters campaign (thesis §4.2.2: a server that is not part of its own latest
    /// configuration starts no election).
    fn may_campaign(&self) -> bool {
        (self.voter && !self.removed) || self.config.mutant.is(Mutant::RemovedNodeVotes)
    }

    /// A node that does not vote asks all the same when it hears no leader: if it was removed while
    /// it was away, it is told so ([`Notice::Removed`]). It ignores all other answers.
    fn ask_for_membership(&mut self, out: &mut Effects<Self>) {
        self.arm_election(out);
        if !self.removed {
            self.ask_for_pre_votes(out);
        }
    }

    fn ask_for_pre_votes(&self, out: &mut Effects<Self>) {
        let last = self.hard.log.last();
        for peer in self.other_voters() {
            self.notice(peer, Notice::PreVote { last }, out);
        }
    }

    /// The leader may be gone. This node no longer helps it to stay, and asks the others soon: not
    /// at once, as they see the same a little earlier or later, and while they do not they refuse.
    /// If only the link broke they still hear the leader, and no leader is deposed; nor is this node's
    /// timeout shorter once the leader is heard again.
    pub(super) fn on_suspect(&mut self, node: NodeId, out: &mut Effects<Self>) {
        let follows = matches!(self.state, State::Follower) && self.leader == Some(node);
        if follows && node != self.me {
            self.become_follower(None, out);
            self.heard_since_armed = false;
            let beat = self.config.heartbeat;
            out.arm(Timer::Election, beat / 4, beat);
        }
    }

    fn pre_campaign(&mut self, out: &mut Effects<Self>) {
        let mut ballots = Ballots::default();
        ballots.count(self.me, true);
        if self.is_elected(&ballots) {
            return self.campaign(false, out);
        }
        self.state = State::PreCandidate(ballots);
        self.arm_election(out);
        self.ask_for_pre_votes(out);
    }

    /// Asks for votes in a new term. The ballot is written before the question leaves, so that a
    /// leader's term is durable at the leader: it cannot lead in that term a second time after a
    /// crash, with other entries (KAFKA-10527).
    pub(super) fn campaign(&mut self, transfer: bool, out: &mut Effects<Self>) {
        let term = self.hard.term + 1;
        self.fail_forwarded(out);
        self.write_ballot(term, Some(self.me), out);
        self.state = State::Candidate(Ballots::default());
        self.arm_election(out);
        let last = self.hard.log.last();
        self.claim(self.me, Claim::Vote { granted: true }, out);
        for peer in self.other_voters() {
            self.claim(peer, Claim::RequestVote { last, transfer }, out);
        }
    }

    /// Who is asked for votes.
    fn other_voters(&self) -> impl Iterator<Item = NodeId> + use<'_> {
        let configuration = &self.configuration;
        let mut voters = [&configuration.voters[..], &configuration.outgoing].concat();
        voters.sort_unstable();
        voters.dedup();
        voters.into_iter().filter(|node| *node != self.me)
    }

    /// A vote counts if it is a voter's by the configuration in force here. A node that gives one
    /// may not know yet that it votes, so votes are given without looking at that (thesis §4.2.2).
    fn counts(&self, from: NodeId) -> bool {
        self.configuration.is_voter(from) || self.config.mutant.is(Mutant::RemovedNodeVotes)
    }

    fn is_elected(&self, ballots: &Ballots) -> bool {
        if self.config.mutant.is(Mutant::RemovedNodeVotes) && !self.configuration.is_joint() {
            return ballots.granted() > self.configuration.voters.len() / 2;
        }
        self.is_quorum(|node| ballots.has_granted(node))
    }

    fn is_lost(&self, ballots: &Ballots) -> bool {
        !self.is_quorum(|node| !ballots.has_refused(node))
    }

    /// A pre-vote changes nothing here: not the term, not the vote (canonical/raft#196), not the
    /// timer. A refusal bears this node's term, so that an asker with an older term catches up
    /// and can be voted for, or votes (etcd#8501).
    pub(super) fn on_pre_vote(
        &mut self,
        now: Time,
        from: NodeId,
        term: u64,
        last: Position,
        out: &mut Effects<Self>,
    ) {
        if self.tell_removed(from, out) {
            return;
        }
        let next_term = term.saturating_add(1);
        let mine = self.hard.log.last();
        let eligible =
            next_term > self.hard.term && last >= mine && !self.is_content(now) && !self.removed;
        // Two that ask at the same time would go on to split the votes, and lose another election
        // timeout. Of equals the lower id goes first; it asks again, as it may have asked while
        // the other one still heard the leader.
        let rival = matches!(self.state, State::PreCandidate(_)) && next_term == self.hard.term + 1;
        let first = rival && last == mine && self.me < from;
        if eligible && first {
            self.notice(from, Notice::PreVote { last: mine }, out);
        }
        let granted = eligible && !first;
        self.notice(from, Notice::PreVoted { next_term, granted }, out);
    }

    pub(super) fn on_pre_voted(
        &mut self,
        from: NodeId,
        next_term: u64,
        granted: bool,
        out: &mut Effects<Self>,
    ) {
        let counts = self.counts(from);
        let State::PreCandidate(ballots) = &mut self.state else {
            return;
        };
        if next_term != self.hard.term + 1 || !counts {
            return; // the answer to an earlier question, or of a node that has no say
        }
        ballots.count(from, granted);
        let State::PreCandidate(ballots) = &self.state else {
            return;
        };
        if self.is_elected(ballots) {
            self.campaign(false, out);
        } else if self.is_lost(ballots) {
            self.become_follower(None, out);
        }
    }

    pub(super) fn on_request_vote(
        &mut self,
        now: Time,
        from: NodeId,
        term: u64,
        last: Position,
        transfer: bool,
        out: &mut Effects<Self>,
    ) {
        if self.removed || self.tell_removed(from, out) {
            return;
        }
        if term > self.hard.term && !transfer && self.is_content(now) {
            return;
        }
        let newer = term > self.hard.term;
        let free = newer
            || match self.hard.vote {
                Some(vote) => vote == from,
                None => self.leader.is_none(),
            };
        let granted = free && term >= self.hard.term && last >= self.hard.log.last();
        if newer || granted && self.hard.vote.is_none() {
            let vote = granted.then_some(from);
            let vote = vote.filter(|_| !self.config.mutant.is(Mutant::VoteNotPersisted));
            // No record for a vote that changes nothing.
            if newer || vote.is_some() {
                self.write_ballot(term, vote, out);
            }
        }
        if newer {
            self.become_follower(None, out);
        }
        if granted {
            self.arm_election(out);
        }
        self.claim(from, Claim::Vote { granted }, out);
    }

    /// A vote of this term: older ones do not get here (little-raft#44).
    pub(super) fn on_vote(&mut self, from: NodeId, granted: bool, out: &mut Effects<Self>) {
        let counts = self.counts(from);
        let State::Candidate(ballots) = &mut self.state else {
            if granted && !matches!(self.state, State::Leader(_)) {
                self.on_late_vote(self.hard.term);
            }
            return;
        };
        if !counts {
            return;
        }
        ballots.count(from, granted);
        let State::Candidate(ballots) = &self.state else {
            return;
        };
        if self.is_elected(ballots) {
            self.become_leader(out);
        } else if self.is_lost(ballots) {
            self.become_follower(None, out);
        }
    }

    fn become_leader(&mut self, out: &mut Effects<Self>) {
        let (term, last) = (self.hard.term, self.hard.log.last().index);
        let entry = Entry {
            term,
            payload: Payload::Empty,
        };
        self.leader = Some(self.me);
        self.state = State::Leader(Box::new(Leader {
            progress: self.progress_of_members(vec![], last + 1),
            opened_at: last + 1,
            uncommitted: entry.bytes(),
            proposed: vec![entry],
            transfer: None,
            rounds: Rounds::default(),
        }));
        let max = self.election_max();
        out.arm(Timer::Election, max, max);
        let beat = self.config.heartbeat;
        out.arm(Timer::Heartbeat, beat, beat);
    }

    /// A leader that no quorum answers steps down: its clients should look for another, and its
    /// followers may vote again (thesis §6.2).
    fn check_quorum(&mut self, now: Time, out: &mut Effects<Self>) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        leader.hear(self.me);
        let State::Leader(leader) = &self.state else {
            return;
        };
        if !self.is_quorum(|node| leader.progress(node).is_some_and(|it| it.silent == 0)) {
            self.miss_quorum();
            return self.become_follower(None, out);
        }
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        for progress in &mut leader.progress {
            progress.silent = progress.silent.saturating_add(1);
        }
        self.on_steady(now);
        let max = self.election_max();
        out.arm(Timer::Election, max, max);
    }
}
