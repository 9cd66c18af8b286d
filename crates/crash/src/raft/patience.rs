//! Patience: how many times `election_min` and `election_max` this node waits, where nobody knows
//! how long a message may take.
//!
//! Fixed timeouts are a bet that elections are quicker (Raft §5.6): under a bound that is larger,
//! candidates give up before their votes arrive, for ever. Where the bound is unknown (Dwork, Lynch
//! and Stockmeyer 1988) timeouts must grow. Here, as in Chandra and Toueg's detector (1996, figure
//! 10), they grow by mistakes, and only by those that show: what was given up comes after all. So
//! an outage costs no patience: who hears nobody goes on asking as often as before. Three things
//! can come late:
//!
//! - a vote, when the candidacy ran out or a rival in a hurry ended it;
//! - an answer of a follower, to a leader that stepped down for want of a quorum;
//! - a word of the leader, to a follower that lost patience with it. (A broken link is a hint, and
//!   no loss of patience: it says nothing about time.)
//!
//! # Why elections come to an end
//!
//! Let an election and a round trip take less than `patience_max * election_min`. A node that is
//! too early again and again is, again and again, a candidate whose votes come late, a leader whose
//! answers do, or a follower whose leader does; each time it doubles, until it is early no more.
//! Of pre-votes nothing need be learned: an answer to one asking counts for the next. Heartbeats
//! stay as they are: a leader that speaks more often than it must is only heard the sooner.
//!
//! # Why halving does no harm
//!
//! A slow hour should not make failover slow for good, so patience halves while a leader stands.
//! But a success must not make the next failure, for ever, before anything is decided. So it takes
//! a leader that is heard for `patience_max * election_max`, the longest timeout there is, without a
//! mistake or an election: in that time all is decided that it was asked for in the beginning.
//! Either there is an end to halving, and then to elections, or such times come again and again.
//! And a node that has halved too often deposes nobody by itself: it asks for pre-votes, those
//! whose patience is longer refuse (thesis §9.6), and the next word of the leader doubles it.

use super::Raft;
use quorate_core::Time;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Patience {
    /// How many times the configured timeouts.
    factor: u32,
    /// The term in which it doubled last, or in which this node started: what was asked for until
    /// then, with less patience, teaches nothing more.
    learned: u64,
    /// The last term whose leader this node has lost patience with.
    suspected: Option<u64>,
    /// The term in which it led and missed its quorum.
    missed: Option<u64>,
    /// Since when the leader of this term has been heard.
    steady: Option<(u64, Time)>,
}

impl Patience {
    pub(super) fn first(term: u64) -> Self {
        Self {
            factor: 1,
            learned: term,
            suspected: None,
            missed: None,
            steady: None,
        }
    }
}

impl Raft {
    /// How many times `election_min` and `election_max` this node waits now.
    pub fn patience(&self) -> u32 {
        self.patience.factor
    }

    pub(super) fn election_min(&self) -> Duration {
        self.config.election_min.saturating_mul(self.patience())
    }

    pub(super) fn election_max(&self) -> Duration {
        self.config.election_max.saturating_mul(self.patience())
    }

    /// A follower has waited in vain; unless a hint made it wait less.
    pub(super) fn lose_patience(&mut self, now: Time) {
        if self.grows() && now.since(self.heard) >= self.election_min() {
            self.patience.suspected = Some(self.hard.term);
        }
    }

    /// A leader has waited in vain for the answers of a quorum.
    pub(super) fn miss_quorum(&mut self) {
        if self.grows() {
            self.patience.missed = Some(self.hard.term);
        }
    }

    /// A vote, for a candidacy of this term that is over and was not won.
    pub(super) fn on_late_vote(&mut self, term: u64) {
        if term > self.patience.learned {
            self.grow();
        }
    }

    /// An answer to the leader of this term, which this node is no more.
    pub(super) fn on_late_answer(&mut self, term: u64) {
        if self.patience.missed == Some(term) {
            self.grow();
        }
    }

    /// A word of the leader of this term, whom this node does not follow, or not any more.
    pub(super) fn on_late_leader(&mut self, term: u64) {
        let suspected = self.patience.suspected;
        if suspected.is_some_and(|last| (self.patience.learned..=last).contains(&term)) {
            self.grow();
        }
    }

    /// The leader stands: it was heard in time, or heard a quorum.
    pub(super) fn on_steady(&mut self, now: Time) {
        if self.patience.factor == 1 {
            return;
        }
        let (term, longest) = (self.hard.term, self.config.patience_max);
        let longest = self.config.election_max.saturating_mul(longest);
        match self.patience.steady {
            Some((of, since)) if of == term && now.since(since) < longest => return,
            Some((of, _)) if of == term => self.patience.factor /= 2,
            _ => {}
        }
        self.patience.steady = Some((term, now));
    }

    fn grow(&mut self) {
        if self.grows() {
            let factor = self.patience.factor.saturating_mul(2);
            self.patience = Patience::first(self.hard.term);
            self.patience.factor = factor.min(self.config.patience_max);
        }
    }

    fn grows(&self) -> bool {
        self.config.patience_max > 1
    }
}
