//! Linearizable reads in flight: confirmed by a read index, then served from the local state.
//!
//! Raft thesis, 6.4: the leader notes its commit index, confirms by a round of heartbeats that it
//! still leads, and the node that asked waits until it has applied that far. All reads that arrive while
//! a round is under way share the next one.

use crate::request::{Outcome, Refusal, Request, Ticket};
use quorate_core::Time;
use std::collections::BTreeMap;
use std::time::Duration;

/// Rounds under way at once; further reads wait for the next.
const MAX_ROUNDS: usize = 4;

/// A read that waits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Read {
    pub(crate) ticket: Ticket,
    pub(crate) request: Request,
    pub(crate) deadline: Time,
}

/// The table of reads in flight. Bounded by the replica's admission control.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Reads {
    queued: Vec<Read>,
    rounds: BTreeMap<u64, (Time, Vec<Read>)>,
    /// Confirmed, waiting for the state to get to the index.
    confirmed: BTreeMap<u64, Vec<Read>>,
    /// Their round failed; they wait for a leader.
    stalled: Vec<Read>,
    next: u64,
}

impl Reads {
    pub(crate) fn len(&self) -> usize {
        let lists = self.rounds.values().map(|(_, reads)| reads);
        let lists = lists
            .chain(self.confirmed.values())
            .map(Vec::len)
            .sum::<usize>();
        lists + self.queued.len() + self.stalled.len()
    }

    pub(crate) fn take(&mut self, read: Read) {
        self.queued.push(read);
    }

    /// Starts a round for the reads that wait, if there are any and there is room; returns its id.
    pub(crate) fn start_round(&mut self, now: Time) -> Option<u64> {
        if self.queued.is_empty() || self.rounds.len() >= MAX_ROUNDS {
            return None;
        }
        self.next += 1;
        self.rounds
            .insert(self.next, (now, std::mem::take(&mut self.queued)));
        Some(self.next)
    }

    /// A round was confirmed: its reads may be served once `index` is applied.
    pub(crate) fn on_ready(&mut self, round: u64, index: u64) {
        if let Some((_, reads)) = self.rounds.remove(&round) {
            self.confirmed.entry(index).or_default().extend(reads);
        }
    }

    /// A round failed: its reads wait for [`Reads::revive`].
    pub(crate) fn on_failed(&mut self, round: u64) {
        if let Some((_, reads)) = self.rounds.remove(&round) {
            self.stalled.extend(reads);
        }
    }

    /// Puts the reads of failed rounds, and of those started before `since`, in the queue again.
    pub(crate) fn revive(&mut self, since: Time) {
        self.queued.append(&mut self.stalled);
        let lost: Vec<u64> = self
            .rounds
            .iter()
            .filter(|(_, (at, _))| *at < since)
            .map(|(id, _)| *id)
            .collect();
        for id in lost {
            if let Some((_, reads)) = self.rounds.remove(&id) {
                self.queued.extend(reads);
            }
        }
    }

    /// Takes out a batch of reads that may be served at this index.
    pub(crate) fn servable(&mut self, applied: u64) -> Option<Vec<Read>> {
        let entry = self.confirmed.first_entry()?;
        (*entry.key() <= applied).then(|| entry.remove())
    }

    /// Gives up what is past its deadline. A read has no effect, so it is refused, not unknown.
    pub(crate) fn expire(&mut self, now: Time, mut tell: impl FnMut(Ticket, Outcome)) -> u64 {
        let mut count = 0;
        let mut keep = |read: &Read| {
            let late = read.deadline <= now;
            if late {
                count += 1;
                tell(read.ticket, Outcome::Refused(Refusal::TimedOut));
            }
            !late
        };
        self.queued.retain(&mut keep);
        self.stalled.retain(&mut keep);
        self.rounds
            .values_mut()
            .for_each(|(_, reads)| reads.retain(&mut keep));
        self.confirmed
            .values_mut()
            .for_each(|reads| reads.retain(&mut keep));
        self.confirmed.retain(|_, reads| !reads.is_empty());
        count
    }

    /// Moves every time, as if now was [`Time::CANONICAL_NOW`]. A round that is older than `retry`
    /// is asked again, however old it is.
    pub(crate) fn rebase(&mut self, now: Time, retry: Duration) {
        let ask_again = retry + Duration::from_nanos(1);
        for (began, reads) in self.rounds.values_mut() {
            *began = began.canonical(now, ask_again);
            for read in reads {
                read.deadline = read.deadline.canonical(now, Duration::ZERO);
            }
        }
        let lists = self.confirmed.values_mut().flatten();
        for read in self.queued.iter_mut().chain(&mut self.stalled).chain(lists) {
            read.deadline = read.deadline.canonical(now, Duration::ZERO);
        }
    }

    /// Ends everything: the replica serves no more, for this reason.
    pub(crate) fn fail(&mut self, refusal: &Refusal, mut tell: impl FnMut(Ticket, Outcome)) {
        let Self {
            queued,
            rounds,
            confirmed,
            stalled,
            ..
        } = std::mem::take(self);
        let rounds = rounds.into_values().flat_map(|(_, reads)| reads);
        let confirmed = confirmed.into_values().flatten();
        for read in queued
            .into_iter()
            .chain(rounds)
            .chain(confirmed)
            .chain(stalled)
        {
            tell(read.ticket, Outcome::Refused(refusal.clone()));
        }
    }
}
