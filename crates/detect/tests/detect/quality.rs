//! The metrics, on a life worked out by hand.

use crate::{at, ms};
use quorate_core::Time;
use quorate_detect::ProcessState::{Suspected, Trusted};
use quorate_detect::{OutputTrace, ProcessState, Quality, Transition};

fn trace(crash: Option<u64>, end: u64, transitions: &[(u64, ProcessState)]) -> Quality {
    let transitions = transitions
        .iter()
        .map(|(millis, to)| Transition {
            at: at(*millis),
            to: *to,
        })
        .collect();
    OutputTrace {
        begin: Time::ZERO,
        end: at(end),
        crash: crash.map(at),
        transitions,
    }
    .quality()
}

/// Three mistakes, at 1, 4 and 9 s, of 0.5, 0.25 and 0.75 s; a crash at 36 s, noticed 1.2 s later.
#[test]
fn a_life_worked_out_by_hand() {
    let quality = trace(
        Some(36_000),
        60_000,
        &[
            (1_000, Suspected),
            (1_500, Trusted),
            (4_000, Suspected),
            (4_250, Trusted),
            (9_000, Suspected),
            (9_750, Trusted),
            (37_200, Suspected),
        ],
    );
    assert_eq!(quality.detection, Some(ms(1_200)));
    assert_eq!(quality.mistakes, 3);
    assert_eq!(quality.recurrence, Some(ms(4_000)), "(9 - 1) / 2");
    assert_eq!(quality.duration, Some(ms(500)));
    assert!(
        (quality.mistakes_per_hour - 300.0).abs() < 1e-9,
        "3 in 36 s"
    );
    assert!((quality.accuracy - 34.5 / 36.0).abs() < 1e-12);
    assert_eq!(quality.observed, Some(ms(36_000)));
    let json = serde_json::to_value(quality).unwrap();
    assert_eq!(json["detection"], 1200.0);
    assert_eq!(json["mistakes"], 3);
}

#[test]
fn a_suspicion_before_the_crash_is_a_mistake_that_becomes_true() {
    let quality = trace(Some(10_000), 20_000, &[(9_000, Suspected)]);
    assert_eq!(quality.detection, Some(ms(0)));
    assert_eq!(quality.mistakes, 1);
    assert_eq!(quality.duration, Some(ms(1_000)), "as long as it was one");
    assert!((quality.accuracy - 0.9).abs() < 1e-12);
}

#[test]
fn what_is_taken_back_after_the_crash_detects_nothing() {
    // An answer that was under way comes after the crash.
    let late = [(10_100, Suspected), (10_200, Trusted), (10_500, Suspected)];
    assert_eq!(trace(Some(10_000), 20_000, &late).detection, Some(ms(500)));
    assert_eq!(trace(Some(10_000), 20_000, &late[..2]).detection, None);
    assert_eq!(trace(Some(10_000), 20_000, &late).mistakes, 0);
    assert_eq!(trace(None, 20_000, &late).detection, None);
}

#[test]
fn a_life_without_a_mistake_has_no_mean_of_them() {
    let quality = trace(None, 3_600_000, &[]);
    assert_eq!((quality.recurrence, quality.duration), (None, None));
    assert_eq!((quality.mistakes_per_hour, quality.accuracy), (0.0, 1.0));
    let nothing = trace(None, 0, &[]);
    assert_eq!((nothing.mistakes_per_hour, nothing.accuracy), (0.0, 1.0));
}

/// Good periods of 1 s and of 3 s: 2 s on average. A random moment lies in the long one three times out of
/// four, so that the next mistake is (1² + 3²) / (2 · 4) = 1.25 s away on average, and not one second.
#[test]
fn the_next_mistake_is_further_away_than_half_a_good_period() {
    let changes = [
        (1_000, Suspected),
        (1_500, Trusted),
        (2_500, Suspected),
        (2_700, Trusted),
        (5_700, Suspected),
        (5_900, Trusted),
    ];
    let quality = trace(None, 20_000, &changes);
    assert_eq!(quality.good, Some(ms(2_000)));
    assert_eq!(quality.forward_good, Some(ms(1_250)));
    let one = trace(None, 20_000, &changes[..2]);
    assert_eq!((one.good, one.forward_good), (None, None));
}
