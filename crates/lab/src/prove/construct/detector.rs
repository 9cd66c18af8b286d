//! Detectors that are mistaken: what they see of a node that is slow or silent is what they would see
//! of one that has crashed.

use super::super::draw::{bounds, nanos, told};
use super::super::trial::{Candidate, Loss};
use quorate_contract::{Contract, Impossibility};
use quorate_core::Time;
use quorate_detect::{
    Detector, Doubling, Estimate, Observation, Perfect, PhiAccrual, ProcessState, Shrink,
};
use std::time::Duration;

/// How often each detector is fooled.
const TIMES: u64 = 8;

/// Each detector here, fooled again and again.
pub(in super::super) fn mistaken(c: &Contract, theorem: Impossibility) -> Vec<Candidate> {
    let told = told(c);
    let doubling = Doubling::new(told * 4, told, told * (1 << 20), Shrink::Never);
    let phi = PhiAccrual::new(8.0, Estimate::Hayashibara, 1000, told * 4);
    vec![
        fool(
            "a time-out that doubles with each mistake",
            Box::new(doubling),
            told,
            theorem,
        ),
        fool("phi accrual, threshold 8", Box::new(phi), told, theorem),
        fool(
            "a time-out of twice the bound that is told",
            Box::new(Perfect::new(&bounds(c))),
            told,
            theorem,
        ),
    ]
}

/// Answers in time for a while, then keeps silent until it is suspected, and then answers: it is alive.
fn fool(
    name: &str,
    mut detector: Box<dyn Detector>,
    told: Duration,
    theorem: Impossibility,
) -> Candidate {
    let step = nanos(told) * 4;
    let at = |nanos: u64| Time::ZERO + Duration::from_nanos(nanos);
    let (mut now, mut probe, mut silences) = (step, 0, vec![]);
    for _ in 0..TIMES {
        for _ in 0..20 {
            probe += 1;
            detector.observe(at(now), Observation::Probed { probe });
            let sent = at(now);
            now += nanos(told) / 2;
            detector.observe(at(now), Observation::Answered { probe, sent });
            now += step - nanos(told) / 2;
        }
        // From here on both runs look the same: it has crashed, or its answer takes its time.
        let began = now;
        probe += 1;
        let sent = at(now);
        detector.observe(sent, Observation::Probed { probe });
        let limit = began.saturating_add(step.saturating_mul(1 << 24));
        while detector.opinion().is_trust() && now < limit {
            now += step;
            detector.pass(at(now));
        }
        if detector.opinion().is_trust() {
            break;
        }
        silences.push((now - began) as f64 / 1e9);
        let certain = detector.opinion() == ProcessState::Crashed;
        now += step;
        detector.observe(at(now), Observation::Answered { probe, sent });
        if certain {
            // It does not take back what it takes for certain.
            break;
        }
    }
    let enough = match theorem {
        Impossibility::EventualDetector => silences.len() as u64 == TIMES || silences.len() == 1,
        _ => !silences.is_empty(),
    };
    let first = silences.first().copied().unwrap_or_default();
    let last = silences.last().copied().unwrap_or_default();
    let how = match theorem {
        Impossibility::SilentIsNotCrashed => {
            "is alive, and did not answer because it omits or lies"
        }
        Impossibility::QuorumDetector => {
            "is alive in the other half, and its answer took longer, so that either half names itself a \
             quorum and the two do not meet"
        }
        _ => "is alive, and its answer took longer",
    };
    let detail = format!(
        "it suspects after a silence of {first:.3} s a node that {how}; had the node crashed, the \
         observer would have seen the same until then. Mistaken {} times, the last after {last:.3} s: \
         whatever it learns, the next silence is longer",
        silences.len()
    );
    Candidate {
        candidate: name.to_owned(),
        adversary:
            "the observed node answers in time for a while, and then keeps silent until it is \
                    suspected"
                .to_owned(),
        loss: enough.then_some(Loss::Alike { detail }),
        seed: 0,
        tried: 1,
        outside: None,
        run: None,
    }
}
