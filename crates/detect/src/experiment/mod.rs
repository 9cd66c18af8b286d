//! The knob on the synchrony assumption, turned: detection time against false suspicions.
//!
//! Doc 003: "the deadline is a knob on the synchrony assumption"; doc 000: too short, and
//! healthy peers are suspected; too long, and crashed ones are not. Each setting of each detector
//! sees the same questions, answers, losses and pauses, so that the difference is the setting's.

mod measure;
mod network;
mod run;
mod setting;

pub use measure::{Detection, PeerRun, Row};
pub use network::{OneWayDelay, Pauses, Probe, ProbeNetwork};
pub use run::run;
pub use setting::Setting;

use std::time::Duration;

/// What is tried, on what network, for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectorExperiment {
    /// The network and the peer.
    pub network: ProbeNetwork,
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

impl DetectorExperiment {
    /// Every detector with its knob from low to high, over this network. A crash is waited out for
    /// a minute, or longer if questions are rare or pauses long.
    pub fn over(network: ProbeNetwork, span: Duration, crashes: u32) -> Self {
        let pause = network
            .pauses
            .map_or(Duration::ZERO, |pauses| pauses.length);
        let patience = Duration::from_secs(60)
            .max(network.interval.saturating_mul(60))
            .max(pause.saturating_mul(20));
        Self {
            network,
            span,
            crashes,
            patience,
            settings: setting::all(&network),
        }
    }

    /// [`DetectorExperiment::over`] the network of [`ProbeNetwork::standard`]: four hours, two hundred crashes.
    pub fn standard() -> Self {
        Self::over(ProbeNetwork::standard(), Duration::from_secs(4 * 3600), 200)
    }
}

impl DetectorExperiment {
    /// The most questions that an experiment may ask.
    pub const MAX_PROBES: u128 = 2_000_000;
    /// No interval, delay or pause is longer on average.
    pub const LONGEST: Duration = Duration::from_secs(3600);

    /// Checks that it comes to an end, and soon enough.
    ///
    /// # Errors
    /// Says which figure is wrong and what it must be.
    pub fn check(&self) -> Result<(), String> {
        let ProbeNetwork {
            interval,
            delay,
            loss,
            pauses,
            ..
        } = self.network;
        let probes = self.span.as_nanos() / interval.as_nanos().max(1);
        let longest = Self::LONGEST;
        let pause = pauses.map_or(Duration::ZERO, |pauses| pauses.length);
        let rules = [
            (!interval.is_zero(), "interval: must be more than nothing"),
            (
                interval <= longest && delay.mean() <= longest && pause <= longest,
                "interval, delay, pause: must each be at most an hour",
            ),
            (
                probes <= Self::MAX_PROBES,
                "span: must be at most two million intervals",
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
                "span: must be at least twice the time that a crash is waited out for",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err((*rule).to_owned()),
            None => Ok(()),
        }
    }
}

/// Runs an experiment (see [`DetectorExperiment::check`]); `words` are uniform over all values, and the
/// only chance there is.
pub fn tradeoff(experiment: &DetectorExperiment, words: &mut dyn FnMut() -> u64) -> Vec<Row> {
    let life = PeerRun::draw(experiment, words);
    let settings = experiment.settings.iter();
    settings.map(|setting| life.measure(setting)).collect()
}
