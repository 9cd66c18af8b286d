//! What a detector's suspicions are worth: the metrics of Chen, Toueg and Aguilera, *On the quality
//! of service of failure detectors* (IEEE Transactions on Computers 51(5), 2002).

use crate::detector::{ProcessState, Transition};
use quorate_core::Time;
use serde::{Serialize, Serializer};
use std::time::Duration;

/// One observer's opinions of one peer over a time, and the truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputTrace {
    /// From when on opinions count. The peer is trusted then.
    pub begin: Time,
    /// Until when.
    pub end: Time,
    /// When the peer crashed, if it did.
    pub crash: Option<Time>,
    /// The changes of opinion, in order.
    pub transitions: Vec<Transition>,
}

/// The metrics, in the paper's terms. Speed is of the crash, accuracy of the time before it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quality {
    /// T_D, detection time: from the crash to when the peer is suspected for good; zero if it is
    /// already. `None` if there is no crash, or if it is not noticed before the trace ends.
    #[serde(serialize_with = "millis")]
    pub detection: Option<Duration>,
    /// How often a live peer was suspected.
    pub mistakes: u64,
    /// T_MR, mistake recurrence time: the mean time from one mistake to the next. `None` with
    /// fewer than two.
    #[serde(serialize_with = "millis")]
    pub recurrence: Option<Duration>,
    /// T_M, mistake duration: the mean time until a mistake is taken back. A last one that is not
    /// counts for as long as it lasted. `None` without a mistake.
    #[serde(serialize_with = "millis")]
    pub duration: Option<Duration>,
    /// T_G, good period: the mean time from the end of one mistake to the next. `None` with fewer than
    /// two.
    #[serde(serialize_with = "millis")]
    pub good: Option<Duration>,
    /// T_FG, forward good period: at a random moment at which the peer is trusted, how long will it be,
    /// on average, until the next mistake? (Longer than half of T_G, for one is likelier to come upon a
    /// long good period; theorem 1 of the paper.)
    #[serde(serialize_with = "millis")]
    pub forward_good: Option<Duration>,
    /// λ_M, mistake rate, per hour.
    pub mistakes_per_hour: f64,
    /// P_A, query accuracy probability: asked at a random moment of the peer's life, how likely is
    /// the detector to be right?
    pub accuracy: f64,
    /// Of how long a life that is the measure.
    #[serde(serialize_with = "millis")]
    pub observed: Option<Duration>,
}

fn millis<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    span.map(|span| span.as_nanos() as f64 / 1e6)
        .serialize(serializer)
}

/// E(T_G²) / 2E(T_G).
fn forward(good: &[Duration]) -> Option<Duration> {
    let seconds = || good.iter().map(Duration::as_secs_f64);
    let (sum, squares) = (
        seconds().sum::<f64>(),
        seconds().map(|s| s * s).sum::<f64>(),
    );
    (sum > 0.0).then(|| Duration::from_secs_f64(squares / (2.0 * sum)))
}

impl OutputTrace {
    /// Measures it.
    pub fn quality(&self) -> Quality {
        let alive_until = self.crash.unwrap_or(self.end).min(self.end);
        let observed = alive_until.since(self.begin);
        let mistakes = self.mistakes(alive_until);
        let wrong: Duration = mistakes.iter().map(|(from, to)| to.since(*from)).sum();
        let count = mistakes.len() as u32;
        let pairs = mistakes.windows(2);
        let good: Vec<Duration> = pairs.map(|pair| pair[1].0.since(pair[0].1)).collect();
        let recurrence = match (mistakes.first(), mistakes.last()) {
            (Some((first, _)), Some((last, _))) if count > 1 => {
                Some(last.since(*first) / (count - 1))
            }
            _ => None,
        };
        let share = |part: Duration| match observed.as_nanos() {
            0 => 0.0,
            all => part.as_nanos() as f64 / all as f64,
        };
        Quality {
            detection: self.detection(),
            mistakes: u64::from(count),
            recurrence,
            duration: (count > 0).then(|| wrong / count),
            good: (count > 1).then(|| good.iter().sum::<Duration>() / (count - 1)),
            forward_good: forward(&good),
            mistakes_per_hour: f64::from(count) * share(Duration::from_secs(3600)),
            accuracy: 1.0 - share(wrong),
            observed: Some(observed),
        }
    }

    /// When a peer that lives until `alive_until` was suspected, from and to.
    fn mistakes(&self, alive_until: Time) -> Vec<(Time, Time)> {
        let mut mistakes = vec![];
        let mut since = None;
        for Transition { at, to } in &self.transitions {
            if *at >= alive_until {
                break;
            }
            match (since, to.is_trust()) {
                (None, false) => since = Some((*at).max(self.begin)),
                (Some(from), true) => {
                    mistakes.push((from, *at));
                    since = None;
                }
                _ => {}
            }
        }
        mistakes.extend(since.map(|from| (from, alive_until)));
        mistakes
    }

    fn detection(&self) -> Option<Duration> {
        let crash = self.crash?;
        let mut suspected = None;
        for Transition { at, to } in &self.transitions {
            suspected = match (suspected, to) {
                (_, ProcessState::Trusted) => None,
                (None, _) => Some(*at),
                (since, _) => since,
            };
        }
        suspected.map(|since: Time| since.since(crash))
    }
}
