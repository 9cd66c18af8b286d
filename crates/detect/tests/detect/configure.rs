//! What is configured keeps what was wanted.

use crate::{ms, words};
use quorate_detect::Margin;
use quorate_detect::configure::{RoundTripEstimate, WantedQuality, configure};
use quorate_detect::experiment::{
    DetectorExperiment, OneWayDelay, ProbeNetwork, Row, Setting, tradeoff,
};
use std::time::Duration;

fn network(min: u64, mean_micros: u64, loss: u32) -> ProbeNetwork {
    ProbeNetwork {
        interval: ms(100),
        delay: OneWayDelay::Exponential {
            min: ms(min),
            mean: Duration::from_micros(mean_micros),
        },
        loss,
        pauses: None,
    }
}

fn estimate(network: &ProbeNetwork) -> RoundTripEstimate {
    let probes = network.draw(Duration::from_secs(4000), &mut words(3));
    RoundTripEstimate::of(&probes).expect("answers")
}

/// Measures settings over the network, asked at this interval.
fn measured(network: ProbeNetwork, interval: Duration, settings: Vec<Setting>) -> Vec<Row> {
    let experiment = DetectorExperiment {
        settings,
        ..DetectorExperiment::over(
            ProbeNetwork {
                interval,
                ..network
            },
            Duration::from_secs(40_000),
            200,
        )
    };
    tradeoff(&experiment, &mut words(11))
}

/// Over networks that are quick, slow and bad; Chebyshev's inequality leaves room, so that real mistakes
/// are rarer than promised.
#[test]
fn what_is_promised_is_kept() {
    for (min, mean, loss) in [(1, 500, 244), (1, 20_000, 10_000), (20, 60_000, 100_000)] {
        let network = network(min, mean, loss);
        let estimate = estimate(&network);
        let wanted = WantedQuality {
            detection: ms(1500),
            recurrence: Duration::from_secs(300),
            duration: ms(400),
        };
        let found = configure(&wanted, &estimate).expect("within reach");
        assert!(found.recurrence >= wanted.recurrence && found.duration <= wanted.duration);
        let rows = measured(network, found.interval, found.settings().to_vec());
        for row in &rows[..2] {
            let detection = row.detection.expect("crashes are noticed");
            assert!(detection.worst_ms <= 1500.0 * 1.02, "{row:?}");
            assert!(row.false_positives_per_hour <= 3600.0 / 300.0, "{row:?}");
            assert!(row.mistake_ms.is_none_or(|took| took <= 400.0), "{row:?}");
        }
    }
}

/// The promise is no accident: asked half as often for the same detection, mistakes are too many.
#[test]
fn a_wait_that_was_not_configured_does_not_keep_it() {
    let network = network(20, 60_000, 100_000);
    let wanted = WantedQuality {
        detection: ms(1500),
        recurrence: Duration::from_secs(300),
        duration: ms(400),
    };
    let found = configure(&wanted, &estimate(&network)).expect("within reach");
    let lazy = ms(1000);
    assert!(found.interval * 2 < lazy, "{found:?}");
    let shift = ms(1500) - lazy;
    let rows = measured(
        network,
        lazy,
        vec![Setting::Freshness(Margin::Shift(shift))],
    );
    assert!(
        rows[0].false_positives_per_hour > 3600.0 / 300.0,
        "{:?}",
        rows[0]
    );
}

#[test]
fn what_is_out_of_reach_is_refused_with_what_would_do() {
    let estimate = estimate(&network(20, 60_000, 100_000));
    let wanted = |detection, recurrence| WantedQuality {
        detection: ms(detection),
        recurrence: Duration::from_secs(recurrence),
        duration: ms(400),
    };
    let refused = configure(&wanted(100, 300), &estimate).unwrap_err();
    assert!(refused.contains("an answer takes 16"), "{refused}");
    // More is wanted: more is asked.
    let easy = configure(&wanted(3000, 300), &estimate).expect("within reach");
    let hard = configure(&wanted(1500, 300), &estimate).expect("within reach");
    let rare = configure(&wanted(1500, 3_000_000), &estimate).expect("within reach");
    assert!(rare.interval < hard.interval && hard.interval <= easy.interval);
}
