//! The φ accrual detector: suspicion as a number.

use crate::detector::{Detector, Observation, ProcessState, Suspicion, Transition};
use crate::window::SampleWindow;
use quorate_core::Time;
use std::time::Duration;

/// From the intervals seen so far, how improbable is the silence?
///
/// All three say φ(t) = −log₁₀ P(an arrival after a silence of t is still to come): with φ = 1 one
/// is wrong about one time in ten, with φ = 3 one in a thousand, if intervals keep to the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Estimate {
    /// Hayashibara, Défago, Yared and Katayama (2004): the intervals are normal, with the window's
    /// own mean and deviation. After a regular spell the deviation is small, and the first
    /// hiccough is suspicious beyond measure.
    Hayashibara,
    /// As in Akka: against that, the deviation has a floor, and a pause that is acceptable is added
    /// to the mean. The normal distribution is approximated by a logistic one, and an interval
    /// that ended a suspicion is not learnt from.
    Akka {
        /// Added to the mean: how long a garbage collection may take.
        acceptable_pause: Duration,
        /// The floor of the deviation.
        min_deviation: Duration,
    },
    /// As in Cassandra: the intervals are exponential, so that φ = t / (mean · ln 10) and the
    /// deviation does not count. A threshold of 8 is 18.4 mean intervals. Intervals over a bound
    /// are not learnt from.
    Cassandra {
        /// Longer intervals say nothing of the usual ones.
        max_interval: Duration,
    },
}

/// The φ accrual detector (Hayashibara and others, SRDS 2004): it gives the level of suspicion,
/// and leaves it to each user which level is too much. Here that is a threshold.
///
/// It looks at arrivals alone, not at which question they answer.
#[derive(Clone, Debug, PartialEq)]
pub struct PhiAccrual {
    threshold: f64,
    estimate: Estimate,
    /// How many deviations over the mean (for the exponential: how many means) the threshold is.
    deviates: f64,
    window: SampleWindow,
    last: Option<Time>,
    belief: Suspicion,
}

/// φ is given up to here; beyond, the probability is too small for a double.
pub const MAX_PHI: f64 = 300.0;

impl PhiAccrual {
    /// Suspects at `threshold` (of at most [`MAX_PHI`]), and looks at the last `window` intervals.
    /// Until there are some, they are taken to be about `first_interval`, give or take a quarter
    /// of it.
    pub fn new(
        threshold: f64,
        estimate: Estimate,
        window: usize,
        first_interval: Duration,
    ) -> Self {
        let first = u64::try_from(first_interval.as_nanos()).unwrap_or(u64::MAX);
        let mut intervals = SampleWindow::new(window);
        intervals.push(first - first / 4);
        intervals.push(first.saturating_add(first / 4));
        let threshold = threshold.clamp(0.0, MAX_PHI);
        Self {
            threshold,
            estimate,
            deviates: solve(|deviates| phi(&estimate, deviates), threshold),
            window: intervals,
            last: None,
            belief: Suspicion::new(),
        }
    }

    /// What the intervals are measured from and with, in nanoseconds.
    fn scale(&self) -> (f64, f64) {
        let (mean, deviation) = (self.window.mean(), self.window.deviation());
        match self.estimate {
            Estimate::Hayashibara => (mean, deviation.max(1.0)),
            Estimate::Akka {
                acceptable_pause,
                min_deviation,
            } => (
                mean + acceptable_pause.as_nanos() as f64,
                deviation.max(min_deviation.as_nanos() as f64).max(1.0),
            ),
            Estimate::Cassandra { .. } => (0.0, mean.max(1.0)),
        }
    }

    fn learn(&mut self, interval: Duration) {
        let worth_it = match self.estimate {
            Estimate::Hayashibara => true,
            Estimate::Akka { .. } => self.belief.get().is_trust(),
            Estimate::Cassandra { max_interval } => interval <= max_interval,
        };
        if worth_it {
            self.window
                .push(u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX));
        }
    }
}

impl Detector for PhiAccrual {
    fn observe(&mut self, now: Time, seen: Observation) -> Option<Transition> {
        let late = self.pass(now);
        match seen {
            Observation::Probed { .. } => {
                // The silence counts from the first question on.
                self.last = self.last.or(Some(now));
                late
            }
            Observation::Answered { .. } => {
                if let Some(last) = self.last {
                    self.learn(now.since(last));
                }
                self.last = Some(now);
                self.belief.set(now, ProcessState::Trusted)
            }
        }
    }

    fn pass(&mut self, now: Time) -> Option<Transition> {
        let overdue = self.next().is_some_and(|at| at <= now);
        overdue
            .then(|| self.belief.set(now, ProcessState::Suspected))
            .flatten()
    }

    fn next(&self) -> Option<Time> {
        if self.belief.get() == ProcessState::Suspected {
            return None;
        }
        let (from, unit) = self.scale();
        let silence = (from + unit * self.deviates).max(0.0) as u64;
        self.last.map(|last| last + Duration::from_nanos(silence))
    }

    fn boxed(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }

    fn opinion(&self) -> ProcessState {
        self.belief.get()
    }

    /// φ.
    fn level(&self, now: Time) -> f64 {
        let (from, unit) = self.scale();
        self.last.map_or(0.0, |last| {
            phi(
                &self.estimate,
                (now.since(last).as_nanos() as f64 - from) / unit,
            )
        })
    }

    fn threshold(&self) -> f64 {
        self.threshold
    }
}

/// φ of a silence that is so many deviations over the mean (for the exponential: so many means).
fn phi(estimate: &Estimate, deviates: f64) -> f64 {
    let phi = match estimate {
        Estimate::Hayashibara => {
            -libm::log10(0.5 * libm::erfc(deviates / std::f64::consts::SQRT_2))
        }
        Estimate::Akka { .. } => {
            let slope = deviates * (1.5976 + 0.070_566 * deviates * deviates);
            // log₁₀(1 + e^slope), where e^slope may be too large for a double.
            match slope {
                slope if slope > 700.0 => slope * std::f64::consts::LOG10_E,
                slope => libm::log1p(libm::exp(slope)) * std::f64::consts::LOG10_E,
            }
        }
        Estimate::Cassandra { .. } => deviates * std::f64::consts::LOG10_E,
    };
    phi.clamp(0.0, MAX_PHI)
}

/// Where a function that grows reaches `value`.
fn solve(grows: impl Fn(f64) -> f64, value: f64) -> f64 {
    let (mut low, mut high) = (-1000.0, 1000.0);
    for _ in 0..200 {
        let middle = (low + high) / 2.0;
        if grows(middle) < value {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}
