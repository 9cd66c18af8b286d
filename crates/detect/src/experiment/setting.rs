//! The detectors, and the places that their knobs are put to.

use super::ProbeNetwork;
use crate::adaptive::{AdaptiveDeadline, Doubling, Shrink};
use crate::detector::Detector;
use crate::freshness::{Freshness, Margin};
use crate::phi::{Estimate, PhiAccrual};
use crate::timeout::{MaybeFailed, Perfect};
use quorate_contract::Bounds;
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
    /// [`AdaptiveDeadline`]; the knob is k.
    Deadline(f64),
    /// [`PhiAccrual`]; the knob is φ.
    Phi(f64, Estimate),
    /// [`Freshness`]; the knob is the margin, in milliseconds or in deviations.
    Freshness(Margin),
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
            Self::Freshness(Margin::Shift(_)) => ("NFD-S", "δ, ms"),
            Self::Freshness(Margin::Expected(_)) => ("NFD-E", "α, ms"),
            Self::Freshness(Margin::Learnt(_)) => ("Bertier", "deviations"),
        }
    }

    /// Where the knob stands.
    pub fn knob(&self) -> f64 {
        let millis = |span: Duration| span.as_nanos() as f64 / 1e6;
        match self {
            Self::Perfect(bounds) => millis(Perfect::new(bounds).limit()),
            Self::MaybeFailed(after) | Self::Doubling(after, _) => millis(*after),
            Self::Freshness(Margin::Shift(margin) | Margin::Expected(margin)) => millis(*margin),
            Self::Deadline(at) | Self::Phi(at, _) | Self::Freshness(Margin::Learnt(at)) => *at,
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
            Self::Deadline(k) => Box::new(AdaptiveDeadline::new(k, round_trip)),
            Self::Freshness(margin) => Box::new(Freshness::new(interval, round_trip, margin)),
            Self::Phi(at, estimate) => Box::new(PhiAccrual::new(at, estimate, 1000, interval)),
        }
    }
}

/// Every detector with its knob from low to high: time-outs from a round trip's length to eight
/// intervals or pauses, whichever is longer, in steps of 1, 2, 5; a deadline of as many
/// round trips; φ from 0.5 to 12. What Akka and Cassandra add to φ is in intervals, in the proportions
/// that they ship with: Akka accepts a pause of 3 (3 s at one a second) and takes the deviation
/// for at least a tenth; Cassandra learns nothing from intervals over 2.
pub(super) fn all(network: &ProbeNetwork) -> Vec<Setting> {
    let pause = network
        .pauses
        .map_or(Duration::ZERO, |pauses| pauses.length);
    let round_trip = network.delay.mean() * 2;
    let longest = network.interval.max(pause).saturating_mul(8);
    let mut settings = vec![];
    let nanos = |span: Duration| span.as_nanos() as f64;
    for limit in steps(nanos(round_trip), nanos(longest)) {
        let limit = Duration::from_nanos(limit as u64);
        let bounds = Bounds {
            delta: limit / 2,
            phi: Duration::ZERO,
            drift_ppm: 0,
        };
        settings.push(Setting::Perfect(bounds));
        settings.push(Setting::MaybeFailed(limit));
        settings.push(Setting::Doubling(limit, Shrink::Halve));
        settings.push(Setting::Doubling(limit, Shrink::Never));
        settings.push(Setting::Freshness(Margin::Shift(limit)));
        settings.push(Setting::Freshness(Margin::Expected(limit)));
    }
    let most = longest.as_secs_f64() / round_trip.as_secs_f64().max(1e-9);
    let few = [2.0, 4.0, 6.0, 10.0].into_iter();
    settings.extend(few.chain(steps(10.0, most)).map(Setting::Deadline));
    settings.extend(
        [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0].map(|at| Setting::Freshness(Margin::Learnt(at))),
    );
    let akka = Estimate::Akka {
        acceptable_pause: network.interval * 3,
        min_deviation: network.interval / 10,
    };
    let cassandra = Estimate::Cassandra {
        max_interval: network.interval * 2,
    };
    for at in [0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0] {
        for estimate in [Estimate::Hayashibara, akka, cassandra] {
            settings.push(Setting::Phi(at, estimate));
        }
    }
    settings
}

/// 1, 2, 5, 10, 20 and so on, from the first that is over `low` to the first that is over `high`.
fn steps(low: f64, high: f64) -> impl Iterator<Item = f64> {
    let decades = (0..16).map(|power| 10u64.pow(power) as f64);
    let series = decades.flat_map(|decade| [1.0, 2.0, 5.0].map(|step| step * decade));
    let mut over = false;
    series.filter(move |at| *at > low).take_while(move |at| {
        let wanted = !over;
        over |= *at > high;
        wanted
    })
}
