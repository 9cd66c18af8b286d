//! The adaptive timeout: how many times `election_min` and `election_max` this node waits, where the
//! bound on messages is not known.
//!
//! Fixed timeouts assume that elections are quicker (Raft §5.6). If messages take longer, candidates
//! give up before their votes arrive, again and again. Where the bound is unknown (Dwork, Lynch and
//! Stockmeyer 1988) timeouts must grow. As in the eventually perfect detector of Chandra and Toueg
//! (1996, figure 10), they grow by mistakes, and only by mistakes that show: what was given up comes
//! after all. So timeouts do not grow during an outage. Three things can come late:
//!
//! - a vote, when the candidacy ran out or a rival ended it;
//! - an answer of a follower, to a leader that stepped down for want of a quorum;
//! - a message of the leader, to a follower that suspected it, unless a newer leader has had an entry
//!   of its own committed: then the suspicion cost nothing, and time was enough for an election. A
//!   process that was paused for a second is such a leader: if it taught, all would wait for a second
//!   when the next one is lost. (A broken link is a hint, and no suspicion: it says nothing about
//!   time.)
//!
//! # Why elections come to an end
//!
//! Let an election and a round trip take less than `max_timeout_factor * election_min`. A node that is
//! too early again and again is, again and again, a candidate whose votes come late, a leader whose
//! answers do, or a follower whose leader does; each time its timeout doubles, until it is long
//! enough, or something is decided each time. Pre-votes teach nothing: an answer to one question counts for the next. Heartbeats stay as
//! they are: a leader that is heard more often than it must be does no harm.
//!
//! # Why halving does no harm
//!
//! A slow hour should not make failover slow from then on, so the timeout halves while a leader
//! stands. But halving must not cause the next failure before anything is decided. So it takes a
//! leader that is heard for `max_timeout_factor * election_max`, the longest timeout there is, without
//! a mistake or an election: in that time all is decided that it was asked for in the beginning.
//! Either halving ends, and then elections do, or such times come again and again. And a node that
//! has halved too often deposes no leader by itself: it asks for pre-votes, those with a longer
//! timeout refuse (thesis §9.6), and the next message of the leader doubles its timeout.

use super::Raft;
use quorate_core::Time;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct AdaptiveTimeout {
    /// How many times the configured timeouts.
    factor: u32,
    /// The term in which it doubled last, or in which this node started: what was asked for until
    /// then, with a shorter timeout, teaches nothing more.
    learned: u64,
    /// The last term whose leader this node has suspected.
    suspected: Option<u64>,
    /// The term in which it led and missed its quorum.
    missed: Option<u64>,
    /// Since when the leader of this term has been heard.
    steady: Option<(u64, Time)>,
}

impl AdaptiveTimeout {
    /// Since when the leader of a term has been heard.
    pub(super) fn steady_since(&mut self) -> Option<&mut Time> {
        self.steady.as_mut().map(|(_, since)| since)
    }

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
    pub fn timeout_factor(&self) -> u32 {
        self.adaptive.factor
    }

    pub(super) fn election_min(&self) -> Duration {
        self.config
            .election_min
            .saturating_mul(self.timeout_factor())
    }

    pub(super) fn election_max(&self) -> Duration {
        self.config
            .election_max
            .saturating_mul(self.timeout_factor())
    }

    /// A follower suspects its leader: it heard nothing for its timeout, unless a hint made it wait less.
    pub(super) fn suspect_leader(&mut self, now: Time) {
        if self.grows() && now.since(self.heard) >= self.election_min() {
            self.adaptive.suspected = Some(self.hard.term);
        }
    }

    /// A leader has waited in vain for the answers of a quorum.
    pub(super) fn miss_quorum(&mut self) {
        if self.grows() {
            self.adaptive.missed = Some(self.hard.term);
        }
    }

    /// A vote, for a candidacy of this term that is over and was not won.
    pub(super) fn on_late_vote(&mut self, term: u64) {
        if term > self.adaptive.learned {
            self.grow();
        }
    }

    /// An answer to the leader of this term, which this node is no more.
    pub(super) fn on_late_answer(&mut self, term: u64) {
        if self.adaptive.missed == Some(term) {
            self.grow();
        }
    }

    /// A message of the leader of this term, which this node does not follow, or no longer.
    pub(super) fn on_late_leader(&mut self, term: u64) {
        let suspected = self.adaptive.suspected;
        let newer_decided = self
            .hard
            .log
            .term_at(self.commit)
            .is_some_and(|it| it > term);
        if newer_decided {
            return;
        }
        if suspected.is_some_and(|last| (self.adaptive.learned..=last).contains(&term)) {
            self.grow();
        }
    }

    /// The leader stands: it was heard in time, or heard a quorum.
    pub(super) fn on_steady(&mut self, now: Time) {
        if self.adaptive.factor == 1 {
            return;
        }
        let (term, longest) = (self.hard.term, self.config.max_timeout_factor);
        let longest = self.config.election_max.saturating_mul(longest);
        match self.adaptive.steady {
            Some((of, since)) if of == term && now.since(since) < longest => return,
            Some((of, _)) if of == term => self.adaptive.factor /= 2,
            _ => {}
        }
        self.adaptive.steady = Some((term, now));
    }

    fn grow(&mut self) {
        if self.grows() {
            let factor = self.adaptive.factor.saturating_mul(2);
            self.adaptive = AdaptiveTimeout::first(self.hard.term);
            self.adaptive.factor = factor.min(self.config.max_timeout_factor);
        }
    }

    fn grows(&self) -> bool {
        self.config.max_timeout_factor > 1
    }
}
