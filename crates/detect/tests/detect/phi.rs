//! φ against the distributions' tables.

use crate::{ask, at, ms, silence, to};
use quorate_core::Time;
use quorate_detect::{Detector, Estimate, MAX_PHI, Observation, PhiAccrual, ProcessState};
use std::time::Duration;

const CASSANDRA: Estimate = Estimate::Cassandra {
    max_interval: Duration::from_secs(2),
};
const AKKA: Estimate = Estimate::Akka {
    acceptable_pause: Duration::from_millis(300),
    min_deviation: Duration::from_millis(50),
};

/// A detector whose window holds arrivals with mean 1,000 ms and deviation 100 ms, the last of
/// them at 0 on the returned clock.
fn after(estimate: Estimate, threshold: f64, deviation: u64) -> (PhiAccrual, u64) {
    let mut detector = PhiAccrual::new(threshold, estimate, 100, ms(1000));
    let mut now = 0;
    detector.observe(at(now), Observation::Probed { probe: 0 });
    for probe in 0..200 {
        now += if probe % 2 == 0 {
            1000 - deviation
        } else {
            1000 + deviation
        };
        let sent = at(now);
        detector.observe(at(now), Observation::Answered { probe, sent });
    }
    (detector, now)
}

#[track_caller]
fn close(left: f64, right: f64, within: f64) {
    assert!((left - right).abs() <= within, "{left} is not {right}");
}

#[test]
fn hayashibara_reads_the_normal_table() {
    let (detector, last) = after(Estimate::Hayashibara, 8.0, 100);
    let phi = |silence: f64| detector.level(Time(at(last).0 + (silence * 1e6) as u64));
    close(phi(1000.0), std::f64::consts::LOG10_2, 1e-9);
    // One-sided tails of the normal distribution: 0.1, 0.01, 0.001 and 10^-6.
    close(phi(1000.0 + 128.155), 1.0, 1e-4);
    close(phi(1000.0 + 232.635), 2.0, 1e-4);
    close(phi(1000.0 + 309.023), 3.0, 1e-4);
    close(phi(1000.0 + 475.342), 6.0, 1e-4);
    assert!(phi(0.0) < 1e-9);
    assert_eq!(phi(1e9), MAX_PHI, "too improbable to be told apart");
}

/// φ = t / (mean · ln 10): 8 is reached after 18.4 mean intervals, whatever the deviation.
#[test]
fn cassandra_counts_mean_intervals() {
    for deviation in [0, 100, 900] {
        let (detector, last) = after(CASSANDRA, 8.0, deviation);
        close(
            detector.level(at(last + 1000)),
            std::f64::consts::LOG10_E,
            1e-9,
        );
        let silence = detector.next().unwrap().since(at(last));
        close(silence.as_secs_f64(), 8.0 * std::f64::consts::LN_10, 1e-6);
    }
}

/// The logistic curve is within a hundredth of the normal one; the pause is on top.
#[test]
fn akka_adds_a_pause_and_keeps_a_floor_under_the_deviation() {
    let (detector, last) = after(AKKA, 8.0, 100);
    let phi = |silence: f64| detector.level(Time(at(last).0 + (silence * 1e6) as u64));
    close(phi(1300.0), std::f64::consts::LOG10_2, 1e-9);
    close(phi(1300.0 + 128.155), 1.0, 0.01);
    close(phi(1300.0 + 232.635), 2.0, 0.02);
    // As regular as clockwork: one nanosecond late is the end of the world to one, nothing to the
    // other.
    let (regular, last) = after(AKKA, 8.0, 0);
    close(regular.level(at(last + 1300 + 50)), phi(1400.0), 1e-9);
    let (strict, last) = after(Estimate::Hayashibara, 8.0, 0);
    assert_eq!(strict.level(at(last + 1001)), MAX_PHI);
}

#[test]
fn the_opinion_changes_where_the_level_reaches_the_threshold() {
    for estimate in [Estimate::Hayashibara, AKKA, CASSANDRA] {
        for threshold in [0.5, 1.0, 3.0, 8.0, 12.0] {
            let (mut detector, last) = after(estimate, threshold, 100);
            let due = detector.next().unwrap();
            close(detector.level(due), threshold, 1e-6);
            assert_eq!(detector.pass(Time(due.0 - 1)), None);
            let suspected = detector.pass(due).unwrap();
            assert_eq!(suspected.to, ProcessState::Suspected);
            let back = ask(&mut detector, 1000, last + 60_000, 1);
            assert_eq!(to(&back), [ProcessState::Trusted]);
        }
    }
}

/// A long pause widens the window of Hayashibara's, and is not learnt by the other two.
#[test]
fn what_a_pause_teaches() {
    let pause = |estimate| {
        let (mut detector, last) = after(estimate, 3.0, 100);
        let before = detector.next().unwrap().since(at(last));
        silence(&mut detector, 300, last + 1, last + 60_000);
        let suspected = detector.opinion();
        ask(&mut detector, 301, last + 60_000, 1);
        let after = detector.next().unwrap().since(at(last + 60_001));
        (suspected, before, after)
    };
    let (suspected, before, after) = pause(Estimate::Hayashibara);
    assert_eq!(suspected, ProcessState::Suspected);
    assert!(after > before * 5, "{before:?} {after:?}");
    for estimate in [AKKA, CASSANDRA] {
        let (suspected, before, after) = pause(estimate);
        assert_eq!(suspected, ProcessState::Suspected);
        assert_eq!(after, before);
    }
}

/// A peer that never answers is suspected too, by what is taken for usual at first.
#[test]
fn the_first_interval_is_a_guess() {
    let mut detector = PhiAccrual::new(3.0, Estimate::Hayashibara, 100, ms(1000));
    assert_eq!(detector.next(), None);
    assert_eq!(detector.level(at(5_000)), 0.0);
    let suspected = silence(&mut detector, 0, 0, 10_000);
    let expected = Duration::from_secs_f64(1.0 + 0.25 * 3.090_232);
    close(
        suspected[0].at.since(at(0)).as_secs_f64(),
        expected.as_secs_f64(),
        1e-5,
    );
}

#[test]
fn odd_figures_are_tamed() {
    for threshold in [-1.0, 0.0, 1e9, f64::INFINITY] {
        for estimate in [Estimate::Hayashibara, AKKA, CASSANDRA] {
            let mut detector = PhiAccrual::new(threshold, estimate, 0, Duration::MAX);
            silence(&mut detector, 0, 0, 1000);
            ask(&mut detector, 1, 1_000_000_000, 1);
            silence(&mut detector, 2, 2_000_000_000, u64::MAX / 1_000_000);
            assert!(detector.level(Time(u64::MAX)).is_finite());
        }
    }
}
