//! Time-outs that adapt, and the deadline of k round trips.

use crate::{ask, at, ms, silence, to};
use quorate_detect::{AdaptiveDeadline, Detector, Doubling, ProcessState, Shrink};
use std::time::Duration;

/// Doc 000, line by line: halved by a success down to the minimum, doubled by a failure.
#[test]
fn a_success_halves_and_a_failure_doubles() {
    let mut detector = Doubling::new(ms(100), ms(20), ms(1000), Shrink::Halve);
    let mut timeouts = vec![];
    for probe in 0..4 {
        ask(&mut detector, probe, probe * 1000, 5);
        timeouts.push(detector.timeout().as_millis());
    }
    for probe in 4..11 {
        silence(&mut detector, probe, probe * 10_000, probe * 10_000 + 5_000);
        timeouts.push(detector.timeout().as_millis());
    }
    assert_eq!(
        timeouts,
        [50, 25, 20, 20, 40, 80, 160, 320, 640, 1000, 1000]
    );
}

fn mistakes(shrink: Shrink, min: u64, trips: u64) -> Vec<u64> {
    let mut detector = Doubling::new(ms(100), ms(min), ms(60_000), shrink);
    (0..trips)
        .filter(|probe| {
            let transitions = ask(&mut detector, *probe, probe * 1000, 60);
            to(&transitions).contains(&ProcessState::Suspected)
        })
        .collect()
}

/// A finding about the document's pseudo-code: with answers that always take 60 ms, a peer that never
/// fails is suspected for ever, because each success undoes what the failure taught. It becomes
/// accurate only if the least time-out is over the bound, and then it knew the bound all along.
#[test]
fn halving_never_becomes_accurate_and_doubling_alone_does() {
    let halving = mistakes(Shrink::Halve, 20, 1000);
    assert!(halving.len() >= 333, "{}", halving.len());
    assert!(halving.last() > Some(&990), "to the end");
    assert_eq!(mistakes(Shrink::Halve, 61, 1000), [] as [u64; 0]);

    let mut detector = Doubling::new(ms(10), ms(10), ms(60_000), Shrink::Never);
    let wrong: Vec<_> = (0..1000)
        .filter(|probe| !ask(&mut detector, *probe, probe * 1000, 60).is_empty())
        .collect();
    assert_eq!(wrong, [0, 1, 2], "10, 20, 40; then 80 is enough");
    assert_eq!(detector.timeout(), ms(80));
}

#[test]
fn a_late_answer_takes_the_suspicion_back_and_is_no_success() {
    let mut detector = Doubling::new(ms(100), ms(20), ms(1000), Shrink::Halve);
    let transitions = ask(&mut detector, 0, 0, 150);
    assert_eq!(
        to(&transitions),
        [ProcessState::Suspected, ProcessState::Trusted]
    );
    assert_eq!(detector.timeout(), ms(200));
}

/// Doc 003: T = round trip × k, the round trip being a smoothed one (RFC 6298: 7/8 and 1/8).
#[test]
fn the_deadline_is_k_smoothed_round_trips() {
    let mut detector = AdaptiveDeadline::new(4.0, ms(8));
    assert_eq!(detector.limit(), ms(32));
    ask(&mut detector, 0, 0, 16);
    assert_eq!(detector.limit(), ms(4 * (7 + 2)));
    let suspected = silence(&mut detector, 1, 1000, 2000);
    assert_eq!(to(&suspected), [ProcessState::Suspected]);
    assert_eq!(
        suspected[0].at.since(at(1000)),
        ms(36) + Duration::from_nanos(1)
    );
    assert!(
        (detector.level(at(1018)) - 2.0).abs() < 1e-9,
        "in round trips"
    );
    assert_eq!(detector.threshold(), 4.0);
    // A network that has become slow is learnt even from answers that come too late.
    for probe in 2..60 {
        ask(&mut detector, probe, probe * 1000, 100);
    }
    assert!(detector.limit() > ms(395) && detector.limit() <= ms(400));
    assert_eq!(ask(&mut detector, 60, 60_000, 100), []);
}

/// Nonsense in is no panic.
#[test]
fn odd_figures_are_tamed() {
    for k in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
        let mut detector = AdaptiveDeadline::new(k, Duration::MAX);
        silence(&mut detector, 0, 0, 1000);
        ask(&mut detector, 1, 2000, 1);
    }
    let mut detector = Doubling::new(ms(5), ms(10), ms(1), Shrink::Halve);
    assert_eq!(detector.timeout(), ms(10));
    silence(&mut detector, 0, 0, 1000);
    assert_eq!(detector.timeout(), ms(10));
}
