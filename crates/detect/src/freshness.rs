//! The detectors that wait for the next answer until a freshness point: Chen, Toueg and Aguilera's NFD-S
//! and NFD-E (2002), and that of Bertier, Marin and Sens (2002).
//!
//! They ask at a regular interval η, and look at which question an answer belongs to: the peer is trusted
//! as long as the next question's answer is not overdue, however long the last one took. Among the
//! detectors that ask as often and detect as fast, NFD-S makes the fewest mistakes (theorem 6 of Chen's).
//! The papers have heartbeats, sent unasked; here a question is a heartbeat whose way is a round trip.

use crate::detector::{Detector, Observation, ProcessState, Suspicion, Transition};
use crate::window::SampleWindow;
use quorate_core::Time;
use std::time::Duration;

/// How long after its question an answer is overdue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Margin {
    /// NFD-S: δ after the question was sent. A crash is suspected within η + δ.
    Shift(Duration),
    /// NFD-E: α after it is expected, which is as long after its question as the last ones took on
    /// average. A crash is suspected within η + α and a mean round trip.
    Expected(Duration),
    /// Bertier's: as NFD-E, with a margin that follows the errors of the expectation, as Jacobson's
    /// estimate of round trips does; so many of their deviations.
    Learnt(f64),
}

/// How many round trips the expectation looks at (Chen's simulations use 32; Bertier's 1,000).
const WINDOW: usize = 1000;
/// γ: how fast the margin follows the errors (Bertier, Marin, Sens 2002, as RFC 6298's 1/8).
const GAIN: f64 = 0.1;

/// A detector with freshness points.
#[derive(Clone, Debug, PartialEq)]
pub struct Freshness {
    interval: Duration,
    margin: Margin,
    round_trips: SampleWindow,
    /// The error of the expectation, smoothed, and its mean deviation; in nanoseconds.
    error: f64,
    deviation: f64,
    /// The last question that was answered, and when it was sent.
    answered: Option<(u64, Time)>,
    /// When the first question was sent.
    first: Option<Time>,
    belief: Suspicion,
}

impl Freshness {
    /// For questions at this interval, over a network whose round trip is about as long as said, until
    /// some have been measured.
    pub fn new(interval: Duration, round_trip: Duration, margin: Margin) -> Self {
        let mut round_trips = SampleWindow::new(WINDOW);
        round_trips.push(nanos(round_trip));
        Self {
            interval,
            margin,
            round_trips,
            error: 0.0,
            deviation: 0.0,
            answered: None,
            first: None,
            belief: Suspicion::new(),
        }
    }

    /// How long after its question an answer is overdue.
    fn limit(&self) -> Duration {
        let expected = self.round_trips.mean();
        // A cast from a float saturates.
        match self.margin {
            Margin::Shift(delta) => delta,
            Margin::Expected(alpha) => Duration::from_nanos(expected as u64).saturating_add(alpha),
            Margin::Learnt(deviations) => {
                let margin = self.error + deviations * self.deviation;
                Duration::from_nanos((expected + margin.max(0.0)) as u64)
            }
        }
    }

    /// When the question is sent that comes after the last answered one.
    fn next_sent(&self) -> Option<Time> {
        match self.answered {
            Some((_, sent)) => Some(sent + self.interval),
            None => self.first,
        }
    }

    fn learn(&mut self, round_trip: Duration) {
        let took = nanos(round_trip) as f64;
        let error = took - self.round_trips.mean() - self.error;
        self.error += GAIN * error;
        self.deviation += GAIN * (error.abs() - self.deviation);
        self.round_trips.push(nanos(round_trip));
    }
}

impl Detector for Freshness {
    fn observe(&mut self, now: Time, seen: Observation) -> Option<Transition> {
        let late = self.pass(now);
        let Observation::Answered { probe, sent } = seen else {
            self.first = self.first.or(Some(now));
            return late;
        };
        self.learn(now.since(sent));
        if self.answered.is_some_and(|(last, _)| last >= probe) {
            return late;
        }
        self.answered = Some((probe, sent));
        // An answer that comes after the freshness point of the next one proves nothing any more.
        let fresh = self.due().is_none_or(|at| at > now);
        match fresh {
            true => self.belief.set(now, ProcessState::Trusted).or(late),
            false => late,
        }
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
            _ => self.due(),
        }
    }

    fn boxed(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }

    fn opinion(&self) -> ProcessState {
        self.belief.get()
    }

    /// How much of the limit the next answer has taken.
    fn level(&self, now: Time) -> f64 {
        let sent = self.next_sent();
        let waited = sent.map_or(0, |sent| now.since(sent).as_nanos());
        waited as f64 / self.limit().as_nanos().max(1) as f64
    }
}

impl Freshness {
    /// The freshness point of the next question: the first moment at which its answer is overdue.
    fn due(&self) -> Option<Time> {
        let sent = self.next_sent()?;
        Some(sent + self.limit() + Duration::from_nanos(1))
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
