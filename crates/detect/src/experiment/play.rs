//! One detector over what a network drew.

use super::network::Probe;
use crate::{Detector, Seen, Trace, Transition};
use quorate_core::Time;

/// Plays `probes` to a detector, with a peer that crashes at `crash`, until `end`; opinions count
/// from the first probe on.
pub fn play(
    detector: &mut dyn Detector,
    probes: &[Probe],
    crash: Option<Time>,
    end: Time,
) -> Trace {
    let mut seen: Vec<(Time, Seen)> = vec![];
    for (number, probe) in (0..).zip(probes) {
        seen.push((probe.sent, Seen::Probed { probe: number }));
        let alive = crash.is_none_or(|crash| probe.at_peer < crash);
        if let Some(at) = probe.answered.filter(|_| alive) {
            let sent = probe.sent;
            seen.push((
                at,
                Seen::Answered {
                    probe: number,
                    sent,
                },
            ));
        }
    }
    // Stable: what happens at one time keeps the order of the questions.
    seen.sort_by_key(|(at, _)| *at);
    let mut transitions = vec![];
    for (at, seen) in seen.into_iter().take_while(|(at, _)| *at <= end) {
        // What is due at this very moment comes after it: an answer at the limit is in time.
        pass_until(detector, Time(at.0.saturating_sub(1)), &mut transitions);
        transitions.extend(detector.observe(at, seen));
    }
    pass_until(detector, end, &mut transitions);
    Trace {
        begin: probes.first().map_or(Time::ZERO, |probe| probe.sent),
        end,
        crash,
        transitions,
    }
}

fn pass_until(detector: &mut dyn Detector, until: Time, transitions: &mut Vec<Transition>) {
    while let Some(at) = detector.next().filter(|at| *at <= until) {
        transitions.extend(detector.pass(at));
    }
}
