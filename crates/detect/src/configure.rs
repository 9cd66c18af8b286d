//! From the quality that is wanted to the parameters that give it (Chen, Toueg and Aguilera 2002, §5
//! and §6): how often to ask, and how long to wait.
//!
//! The procedure knows the mean and the variance of the round trip, and how many are lost, and nothing
//! else: it bounds the tail by the one-sided inequality of Chebyshev, so that what it promises holds for
//! every distribution. It takes delays and losses for independent of each other. A peer that pauses breaks
//! that, because all its answers are late at once; so what comes out is held against a simulation
//! ([`crate::experiment`]).

use crate::experiment::{PeerRun, Probe, Row, Setting};
use crate::freshness::Margin;
use crate::phi::{Estimate, MAX_PHI};
use serde::Serialize;
use std::time::Duration;

/// The quality that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WantedQuality {
    /// T_D^U: a crash is suspected within this.
    pub detection: Duration,
    /// T_MR^L: from one mistake to the next it takes this long or longer, on average.
    pub recurrence: Duration,
    /// T_M^U: a mistake is taken back within this, on average.
    pub duration: Duration,
}

/// What is known of the network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RoundTripEstimate {
    /// How likely a question or its answer is lost: 0 to 1.
    pub loss: f64,
    /// E(D), of a round trip, in seconds.
    pub mean: f64,
    /// V(D), in seconds squared.
    pub variance: f64,
}

impl RoundTripEstimate {
    /// From questions that were asked. `None` if none was answered.
    pub fn of(probes: &[Probe]) -> Option<Self> {
        let trips: Vec<f64> = probes
            .iter()
            .filter_map(|probe| Some(probe.answered?.since(probe.sent).as_secs_f64()))
            .collect();
        if trips.is_empty() {
            return None;
        }
        let count = trips.len() as f64;
        let mean = trips.iter().sum::<f64>() / count;
        let squares = trips.iter().map(|trip| (trip - mean) * (trip - mean));
        Some(Self {
            loss: 1.0 - count / probes.len() as f64,
            mean,
            variance: squares.sum::<f64>() / count,
        })
    }
}

/// How to ask and how long to wait, with what that promises.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DetectorParameters {
    /// η: from one question to the next.
    pub interval: Duration,
    /// δ of NFD-S: an answer is overdue so long after its question.
    pub shift: Duration,
    /// α of NFD-E: an answer is overdue so long after it is expected.
    pub margin: Duration,
    /// T_MR of NFD-S and NFD-E is at least this, on average.
    pub recurrence: Duration,
    /// T_M is at most this, on average.
    pub duration: Duration,
}

impl DetectorParameters {
    /// The detectors, configured.
    pub fn settings(&self) -> [Setting; 2] {
        [
            Setting::Freshness(Margin::Shift(self.shift)),
            Setting::Freshness(Margin::Expected(self.margin)),
        ]
    }
}

/// Nothing is asked more often.
const SHORTEST: f64 = 1e-6;
/// From one interval tried to the next.
const STEP: f64 = 0.99;

/// The largest interval that keeps what is wanted, and the wait that goes with it.
///
/// # Errors
/// Says what is out of reach, and what would be within it.
pub fn configure(
    wanted: &WantedQuality,
    network: &RoundTripEstimate,
) -> Result<DetectorParameters, String> {
    let (mean, variance) = (network.mean, network.variance);
    // What is left of the detection time beyond an average round trip.
    let slack = wanted.detection.as_secs_f64() - mean;
    if slack <= 0.0 {
        return Err(format!(
            "a crash cannot be told within {:?}: an answer takes {:.3} ms on average; ask for longer",
            wanted.detection,
            mean * 1e3
        ));
    }
    // γ': how likely, at the least, an answer comes in time.
    let in_time = (1.0 - network.loss) * slack * slack / (variance + slack * slack);
    let most = (in_time * wanted.duration.as_secs_f64()).min(slack);
    let recurrence = wanted.recurrence.as_secs_f64();
    let mut interval = most;
    loop {
        if interval < SHORTEST {
            return Err(format!(
                "no interval keeps mistakes {:?} apart on this network: {} of {} questions are lost and a \
                 round trip varies by {:.3} ms; ask for a longer detection time, or for less between mistakes",
                wanted.recurrence,
                (network.loss * 1e6).round(),
                1_000_000,
                variance.sqrt() * 1e3
            ));
        }
        if least_recurrence(interval, slack, network) >= recurrence {
            break;
        }
        interval *= STEP;
    }
    let margin = slack - interval;
    Ok(DetectorParameters {
        interval: Duration::from_secs_f64(interval),
        shift: Duration::from_secs_f64(margin + mean),
        margin: Duration::from_secs_f64(margin),
        recurrence: seconds(least_recurrence(interval, slack, network)),
        duration: seconds(interval / in_time),
    })
}

/// f(η): mistakes are at least so far apart, on average. Each answer that could still come in time has
/// not, by Chebyshev.
fn least_recurrence(interval: f64, slack: f64, network: &RoundTripEstimate) -> f64 {
    let answers = (slack / interval).ceil() - 1.0;
    let mut product = interval;
    let mut answer = 1.0;
    while answer <= answers && product < 1e12 {
        let left = (slack - answer * interval).powi(2);
        product *= (network.variance + left) / (network.variance + network.loss * left);
        answer += 1.0;
    }
    product
}

/// The largest φ of Hayashibara's detector with which 99 of 100 crashes of a life are told in the time
/// wanted, and what it came to. There is no formula that does not trust the distribution: so it is found
/// by trying. `None` if the smallest is too slow.
pub fn fit_phi(wanted: &WantedQuality, life: &PeerRun) -> Option<(f64, Row)> {
    let (mut low, mut high) = (0.0, MAX_PHI);
    let mut best = None;
    for _ in 0..TRIES {
        let phi = (low + high) / 2.0;
        let row = life.measure(&Setting::Phi(phi, Estimate::Hayashibara));
        let in_time = |time: f64| time <= wanted.detection.as_secs_f64() * 1e3;
        if row.unnoticed == 0 && row.detection.is_some_and(|time| in_time(time.p99_ms)) {
            best = Some((phi, row));
            low = phi;
        } else {
            high = phi;
        }
    }
    best
}

/// How often the range of φ is halved: to a tenth.
const TRIES: u32 = 12;

/// So many seconds, or as many as there are.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}
