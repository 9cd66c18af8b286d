//! The knob on the synchrony assumption, turned: detection time against false suspicions.
//!
//! Seed 003: "the deadline is a knob on the synchrony assumption"; seed 000: too short, and
//! healthy peers are suspected; too long, and crashed ones are not. Each setting of each detector
//! sees the same questions, answers, losses and pauses, so that the difference is the setting's.

mod network;
mod play;

pub use network::{Delay, Network, Pauses, Probe};
pub use play::play;

use crate::{Deadline, Detector, Doubling, Estimate, MaybeFailed, Perfect, PhiAccrual};
use crate::{Quality, Shrink, Trace};
use quorate_contract::Bounds;
use quorate_core::Time;
use serde::Serialize;
use std::time::Duration;

/// A detector with its knob at one place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Setting {
    /// [`Perfect`], for these bounds; the knob is 2Δ + Φ in milliseconds.
    Perfect(Bounds),
    /// [`MaybeFailed`]; the knob is the silence in milliseconds.
    MaybeFailed(Duration),
    /// [`Doubling`]; the knob is the least time-out in milliseconds.
    Doubling(Duration, Shrink),
    /// [`Deadline`]; the knob is k.
    Deadline(f64),
    /// [`PhiAccrual`]; the knob is φ.
    Phi(f64, Estimate),
}

impl Setting {
    /// The detector's name and that of its knob.
    pub fn name(&self) -> (&'static str, &'static str) {
        match self {
            Self::Perfect(_) => ("perfect", "2Δ + Φ, ms"),
            Self::MaybeFailed(_) => ("maybe failed", "silence, ms"),
            Self::Doubling(_, Shrink::Halve) => ("doubling and halving", "least time-out, ms"),
            Self::Doubling(_, Shrink::Never) => ("doubling", "least time-out, ms"),
            Self::Deadline(_) => ("deadline", "k round trips"),
            Self::Phi(_, Estimate::Hayashibara) => ("φ (Hayashibara)", "φ"),
            Self::Phi(_, Estimate::Akka { .. }) => ("φ (Akka)", "φ"),
            Self::Phi(_, Estimate::Cassandra { .. }) => ("φ (Cassandra)", "φ"),
        }
    }

    /// Where the knob stands.
    pub fn knob(&self) -> f64 {
        let millis = |span: Duration| span.as_nanos() as f64 / 1e6;
        match self {
            Self::Perfect(bounds) => millis(Perfect::new(bounds).limit()),
            Self::MaybeFailed(after) | Self::Doubling(after, _) => millis(*after),
            Self::Deadline(at) | Self::Phi(at, _) => *at,
        }
    }

    /// The detector, for questions at this interval over a network of this round trip.
    pub fn build(&self, interval: Duration, round_trip: Duration) -> Box<dyn Detector> {
        match *self {
            Self::Perfect(bounds) => Box::new(Perfect::new(&bounds)),
            Self::MaybeFailed(after) => Box::new(MaybeFailed::new(after)),
            Self::Doubling(min, shrink) => {
                let max = min.max(Duration::from_secs(60));
                Box::new(Doubling::new(min, min, max, shrink))
            }
            Self::Deadline(k) => Box::new(Deadline::new(k, round_trip)),
            Self::Phi(at, estimate) => Box::new(PhiAccrual::new(at, estimate, 1000, interval)),
        }
    }
}

/// What is tried, on what network, for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// The network and the peer.
    pub network: Network,
    /// For how long the peer lives while mistakes are counted.
    pub span: Duration,
    /// How many crashes are tried, at moments spread over the span without its first tenth. The
    /// detector has lived until then, and learnt what there was to learn.
    pub crashes: u32,
    /// For how long after a crash a detector may take to notice.
    pub patience: Duration,
    /// The detectors, each with its knob at one place.
    pub settings: Vec<Setting>,
}

impl Experiment {
    /// Every detector with its knob from low to high: questions ten times a second, answers in 2
    /// to 4 ms and a tail, one in 4,096 lost (seed 003), a pause of 200 ms about once in two
    /// minutes; four hours, two hundred crashes.
    pub fn standard() -> Self {
        let ms = Duration::from_millis;
        let mut settings = vec![];
        for limit in [5, 10, 20, 50, 100, 200, 400, 800, 1600] {
            let bounds = Bounds {
                delta: ms(limit) / 2,
                phi: Duration::ZERO,
                drift_ppm: 0,
            };
            settings.push(Setting::Perfect(bounds));
            settings.push(Setting::MaybeFailed(ms(limit)));
            settings.push(Setting::Doubling(ms(limit), Shrink::Halve));
            settings.push(Setting::Doubling(ms(limit), Shrink::Never));
        }
        settings.extend([2.0, 4.0, 6.0, 10.0, 20.0, 50.0, 100.0, 200.0].map(Setting::Deadline));
        let akka = Estimate::Akka {
            acceptable_pause: ms(300),
            min_deviation: ms(10),
        };
        let cassandra = Estimate::Cassandra {
            max_interval: ms(200),
        };
        for at in [0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0] {
            for estimate in [Estimate::Hayashibara, akka, cassandra] {
                settings.push(Setting::Phi(at, estimate));
            }
        }
        Self {
            network: Network {
                interval: ms(100),
                delay: Delay::Exponential {
                    min: ms(1),
                    mean: Duration::from_micros(500),
                },
                loss: 1_000_000 / 4096,
                pauses: Some(Pauses {
                    every: Duration::from_secs(120),
                    length: ms(200),
                }),
            },
            span: Duration::from_secs(4 * 3600),
            crashes: 200,
            patience: Duration::from_secs(60),
            settings,
        }
    }
}

impl Experiment {
    /// The most questions that an experiment may ask.
    pub const MAX_PROBES: u128 = 10_000_000;

    /// Checks that it comes to an end, and soon enough.
    ///
    /// # Errors
    /// Says which figure is wrong and what it must be.
    pub fn check(&self) -> Result<(), String> {
        let Network {
            interval,
            loss,
            pauses,
            ..
        } = self.network;
        let probes = self.span.as_nanos() / interval.as_nanos().max(1);
        let rules = [
            (
                probes <= Self::MAX_PROBES,
                "span: must be at most ten million intervals",
            ),
            (
                loss <= 1_000_000,
                "loss: must be at most 1,000,000 in a million",
            ),
            (
                pauses.is_none_or(|pauses| pauses.every >= interval),
                "pauses: must be at least an interval apart",
            ),
            (self.crashes <= 100_000, "crashes: must be at most 100,000"),
            (
                self.patience <= self.span / 2,
                "patience: must be at most half of the span",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err((*rule).to_owned()),
            None => Ok(()),
        }
    }
}

/// What one setting came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The detector.
    pub detector: &'static str,
    /// What its knob turns.
    pub knob: &'static str,
    /// Where the knob stands.
    pub setting: f64,
    /// T_D, the mean over the crashes of a peer that was trusted and that were noticed, in
    /// milliseconds.
    pub detection_ms: Option<f64>,
    /// The longest of them.
    pub slowest_detection_ms: Option<f64>,
    /// How many crashes came to a peer that was suspected already, by mistake.
    pub already_suspected: u32,
    /// How many crashes were not noticed in the time that there was.
    pub unnoticed: u32,
    /// λ_M: how often in an hour a live peer was suspected.
    pub false_positives_per_hour: f64,
    /// T_M: how long that took to be taken back, in milliseconds; to the end of the run if it
    /// never was.
    pub mistake_ms: Option<f64>,
    /// T_MR: how long from one to the next, in milliseconds.
    pub recurrence_ms: Option<f64>,
    /// P_A: how likely it is, at a random moment of the peer's life, that it is trusted.
    pub accuracy: f64,
}

/// Runs an experiment (see [`Experiment::check`]); `words` are uniform over all values, and the
/// only chance there is.
pub fn tradeoff(experiment: &Experiment, words: &mut dyn FnMut() -> u64) -> Vec<Row> {
    let probes = experiment.network.draw(experiment.span, words);
    let crashes = crashes(experiment, words);
    let round_trip = typical_round_trip(&probes);
    let events = play::events(&probes);
    let end = Time::ZERO + experiment.span;
    experiment
        .settings
        .iter()
        .map(|setting| {
            let detector = setting.build(experiment.network.interval, round_trip);
            let patience = experiment.patience;
            let (life, crashed) =
                play::play_with_crashes(detector, &events, &crashes, patience, end);
            row(setting, &life.quality(), &crashed)
        })
        .collect()
}

/// Moments to crash at: one at random in each of as many equal parts of the time.
fn crashes(experiment: &Experiment, words: &mut dyn FnMut() -> u64) -> Vec<Time> {
    let from = experiment.span / 10;
    let room = experiment.span.saturating_sub(from + experiment.patience);
    let part =
        u64::try_from(room.as_nanos()).unwrap_or(u64::MAX) / u64::from(experiment.crashes.max(1));
    (0..u64::from(experiment.crashes))
        .filter(|_| part > 0)
        .map(|nth| Time::ZERO + from + Duration::from_nanos(part * nth + words() % part))
        .collect()
}

/// The median round trip of the questions that were answered.
fn typical_round_trip(probes: &[Probe]) -> Duration {
    let mut trips: Vec<_> = probes
        .iter()
        .filter_map(|probe| probe.answered.map(|at| at.since(probe.sent)))
        .collect();
    trips.sort_unstable();
    trips.get(trips.len() / 2).copied().unwrap_or_default()
}

fn row(setting: &Setting, life: &Quality, crashed: &[Trace]) -> Row {
    let millis = |span: Duration| span.as_nanos() as f64 / 1e6;
    let trusted = |trace: &&Trace| {
        trace
            .transitions
            .first()
            .is_none_or(|first| Some(first.at) != trace.crash)
    };
    let fresh: Vec<_> = crashed.iter().filter(trusted).collect();
    let noticed: Vec<_> = fresh
        .iter()
        .filter_map(|trace| trace.quality().detection)
        .collect();
    let total: Duration = noticed.iter().sum();
    let (detector, knob) = setting.name();
    Row {
        detector,
        knob,
        setting: setting.knob(),
        detection_ms: (!noticed.is_empty()).then(|| millis(total) / noticed.len() as f64),
        slowest_detection_ms: noticed.iter().max().copied().map(millis),
        already_suspected: (crashed.len() - fresh.len()) as u32,
        unnoticed: (fresh.len() - noticed.len()) as u32,
        false_positives_per_hour: life.mistakes_per_hour,
        mistake_ms: life.duration.map(millis),
        recurrence_ms: life.recurrence.map(millis),
        accuracy: life.accuracy,
    }
}
