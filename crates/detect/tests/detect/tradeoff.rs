//! The knob: more time is fewer mistakes and later news.

use crate::{ms, words};
use quorate_detect::experiment::{Delay, Experiment, Network, Pauses, Row, Setting, tradeoff};
use std::collections::BTreeMap;
use std::time::Duration;

fn rows() -> Vec<Row> {
    let experiment = Experiment {
        span: Duration::from_secs(1800),
        crashes: 40,
        ..Experiment::standard()
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
    assert_eq!(curves.len(), 8);
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
                assert_eq!(low.detection_ms.is_some(), asked, "{low:?}");
            } else {
                assert!(
                    low.detection_ms <= high.detection_ms,
                    "{detector}: {low:?} {high:?}"
                );
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
    let experiment = Experiment {
        network: Network {
            interval: ms(100),
            delay: Delay::Uniform {
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
    let detection = row.detection_ms.unwrap();
    // A crash within 1 ms of a question is noticed by that question: 50 + 20 - 1, give or take
    // three standard errors of a uniform 100 ms over 2,000 crashes.
    assert!(
        (detection - 69.0).abs() < 3.0 * 100.0 / 12f64.sqrt() / 2000f64.sqrt() + 0.1,
        "{detection}"
    );
    assert!(row.slowest_detection_ms.unwrap() <= 121.0);
    assert_eq!((row.unnoticed, row.false_positives_per_hour), (0, 0.0));
    assert_eq!(row.already_suspected, 0);
    assert_eq!(row.accuracy, 1.0);
}

/// One in a hundred questions is lost, and the deadline is shorter than the interval: each loss is
/// a false suspicion that the next answer takes back. 36,000 questions an hour make 360 of them.
#[test]
fn each_loss_is_a_mistake_if_the_deadline_is_shorter_than_the_interval() {
    let network = Network {
        interval: ms(100),
        delay: Delay::Uniform {
            min: ms(1),
            max: ms(1),
        },
        loss: 10_000,
        pauses: None,
    };
    let experiment = Experiment {
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
    assert_eq!(long.detection_ms, None);
}

/// What a detector has learnt in a long life counts at its end: after pauses that doubled the
/// time-out six times or more, it is no longer quick.
#[test]
fn a_crash_meets_the_detector_as_it_is_by_then() {
    let curves = by_detector(rows());
    let (doubling, halving) = (&curves["doubling"][0], &curves["doubling and halving"][0]);
    assert!(doubling.false_positives_per_hour < halving.false_positives_per_hour / 10.0);
    assert!(doubling.detection_ms.unwrap() > halving.detection_ms.unwrap() * 3.0);
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
    let good = Experiment::standard();
    assert_eq!(good.check(), Ok(()));
    let with = |change: &dyn Fn(&mut Experiment)| {
        let mut experiment = good.clone();
        change(&mut experiment);
        experiment.check().unwrap_err()
    };
    let pauses = Some(Pauses {
        every: Duration::ZERO,
        length: Duration::ZERO,
    });
    for (wrong, name) in [
        (with(&|e| e.network.interval = Duration::ZERO), "span"),
        (with(&|e| e.network.loss = 1_000_001), "loss"),
        (with(&|e| e.network.pauses = pauses), "pauses"),
        (with(&|e| e.crashes = u32::MAX), "crashes"),
        (with(&|e| e.patience = e.span), "patience"),
    ] {
        assert!(wrong.starts_with(name), "{wrong}");
    }
}
