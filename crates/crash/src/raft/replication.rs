//! The leader's side of replication.

use super::progress::{Mode, Progress};
use super::role::{Leader, State};
use super::{Claim, Entries, Entry, Notice, Output, Position, Raft, Record, Refusal, Timer};
use bytes::Bytes;
use quorate_core::{Effects, Mutant, NodeId, Time};
use std::sync::Arc;

impl Raft {
    pub(super) fn on_propose(&mut self, payload: Bytes, out: &mut Effects<Self>) {
        let entry = Entry {
            term: self.hard.term,
            payload: payload.clone().into(),
        };
        let verdict = match payload.is_empty() {
            true => Err(Refusal::Empty),
            false => self.can_propose(entry.bytes()),
        };
        match (&mut self.state, verdict) {
            (State::Leader(leader), Ok(())) => {
                leader.uncommitted += entry.bytes();
                leader.proposed.push(entry);
            }
            (_, verdict) => {
                let leader = self.leader;
                let why = verdict.err().unwrap_or(Refusal::NotLeader { leader });
                out.output_eager(Output::ProposeRefused { payload, why });
            }
        }
    }

    /// Puts what the burst brought into the log. It counts for this node itself when the disk has
    /// answered, by a message to itself; the followers get it meanwhile (thesis §10.2.1).
    pub(super) fn append_proposed(&mut self, out: &mut Effects<Self>) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        if leader.proposed.is_empty() {
            return;
        }
        let whole = leader.proposed.iter().map(Entry::bytes).sum::<usize>();
        if whole <= self.config.max_batch_bytes {
            let batch: Arc<[Entry]> = leader.proposed.drain(..).collect();
            let at = self.hard.log.last().index + 1;
            let entries = Entries::sorted(batch);
            self.hard.write(Record::Append { at, entries }, out);
        } else {
            let mut rest = &leader.proposed[..];
            while !rest.is_empty() {
                let (batch, after) = rest.split_at(fitting(rest, self.config.max_batch_bytes));
                let at = self.hard.log.last().index + 1;
                let entries = Entries::sorted(batch.into());
                self.hard.write(Record::Append { at, entries }, out);
                rest = after;
            }
            leader.proposed.clear();
        }
        let matched = self.hard.log.last().index;
        self.claim(self.me, Claim::Appended { matched }, out);
        self.follow_configuration(out);
    }

    /// Sends each follower what it may have.
    pub(super) fn replicate(&mut self, now: Time, out: &mut Effects<Self>) {
        // `self` is taken apart so that the log can be read while progress is written.
        let mut state = std::mem::replace(&mut self.state, State::Follower);
        if let State::Leader(leader) = &mut state {
            for progress in leader.others(self.me) {
                let sent = self.send_entries(now, progress, out);
                let index = self.commit.min(progress.matched);
                if !sent && progress.notified < index {
                    progress.notified = index;
                    self.notice(progress.node, Notice::Commit { index }, out);
                }
            }
        }
        self.state = state;
    }

    /// Returns whether anything was sent.
    fn send_entries(&self, now: Time, progress: &mut Progress, out: &mut Effects<Self>) -> bool {
        let (mut any, last) = (false, self.hard.log.last().index);
        while progress.next <= last {
            let room = match &progress.mode {
                Mode::Probe { sent } => !sent,
                Mode::Replicate { inflight } => inflight.len() < self.config.max_inflight,
                Mode::Snapshot(_) => false,
            };
            if !room || !self.send_append(now, progress, out) {
                break;
            }
            any = true;
        }
        any
    }

    /// Sends what follows `next`, possibly nothing; or asks for the snapshot if the log no longer
    /// has it, and returns false then.
    fn send_append(&self, now: Time, progress: &mut Progress, out: &mut Effects<Self>) -> bool {
        let index = progress.next - 1;
        let Some(term) = self.hard.log.term_at(index) else {
            self.send_newest_snapshot(now, progress, out);
            return false;
        };
        let prev = Position { term, index };
        let entries = self
            .hard
            .log
            .slice(progress.next, self.config.max_batch_bytes);
        let end = index + entries.len() as u64;
        match &mut progress.mode {
            Mode::Probe { sent } => *sent = true,
            Mode::Replicate { inflight } if !entries.is_empty() => {
                inflight.push_back(end);
                progress.next = end + 1;
            }
            Mode::Replicate { .. } | Mode::Snapshot(_) => {}
        }
        let commit = self.commit;
        progress.notified = progress.notified.max(commit.min(end));
        let append = Notice::Append {
            prev,
            entries,
            commit,
        };
        self.notice(progress.node, append, out);
        true
    }

    pub(super) fn on_appended(&mut self, from: NodeId, matched: u64, out: &mut Effects<Self>) {
        let (commit, term) = (self.commit, self.hard.term);
        let State::Leader(leader) = &mut self.state else {
            return self.on_late_answer(term);
        };
        let Some(progress) = leader.hear(from) else {
            return; // it is no member any more
        };
        if matched > self.hard.log.last().index {
            self.violation = Some("a follower acknowledges entries that its leader lacks");
            return;
        }
        let base = self.hard.log.base().index;
        progress.appended(matched, base);
        progress.catching_up &= matched < commit;
        if matched > commit {
            let State::Leader(leader) = &self.state else {
                return;
            };
            let matched = |node| leader.progress(node).map_or(0, |progress| progress.matched);
            let reached = self.decides().reached(matched);
            // Counting decides entries of the own term only; those before come with them (Raft
            // §5.4.2, figure 8).
            let own = self.hard.log.term_at(reached) == Some(term);
            if reached > commit && (own || self.config.mutant.is(Mutant::OldTermCommit)) {
                self.commit_to(reached, out);
                self.tell_dropped(commit, out);
            }
        }
        self.hand_over(from, out);
    }

    pub(super) fn on_rejected(&mut self, from: NodeId, prev: u64, hint: Position) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let Some(progress) = leader.hear(from) else {
            return;
        };
        // The follower's hint says where its terms are low enough, and here it is the other way
        // round: each round trip skips whole terms (Raft §5.3).
        let hint = self.hard.log.last_at_most(hint.term, hint.index);
        progress.rejected(prev, hint.index);
    }

    pub(super) fn on_heartbeat_timeout(&mut self, now: Time, out: &mut Effects<Self>) {
        self.leave_stalled(now, out);
        let mut state = std::mem::replace(&mut self.state, State::Follower);
        if let State::Leader(leader) = &mut state {
            out.arm(
                Timer::Heartbeat,
                self.config.heartbeat,
                self.config.heartbeat,
            );
            for progress in leader.others(self.me) {
                progress.stands_still = progress.matched == progress.at_heartbeat;
                progress.at_heartbeat = progress.matched;
                self.ask_again(now, progress, out);
            }
            self.beat(leader, out);
            let gives_up = self.pursue_transfer(now, leader, out);
            self.state = state;
            if gives_up {
                self.become_follower(None, out);
            }
            return;
        }
        self.state = state;
    }

    /// A heartbeat to every follower.
    pub(super) fn beat(&self, leader: &mut Leader, out: &mut Effects<Self>) {
        let round = leader.rounds.latest();
        for progress in leader.others(self.me) {
            // Not beyond what it has acknowledged: it may hold other entries there (copycat#265).
            let commit = self.commit.min(progress.matched);
            progress.notified = progress.notified.max(commit);
            self.notice(progress.node, Notice::Heartbeat { commit, round }, out);
        }
    }

    /// A follower that answers, but stands still while entries wait, has lost a message.
    pub(super) fn on_heartbeat_ack(&mut self, from: NodeId, round: u64, out: &mut Effects<Self>) {
        let mut state = std::mem::replace(&mut self.state, State::Follower);
        if let State::Leader(leader) = &mut state {
            let last = self.hard.log.last().index;
            let latest = leader.rounds.latest();
            let Some(progress) = leader.hear(from) else {
                self.state = state;
                return;
            };
            if std::mem::take(&mut progress.stands_still) && progress.matched < last {
                match &mut progress.mode {
                    Mode::Probe { sent } => *sent = false, // flush sends it again
                    Mode::Replicate { .. } => self.send_probe(progress, out),
                    Mode::Snapshot(_) => {}
                }
            }
            if round <= latest {
                progress.round = progress.round.max(round);
                self.end_rounds(leader, out);
            }
        } else {
            self.on_late_answer(self.hard.term);
        }
        self.state = state;
    }

    /// An append without entries after the last one sent: what it is answered says whether
    /// something is missing.
    fn send_probe(&self, progress: &mut Progress, out: &mut Effects<Self>) {
        let index = progress.next - 1;
        let Some(term) = self.hard.log.term_at(index) else {
            // Cut off meanwhile: it needs the snapshot, as flush will find.
            progress.next = progress.matched + 1;
            progress.mode = Mode::Probe { sent: false };
            return;
        };
        let append = Notice::Append {
            prev: Position { term, index },
            entries: Entries::default(),
            commit: self.commit,
        };
        self.notice(progress.node, append, out);
    }
}

/// How many of the first entries fit into `max` bytes; at least one.
fn fitting(entries: &[Entry], max: usize) -> usize {
    let sizes = entries.iter().scan(0usize, |sum, entry| {
        *sum += entry.bytes();
        Some(*sum)
    });
    sizes.take_while(|sum| *sum <= max).count().max(1)
}
