//! The detectors that learn how long is long.

use crate::detector::{Detector, Observation, ProcessState, Suspicion, Transition};
use crate::probes::Probes;
use quorate_core::Time;
use std::time::Duration;

/// What a success does to a time-out that doubles with each failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shrink {
    /// Halves it, down to the minimum: doc 000's `PARTIAL_SYNC_FAILURE_DETECTION` as it stands.
    ///
    /// It is quick to notice a crash after good times, and not eventually accurate: if answers take
    /// longer than the minimum, each success causes the next failure. Its minimum has to be
    /// over the unknown bound.
    Halve,
    /// Leaves it: Chandra and Toueg's eventually perfect detector (1996, figure 10, with doubling
    /// in place of adding). After finitely many mistakes the time-out is over the unknown bound.
    Never,
}

/// A time-out that doubles with each failure, for a system whose bounds are unknown or begin at an
/// unknown time (doc 000).
///
/// Each attempt begins with a question. An answer in time trusts the peer; the time-out suspects
/// it, is doubled ("maybe we were too aggressive"), and ends the attempt. A late answer takes the
/// suspicion back and is no success.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubling {
    timeout: Duration,
    min: Duration,
    max: Duration,
    shrink: Shrink,
    probes: Probes,
    belief: Suspicion,
}

impl Doubling {
    /// Starts with a time-out of `first`, and keeps it between `min` and `max`.
    pub fn new(first: Duration, min: Duration, max: Duration, shrink: Shrink) -> Self {
        Self {
            timeout: first.clamp(min, max.max(min)),
            min,
            max: max.max(min),
            shrink,
            probes: Probes::default(),
            belief: Suspicion::new(),
        }
    }

    /// The time-out as it stands.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }
}

impl Detector for Doubling {
    fn observe(&mut self, now: Time, seen: Observation) -> Option<Transition> {
        let late = self.pass(now);
        match seen {
            Observation::Probed { probe } => self.probes.probed(now, probe),
            Observation::Answered { probe, .. } => {
                if self.probes.answered(probe) && self.shrink == Shrink::Halve {
                    self.timeout = (self.timeout / 2).max(self.min);
                }
                return self.belief.set(now, ProcessState::Trusted);
            }
        }
        late
    }

    fn pass(&mut self, now: Time) -> Option<Transition> {
        if self.next().is_none_or(|at| at > now) {
            return None;
        }
        self.probes.clear();
        self.timeout = self.timeout.saturating_mul(2).min(self.max);
        self.belief.set(now, ProcessState::Suspected)
    }

    fn next(&self) -> Option<Time> {
        self.probes.overdue(self.timeout)
    }

    fn boxed(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }

    fn opinion(&self) -> ProcessState {
        self.belief.get()
    }

    fn level(&self, now: Time) -> f64 {
        self.probes.waited(now, self.timeout)
    }
}

/// A deadline of `k` typical round trips: "a knob on the synchrony assumption" (doc 003, which
/// says 4 to 10). The round trip is measured as in RFC 6298, late answers included.
#[derive(Clone, Debug, PartialEq)]
pub struct AdaptiveDeadline {
    k: f64,
    round_trip: u64,
    probes: Probes,
    belief: Suspicion,
}

impl AdaptiveDeadline {
    /// `k` round trips, which are taken to be of this length until some have been measured.
    pub fn new(k: f64, round_trip: Duration) -> Self {
        Self {
            k: if k.is_finite() { k.max(0.0) } else { 0.0 },
            round_trip: nanos(round_trip),
            probes: Probes::default(),
            belief: Suspicion::new(),
        }
    }

    /// The deadline as it stands.
    pub fn limit(&self) -> Duration {
        // A cast from a float saturates.
        Duration::from_nanos((self.k * self.round_trip as f64) as u64)
    }
}

impl Detector for AdaptiveDeadline {
    fn observe(&mut self, now: Time, seen: Observation) -> Option<Transition> {
        let late = self.pass(now);
        match seen {
            Observation::Probed { probe } => self.probes.probed(now, probe),
            Observation::Answered { probe, sent } => {
                self.probes.answered(probe);
                let sample = nanos(now.since(sent));
                self.round_trip = self.round_trip - self.round_trip / 8 + sample / 8;
                return self.belief.set(now, ProcessState::Trusted);
            }
        }
        late
    }

    fn pass(&mut self, now: Time) -> Option<Transition> {
        let overdue = self.next().is_some_and(|at| at <= now);
        overdue
            .then(|| self.belief.set(now, ProcessState::Suspected))
            .flatten()
    }

    fn next(&self) -> Option<Time> {
        match self.belief.get() {
            ProcessState::Suspected => None,
            _ => self.probes.overdue(self.limit()),
        }
    }

    fn boxed(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }

    fn opinion(&self) -> ProcessState {
        self.belief.get()
    }

    /// In typical round trips.
    fn level(&self, now: Time) -> f64 {
        self.probes
            .waited(now, Duration::from_nanos(self.round_trip))
    }

    fn threshold(&self) -> f64 {
        self.k
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
