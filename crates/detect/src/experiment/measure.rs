//! One life of a peer, and what each setting makes of it.

use super::{DetectorExperiment, Probe, Setting, run};
use crate::quality::{OutputTrace, Quality};
use quorate_core::Time;
use serde::Serialize;
use std::time::Duration;

/// How long detection took, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Detection {
    /// On average.
    pub mean_ms: f64,
    /// In half of the crashes.
    pub median_ms: f64,
    /// In 99 of 100 crashes (the nearest rank).
    pub p99_ms: f64,
    /// At worst.
    pub worst_ms: f64,
}

impl Detection {
    fn of(mut times: Vec<Duration>) -> Option<Self> {
        times.sort_unstable();
        let worst = *times.last()?;
        let rank = |percent: usize| times[(times.len() * percent).div_ceil(100) - 1];
        let total: Duration = times.iter().sum();
        Some(Self {
            mean_ms: millis(total) / times.len() as f64,
            median_ms: millis(rank(50)),
            p99_ms: millis(rank(99)),
            worst_ms: millis(worst),
        })
    }
}

fn millis(span: Duration) -> f64 {
    span.as_nanos() as f64 / 1e6
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
    /// T_D over the crashes of a peer that was trusted and that were noticed, in milliseconds.
    pub detection: Option<Detection>,
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
    /// T_G: how long from the end of one to the next, in milliseconds.
    pub good_ms: Option<f64>,
    /// T_FG: how long from a random moment of trust to the next mistake, in milliseconds.
    pub forward_good_ms: Option<f64>,
    /// P_A: how likely it is, at a random moment of the peer's life, that it is trusted.
    pub accuracy: f64,
}

/// What chance has drawn for an experiment: the questions and what becomes of them, and the moments
/// to crash at. Every setting sees the same.
#[derive(Clone, Debug)]
pub struct PeerRun {
    interval: Duration,
    patience: Duration,
    end: Time,
    crashes: Vec<Time>,
    round_trip: Duration,
    events: Vec<run::PeerEvent>,
}

impl PeerRun {
    /// Draws one (see [`DetectorExperiment::check`]); `words` are uniform over all values, and the only
    /// chance there is.
    pub fn draw(experiment: &DetectorExperiment, words: &mut dyn FnMut() -> u64) -> Self {
        let probes = experiment.network.draw(experiment.span, words);
        Self {
            interval: experiment.network.interval,
            patience: experiment.patience,
            end: Time::ZERO + experiment.span,
            crashes: crashes(experiment, words),
            round_trip: typical_round_trip(&probes),
            events: run::events(&probes),
        }
    }

    /// Plays it to a detector.
    pub fn measure(&self, setting: &Setting) -> Row {
        let detector = setting.build(self.interval, self.round_trip);
        let (life, crashed) = run::play_with_crashes(
            detector,
            &self.events,
            &self.crashes,
            self.patience,
            self.end,
        );
        row(setting, &life.quality(), &crashed)
    }
}

/// Moments to crash at: one at random in each of as many equal parts of the time.
fn crashes(experiment: &DetectorExperiment, words: &mut dyn FnMut() -> u64) -> Vec<Time> {
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

fn row(setting: &Setting, life: &Quality, crashed: &[OutputTrace]) -> Row {
    let trusted = |trace: &&OutputTrace| {
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
    let (detector, knob) = setting.name();
    Row {
        detector,
        knob,
        setting: setting.knob(),
        already_suspected: (crashed.len() - fresh.len()) as u32,
        unnoticed: (fresh.len() - noticed.len()) as u32,
        detection: Detection::of(noticed),
        false_positives_per_hour: life.mistakes_per_hour,
        mistake_ms: life.duration.map(millis),
        recurrence_ms: life.recurrence.map(millis),
        good_ms: life.good.map(millis),
        forward_good_ms: life.forward_good.map(millis),
        accuracy: life.accuracy,
    }
}
