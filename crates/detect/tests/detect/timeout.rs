//! The perfect detector and the one that never says more than maybe.

use crate::{ask, at, ms, silence, to, words};
use quorate_contract::Bounds;
use quorate_core::Time;
use quorate_detect::experiment::{OneWayDelay, ProbeNetwork, run};
use quorate_detect::{Detector, MaybeFailed, Observation, Perfect, ProcessState};
use std::time::Duration;

fn bounds(delta: u64, phi: u64, drift_ppm: u32) -> Bounds {
    Bounds {
        delta: ms(delta),
        phi: ms(phi),
        drift_ppm,
    }
}

/// Doc 000: "start timer(2 * delta + phi)", and a clock that may run fast.
#[test]
fn the_limit_is_two_delays_and_a_step_on_a_drifting_clock() {
    assert_eq!(Perfect::new(&bounds(10, 5, 0)).limit(), ms(25));
    let drifting = Perfect::new(&bounds(10, 5, 100));
    assert_eq!(drifting.limit(), Duration::from_nanos(25_002_500));
    let tiny = Bounds {
        delta: Duration::ZERO,
        phi: Duration::from_nanos(1),
        drift_ppm: 1,
    };
    assert_eq!(Perfect::new(&tiny).limit().as_nanos(), 2, "rounded up");
}

#[test]
fn an_answer_at_the_limit_is_in_time_and_one_after_it_comes_to_a_dead_peer() {
    let mut detector = Perfect::new(&bounds(10, 5, 0));
    assert_eq!(ask(&mut detector, 0, 100, 25), []);
    let crashed = silence(&mut detector, 1, 200, 1000);
    assert_eq!(to(&crashed), [ProcessState::Crashed]);
    assert_eq!(crashed[0].at, Time(at(225).0 + 1));
    assert_eq!(detector.refuted(), None);
    assert_eq!(ask(&mut detector, 2, 1000, 1), [], "final");
    assert_eq!(
        detector.refuted(),
        Some(at(1001)),
        "the bounds did not hold"
    );
    assert_eq!(detector.opinion(), ProcessState::Crashed);
}

/// An answer to an earlier question is no answer to a later one.
#[test]
fn each_question_has_its_own_limit() {
    let mut detector = Perfect::new(&bounds(10, 5, 0));
    for probe in 0..3 {
        detector.observe(at(probe * 10), Observation::Probed { probe });
    }
    let seen = Observation::Answered {
        probe: 0,
        sent: at(0),
    };
    assert_eq!(detector.observe(at(24), seen), None);
    assert_eq!(detector.next(), Some(Time(at(35).0 + 1)));
    let seen = Observation::Answered {
        probe: 2,
        sent: at(20),
    };
    assert_eq!(detector.observe(at(34), seen), None);
    assert_eq!(detector.next(), None);
}

fn network(longest: u64) -> ProbeNetwork {
    ProbeNetwork {
        interval: ms(20),
        delay: OneWayDelay::Uniform {
            min: ms(1),
            max: ms(longest),
        },
        loss: 0,
        pauses: None,
    }
}

#[test]
fn within_the_bounds_the_perfect_detector_is_sound_and_complete() {
    let probes = network(10).draw(ms(600_000), &mut words(1));
    assert_eq!(probes.len(), 30_000);
    let mut detector = Perfect::new(&bounds(10, 0, 0));
    let life = run(&mut detector, &probes, None, at(600_000));
    assert_eq!(life.transitions, []);
    assert_eq!(detector.refuted(), None);
    for crash in (1_000..500_000).step_by(1_237) {
        let mut detector = Perfect::new(&bounds(10, 0, 0));
        let quality = run(&mut detector, &probes, Some(at(crash)), at(600_000)).quality();
        assert_eq!(quality.mistakes, 0);
        // At worst the peer answers a question and dies, and 20 ms later comes the next.
        let detection = quality.detection.unwrap();
        assert!(detection <= ms(20 + 20 + 1), "{detection:?}");
    }
}

/// "Your known upper bound is a fiction": then the same detector is sure, and wrong.
#[test]
fn beyond_the_bounds_the_perfect_detector_is_wrong_for_good() {
    let probes = network(11).draw(ms(600_000), &mut words(1));
    let mut detector = Perfect::new(&bounds(10, 0, 0));
    let life = run(&mut detector, &probes, None, at(600_000));
    assert_eq!(to(&life.transitions), [ProcessState::Crashed]);
    assert!(detector.refuted() > Some(life.transitions[0].at));
    let quality = life.quality();
    assert_eq!(quality.mistakes, 1);
    let wrong = at(600_000).since(life.transitions[0].at);
    assert_eq!(quality.duration, Some(wrong), "until the end");
}

#[test]
fn in_an_asynchronous_system_a_silence_is_never_more_than_maybe() {
    let mut detector = MaybeFailed::new(ms(50));
    let silent = silence(&mut detector, 0, 0, 1_000_000_000);
    assert_eq!(to(&silent), [ProcessState::MaybeFailed]);
    assert!(
        detector.level(at(1_000_000_000)) > 1e6,
        "however sure one feels"
    );
    let back = ask(&mut detector, 1, 1_000_000_000, 10);
    assert_eq!(to(&back), [ProcessState::Trusted]);
}
