//! The detectors against closed forms and cases worked out by hand.

mod adaptive;
mod configure;
mod panel;
mod phi;
mod quality;
mod timeout;
mod tradeoff;

use quorate_core::Time;
use quorate_detect::{Detector, Observation, ProcessState, Transition};
use std::time::Duration;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn at(millis: u64) -> Time {
    Time(millis * 1_000_000)
}

/// The words of chance that the crate does not draw.
fn words(seed: u64) -> impl FnMut() -> u64 {
    let mut dice = quorate_testbed::Dice(seed);
    move || dice.draw()
}

/// Asks at `sent`, and hears the answer `trip` later.
fn ask(detector: &mut impl Detector, probe: u64, sent: u64, trip: u64) -> Vec<Transition> {
    let mut transitions = vec![];
    transitions.extend(detector.observe(at(sent), Observation::Probed { probe }));
    let answer = Time(at(sent + trip).0 - 1);
    while let Some(due) = detector.next().filter(|due| *due <= answer) {
        transitions.extend(detector.pass(due));
    }
    let sent_at = at(sent);
    let seen = Observation::Answered {
        probe,
        sent: sent_at,
    };
    transitions.extend(detector.observe(at(sent + trip), seen));
    transitions
}

/// Asks at `sent`, and hears nothing until `until`.
fn silence(detector: &mut impl Detector, probe: u64, sent: u64, until: u64) -> Vec<Transition> {
    let mut transitions = vec![];
    transitions.extend(detector.observe(at(sent), Observation::Probed { probe }));
    while let Some(due) = detector.next().filter(|due| *due <= at(until)) {
        transitions.extend(detector.pass(due));
    }
    transitions
}

fn to(transitions: &[Transition]) -> Vec<ProcessState> {
    transitions.iter().map(|transition| transition.to).collect()
}
