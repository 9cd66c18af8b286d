//! One detector over what a network drew.

use super::network::Probe;
use crate::detector::{Detector, Observation, ProcessState, Transition};
use crate::quality::OutputTrace;
use quorate_core::Time;
use std::time::Duration;

/// Something that the observer sees.
#[derive(Clone, Copy, Debug)]
pub(super) struct PeerEvent {
    at: Time,
    seen: Observation,
    /// For an answer: when the peer gave it.
    given: Option<Time>,
}

/// What the observer sees of a peer that does not crash, in order.
pub(super) fn events(probes: &[Probe]) -> Vec<PeerEvent> {
    let mut events = Vec::with_capacity(probes.len() * 2);
    for (number, probe) in (0..).zip(probes) {
        events.push(PeerEvent {
            at: probe.sent,
            seen: Observation::Probed { probe: number },
            given: None,
        });
        events.extend(probe.answered.map(|at| PeerEvent {
            at,
            seen: Observation::Answered {
                probe: number,
                sent: probe.sent,
            },
            given: Some(probe.at_peer),
        }));
    }
    // Stable: what happens at one time keeps the order of the questions.
    events.sort_by_key(|event| event.at);
    events
}

/// Plays `probes` to a detector, with a peer that crashes at `crash`, until `end`; opinions count
/// from the first probe on.
pub fn run(
    detector: &mut dyn Detector,
    probes: &[Probe],
    crash: Option<Time>,
    end: Time,
) -> OutputTrace {
    let mut transitions = vec![];
    drive(detector, &events(probes), crash, end, &mut transitions);
    OutputTrace {
        begin: probes.first().map_or(Time::ZERO, |probe| probe.sent),
        end,
        crash,
        transitions,
    }
}

/// Plays a life without a crash, and beside it, at each of the moments `crashes` (in order), what
/// comes of a crash then: the same detector with the same past, and a peer that is silent. Gives
/// the life, and for each crash the trace from then on for as long as `patience`.
pub(super) fn play_with_crashes(
    mut detector: Box<dyn Detector>,
    events: &[PeerEvent],
    crashes: &[Time],
    patience: Duration,
    end: Time,
) -> (OutputTrace, Vec<OutputTrace>) {
    let mut transitions = vec![];
    let mut done = 0;
    let mut branches = vec![];
    for crash in crashes {
        let until = events.partition_point(|event| event.at < *crash);
        let before = Time(crash.0.saturating_sub(1));
        let lived = &events[done..until.max(done)];
        drive(&mut *detector, lived, None, before, &mut transitions);
        done = until.max(done);
        branches.push(crashed(detector.boxed(), &events[done..], *crash, patience));
    }
    drive(&mut *detector, &events[done..], None, end, &mut transitions);
    let life = OutputTrace {
        begin: Time::ZERO,
        end,
        crash: None,
        transitions,
    };
    (life, branches)
}

fn crashed(
    mut detector: Box<dyn Detector>,
    events: &[PeerEvent],
    crash: Time,
    patience: Duration,
) -> OutputTrace {
    let mut transitions = vec![];
    let to = detector.opinion();
    if to != ProcessState::Trusted {
        transitions.push(Transition { at: crash, to });
    }
    let end = crash + patience;
    drive(&mut *detector, events, Some(crash), end, &mut transitions);
    OutputTrace {
        begin: crash,
        end,
        crash: Some(crash),
        transitions,
    }
}

fn drive(
    detector: &mut dyn Detector,
    events: &[PeerEvent],
    crash: Option<Time>,
    end: Time,
    transitions: &mut Vec<Transition>,
) {
    for event in events.iter().take_while(|event| event.at <= end) {
        let from_the_dead = crash
            .zip(event.given)
            .is_some_and(|(crash, given)| given >= crash);
        if !from_the_dead {
            // What is due at this very moment comes after it: an answer at the limit is in time.
            pass_until(detector, Time(event.at.0.saturating_sub(1)), transitions);
            transitions.extend(detector.observe(event.at, event.seen));
        }
    }
    pass_until(detector, end, transitions);
}

fn pass_until(detector: &mut dyn Detector, until: Time, transitions: &mut Vec<Transition>) {
    while let Some(at) = detector.next().filter(|at| *at <= until) {
        transitions.extend(detector.pass(at));
    }
}
