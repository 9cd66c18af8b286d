//! The knob: more time is fewer mistakes and later news.

use crate::{ms, words};
use quorate_detect::experiment::{
    DetectorExperiment, OneWayDelay, Pauses, ProbeNetwork, Row, Setting, tradeoff,
};
use std::collections::BTreeMap;
use std::time::Duration;

fn rows() -> Vec<Row> {
    let experiment = DetectorExperiment {
        span: Duration::from_secs(1800),
        crashes: 40,
        ..DetectorExperiment::standard()
    };
    tradeoff(&experiment, &mut words(7))
}

fn by_detector(rows: Vec<Row>) -> BTreeMap<&'static str, Vec<Row>> {
    let mut curves = BTreeMap::<_, Vec<_>>::new();
    for row in rows {
        curves.entry(row.detector).or_default().push(row);
    }
    curves
}

#[test]
fn every_knob_trades_detection_time_for_mistakes() {
    let curves = by_detector(rows());
    assert_eq!(curves.len(), 11);
    for (detector, curve) in &curves {
        assert!(curve.len() >= 7, "{detector}");
        for pair in curve.windows(2) {
            let [low, high] = pair else { unreachable!() };
            assert!(low.setting < high.setting);
            assert!(
                low.accuracy <= high.accuracy,
                "{detector}: {low:?} {high:?}"
            );
            // The perfect detector is wrong for good where it is wrong: then there is nothing left
            // to detect.
            assert!(low.already_suspected >= high.already_suspected);
            if *detector == "perfect" {
                let asked = low.already_suspected < 40;
                assert_eq!(low.detection.is_some(), asked, "{low:?}");
            } else {
                let mean = |row: &Row| row.detection.unwrap().mean_ms;
                assert!(mean(low) <= mean(high), "{detector}: {low:?} {high:?}");
                assert!(
                    low.false_positives_per_hour >= high.false_positives_per_hour,
                    "{detector}: {low:?} {high:?}"
                );
            }
        }
        let (first, last) = (&curve[0], &curve[curve.len() - 1]);
        assert!(first.accuracy < last.accuracy, "{detector} has a knob");
    }
}

/// With answers after exactly 2 ms and questions every 100 ms, a deadline of k = 10 takes the time
/// to the next question, 50 ms on the average of crashes at random moments, and 20 ms.
#[test]
fn detection_takes_half_an_interval_and_the_deadline() {
    let experiment = DetectorExperiment {
        network: ProbeNetwork {
            interval: ms(100),
            delay: OneWayDelay::Uniform {
                min: ms(1),
                max: ms(1),
            },
            loss: 0,
            pauses: None,
        },
        span: Duration::from_secs(1800),
        crashes: 2000,
        patience: Duration::from_secs(10),
        settings: vec![Setting::Deadline(10.0)],
    };
    let rows = tradeoff(&experiment, &mut words(3));
    let [row] = &rows[..] else { panic!("{rows:?}") };
    let detection = row.detection.unwrap();
    // A crash within 1 ms of a question is noticed by that question: 50 + 20 - 1, give or take
    // three standard errors of a uniform 100 ms over 2,000 crashes.
    assert!(
        (detection.mean_ms - 69.0).abs() < 3.0 * 100.0 / 12f64.sqrt() / 2000f64.sqrt() + 0.1,
        "{detection:?}"
    );
    // Crashes at even distances: half of them are noticed by then, and all but one in a hundred.
    assert!((detection.median_ms - 69.0).abs() < 6.0, "{detection:?}");
    assert!((detection.p99_ms - 118.0).abs() < 1.5, "{detection:?}");
    assert!(detection.p99_ms < detection.worst_ms && detection.worst_ms <= 121.0);
    assert_eq!((row.unnoticed, row.false_positives_per_hour), (0, 0.0));
    assert_eq!(row.already_suspected, 0);
    assert_eq!(row.accuracy, 1.0);
}

/// One in a hundred questions is lost, and the deadline is shorter than the interval: each loss is
/// a false suspicion that the next answer takes back. 36,000 questions an hour make 360 of them.
#[test]
fn each_loss_is_a_mistake_if_the_deadline_is_shorter_than_the_interval() {
    let network = ProbeNetwork {
        interval: ms(100),
        delay: OneWayDelay::Uniform {
            min: ms(1),
            max: ms(1),
        },
        loss: 10_000,
        pauses: None,
    };
    let experiment = DetectorExperiment {
        network,
        span: Duration::from_secs(36_000),
        crashes: 0,
        patience: Duration::ZERO,
        settings: vec![Setting::Deadline(10.0), Setting::Deadline(60.0)],
    };
    let rows = tradeoff(&experiment, &mut words(3));
    let [short, long] = &rows[..] else {
        panic!("{rows:?}")
    };
    // 3,600 expected, in ten hours; losses in a row are one mistake. Three standard deviations.
    let expected = 360.0 * 0.99;
    assert!(
        (short.false_positives_per_hour - expected).abs() < 18.0,
        "{short:?}"
    );
    assert!(
        (short.mistake_ms.unwrap() - 82.0 - 1.01).abs() < 2.0,
        "{short:?}"
    );
    // 120 ms: the answer to the next question is there first, unless it is lost too.
    assert!(long.false_positives_per_hour < 8.0, "{long:?}");
    assert!(long.false_positives_per_hour > 0.0);
    assert_eq!(long.detection, None);
}

/// What a detector has learnt in a long life counts at its end: after pauses that doubled the
/// time-out six times or more, it is no longer quick.
#[test]
fn a_crash_meets_the_detector_as_it_is_by_then() {
    let curves = by_detector(rows());
    let (doubling, halving) = (&curves["doubling"][0], &curves["doubling and halving"][0]);
    assert!(doubling.false_positives_per_hour < halving.false_positives_per_hour / 10.0);
    assert!(doubling.detection.unwrap().mean_ms > halving.detection.unwrap().mean_ms * 3.0);
}

/// Ten times the interval, with the pauses of before: the knobs are where the trade is, and each
/// detector still has one.
#[test]
fn the_knobs_follow_the_network() {
    let mut network = ProbeNetwork::standard();
    network.interval = ms(1000);
    let experiment = DetectorExperiment::over(network, Duration::from_secs(6 * 3600), 40);
    assert_eq!(experiment.check(), Ok(()));
    for (detector, curve) in by_detector(tradeoff(&experiment, &mut words(7))) {
        let (first, last) = (&curve[0], &curve[curve.len() - 1]);
        let mean = |row: &Row| row.detection.map(|detection| detection.mean_ms);
        assert!(mean(first) < mean(last), "{detector} has a knob");
        assert_eq!(last.unnoticed, 0, "{detector}");
        assert!(last.accuracy > 0.999, "{detector}: {last:?}");
    }
    network.pauses = None;
    let quiet = DetectorExperiment::over(network, Duration::from_secs(3600), 0);
    assert_eq!(quiet.check(), Ok(()));
    let knob = |row: &Row| (row.detector == "maybe failed").then_some(row.setting);
    let rows = tradeoff(&quiet, &mut words(7));
    let knobs: Vec<_> = rows.iter().filter_map(knob).collect();
    assert_eq!(knobs[..3], [5.0, 10.0, 20.0]);
    assert_eq!(knobs.last(), Some(&10_000.0), "eight intervals, rounded up");
}

#[test]
fn the_same_chance_gives_the_same_rows_and_they_are_data() {
    let (first, second) = (rows(), rows());
    assert_eq!(first, second);
    let json = serde_json::to_value(&first[0]).unwrap();
    assert_eq!(json["detector"], "perfect");
    assert_eq!(json["setting"], 5.0);
    assert!(json["false_positives_per_hour"].is_number());
}

#[test]
fn an_experiment_that_would_not_end_is_named() {
    let good = DetectorExperiment::standard();
    assert_eq!(good.check(), Ok(()));
    let with = |change: &dyn Fn(&mut DetectorExperiment)| {
        let mut experiment = good.clone();
        change(&mut experiment);
        experiment.check().unwrap_err()
    };
    let pauses = Some(Pauses {
        every: Duration::ZERO,
        length: Duration::ZERO,
    });
    for (wrong, name) in [
        (with(&|e| e.network.interval = Duration::ZERO), "interval"),
        (with(&|e| e.network.interval = ms(4_000_000)), "interval"),
        (with(&|e| e.span *= 20), "span"),
        (with(&|e| e.network.loss = 1_000_001), "loss"),
        (with(&|e| e.network.pauses = pauses), "pauses"),
        (with(&|e| e.crashes = u32::MAX), "crashes"),
        (with(&|e| e.patience = e.span), "span"),
    ] {
        assert!(wrong.starts_with(name), "{wrong}");
    }
}
