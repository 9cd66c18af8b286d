//! The detectors that compare a wait with a limit.

use crate::detector::{Detector, Observation, ProcessState, Suspicion, Transition};
use crate::probes::Probes;
use quorate_contract::Bounds;
use quorate_core::Time;
use std::time::Duration;

/// The perfect detector of a synchronous system: no answer within 2Δ + Φ, and the peer *has*
/// crashed (doc 000, `SYNC_FAILURE_DETECTION`; Chandra and Toueg 1996, class P).
///
/// The limit is stretched by the drift that the observer's own clock may have. The opinion is
/// final. When an answer comes all the same, the bounds did not hold: [`Perfect::refuted`] says
/// when that came out. What was decided by then is decided, which is why nothing that is to be
/// safe should stand on this.
#[derive(Clone, Debug, PartialEq)]
pub struct Perfect {
    limit: Duration,
    probes: Probes,
    belief: Suspicion,
    refuted: Option<Time>,
}

impl Perfect {
    /// For a system that keeps these bounds.
    pub fn new(bounds: &Bounds) -> Self {
        let trip = bounds.delta.saturating_mul(2).saturating_add(bounds.phi);
        let drift = trip.as_nanos() * u128::from(bounds.drift_ppm);
        let drift = u64::try_from(drift.div_ceil(1_000_000)).unwrap_or(u64::MAX);
        Self {
            limit: trip.saturating_add(Duration::from_nanos(drift)),
            probes: Probes::default(),
            belief: Suspicion::new(),
            refuted: None,
        }
    }

    /// 2Δ + Φ, as this observer's clock may show it.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// When the crashed peer answered.
    pub fn refuted(&self) -> Option<Time> {
        self.refuted
    }
}

impl Detector for Perfect {
    fn observe(&mut self, now: Time, seen: Observation) -> Option<Transition> {
        let late = self.pass(now);
        match seen {
            Observation::Probed { probe } => self.probes.probed(now, probe),
            Observation::Answered { probe, .. } => {
                self.probes.answered(probe);
                if self.belief.get() == ProcessState::Crashed {
                    self.refuted = self.refuted.or(Some(now));
                }
            }
        }
        late
    }

    fn pass(&mut self, now: Time) -> Option<Transition> {
        let overdue = self.next().is_some_and(|at| at <= now);
        overdue
            .then(|| self.belief.set(now, ProcessState::Crashed))
            .flatten()
    }

    fn next(&self) -> Option<Time> {
        match self.belief.get() {
            ProcessState::Crashed => None,
            _ => self.probes.overdue(self.limit),
        }
    }

    fn boxed(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }

    fn opinion(&self) -> ProcessState {
        self.belief.get()
    }

    fn level(&self, now: Time) -> f64 {
        self.probes.waited(now, self.limit)
    }
}

/// All that can be said in an asynchronous system: that one has not heard of the peer for a while
/// (doc 000, `ASYNC_FAILURE_DETECTION`). It never says more than
/// [`MaybeFailed`](ProcessState::MaybeFailed), however long the silence.
#[derive(Clone, Debug, PartialEq)]
pub struct MaybeFailed {
    after: Duration,
    probes: Probes,
    belief: Suspicion,
}

impl MaybeFailed {
    /// Says so after a silence of this length, which means nothing in particular.
    pub fn new(after: Duration) -> Self {
        Self {
            after,
            probes: Probes::default(),
            belief: Suspicion::new(),
        }
    }
}

impl Detector for MaybeFailed {
    fn observe(&mut self, now: Time, seen: Observation) -> Option<Transition> {
        let late = self.pass(now);
        match seen {
            Observation::Probed { probe } => self.probes.probed(now, probe),
            Observation::Answered { probe, .. } => {
                self.probes.answered(probe);
                return self.belief.set(now, ProcessState::Trusted);
            }
        }
        late
    }

    fn pass(&mut self, now: Time) -> Option<Transition> {
        let overdue = self.next().is_some_and(|at| at <= now);
        overdue
            .then(|| self.belief.set(now, ProcessState::MaybeFailed))
            .flatten()
    }

    fn next(&self) -> Option<Time> {
        match self.belief.get() {
            ProcessState::MaybeFailed => None,
            _ => self.probes.overdue(self.after),
        }
    }

    fn boxed(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }

    fn opinion(&self) -> ProcessState {
        self.belief.get()
    }

    fn level(&self, now: Time) -> f64 {
        self.probes.waited(now, self.after)
    }
}
