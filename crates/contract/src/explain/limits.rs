//! What no protocol beats under a contract, and what the least would be: lower bounds, fast paths,
//! detectors, leases.

use crate::contract::Contract;
use crate::duration;
use crate::problem::Problem;
use crate::timing::{Bounds, DetectorClass, Synchrony};
use serde::Serialize;
use std::time::Duration;

/// Something that no protocol beats, or that is known to be the least.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// Of what.
    pub of: &'static str,
    /// What it is here, with this contract's numbers.
    pub text: String,
    /// Where it is proved.
    pub citation: &'static str,
}

/// What limits every protocol that solves the contract's problem under it.
pub(super) fn limits(c: &Contract) -> Vec<Limit> {
    let all = [
        early_stopping(c),
        messages(c),
        fast_path(c),
        trusted_counters(c),
        weakest_detector(c),
        lease(c),
    ];
    all.into_iter().flatten().collect()
}

/// Rounds are few where few fail.
fn early_stopping(c: &Contract) -> Option<Limit> {
    let f = c.tolerate();
    let rounds = c.effective_synchrony() == Synchrony::Synchronous && f > 0;
    (rounds && c.problem().agrees()).then(|| Limit {
        of: "early",
        text: format!(
            "if only g ≤ {f} fail in a run, min(g + 2, f + 1) rounds are needed: 2 when none does"
        ),
        citation: "Dolev, Reischuk, Strong, J. ACM 1990",
    })
}

/// Among liars, agreement takes messages that grow with f.
fn messages(c: &Contract) -> Option<Limit> {
    let (n, f) = (c.replicas(), c.tolerate());
    if !c.failures.has_liars() || !c.problem().agrees() {
        return None;
    }
    let exchanges = (n * (f + 1)).div_ceil(4);
    let text = match c.links.signatures {
        true => {
            // (1 + f/2)², rounded up.
            let square = ((f + 2) * (f + 2)).div_ceil(4);
            format!(
                "a deterministic protocol has runs with n(f + 1)/4 = {exchanges} signatures and \
                 max((n - 1)/2, (1 + f/2)²) = {} messages or more",
                (n - 1).div_ceil(2).max(square)
            )
        }
        false => format!(
            "without signatures a deterministic protocol has runs with n(f + 1)/4 = {exchanges} \
             messages or more"
        ),
    };
    Some(Limit {
        of: "messages",
        text,
        citation: "Dolev, Reischuk, J. ACM 1985",
    })
}

/// Two message delays, and what they cost in replicas.
fn fast_path(c: &Contract) -> Option<Limit> {
    let (n, f) = (c.replicas(), c.tolerate());
    let unbounded = c.effective_synchrony() < Synchrony::Synchronous;
    if f == 0 || !unbounded || !c.problem().agrees() {
        return None;
    }
    if c.failures.has_liars() {
        let least = 5 * f - 1;
        let reaches = if n >= least {
            "reaches"
        } else {
            "does not reach"
        };
        return Some(Limit {
            of: "fast path",
            text: format!(
                "a decision two message delays after the leader's proposal needs n ≥ 5f - 1 = {least}, \
                 which n = {n} {reaches}; else three"
            ),
            citation: "Kuznetsov, Tonkikh, Zhang, PODC 2021; Abraham, Nayak, Ren, Xiang, PODC 2021",
        });
    }
    let e = n.checked_sub(f + 1)? / 2;
    Some(Limit {
        of: "fast path",
        text: format!(
            "a decision two message delays after anybody's proposal needs n > 2e + f while e are faulty: \
             here e ≤ {e}; else three"
        ),
        citation: "Lamport: Lower Bounds for Asynchronous Consensus, Distributed Computing 2006",
    })
}

/// With hardware that cannot be made to say two things, liars are as crashes.
fn trusted_counters(c: &Contract) -> Option<Limit> {
    let f = c.tolerate();
    let partial = c.effective_synchrony() == Synchrony::PartiallySynchronous;
    (c.failures.has_liars() && c.failures.crash_only == 0 && partial).then(|| Limit {
        of: "trusted",
        text: format!(
            "with a counter in each replica that numbers what it says and cannot lie, 2f + 1 = {} replicas \
             are enough",
            2 * f + 1
        ),
        citation: "Chun, Maniatis, Shenker, Kubiatowicz, SOSP 2007; Veronese et al., IEEE Trans. \
                   Computers 2013",
    })
}

/// The least that has to be known of crashes.
fn weakest_detector(c: &Contract) -> Option<Limit> {
    let (n, f) = (c.replicas(), c.tolerate());
    if f == 0 || c.failures.has_liars() {
        return None;
    }
    let majority = n > 2 * f;
    let (text, citation) = match c.problem() {
        Problem::Log | Problem::Consensus | Problem::UniformConsensus if majority => (
            "an eventual leader (Ω), which timeouts give under partial synchrony, or what gives one: ◇S, ◇P, P",
            "Chandra, Hadzilacos, Toueg, J. ACM 1996",
        ),
        Problem::Log | Problem::Consensus | Problem::UniformConsensus => (
            "an eventual leader and quorums (Ω and Σ); quorums without a majority are not built from timeouts",
            "Delporte-Gallet, Fauconnier, Guerraoui, J. ACM 2010",
        ),
        Problem::Register if majority => (
            "none: a majority is a quorum (Σ)",
            "Attiya, Bar-Noy, Dolev, J. ACM 1995",
        ),
        Problem::Register => (
            "quorums (Σ), which without a majority are not built from timeouts",
            "Delporte-Gallet, Fauconnier, Guerraoui, J. ACM 2010",
        ),
        Problem::UniformReliableBroadcast if majority => (
            "none: a majority holds a correct replica (Θ)",
            "Aguilera, Toueg, Deianov, DISC 1999",
        ),
        Problem::UniformReliableBroadcast => (
            "one that always names a correct replica (Θ), where links lose; relay is enough where they do not",
            "Aguilera, Toueg, Deianov, DISC 1999",
        ),
        Problem::TerminatingBroadcast => (
            "a perfect one (P), which timeouts give under synchrony only",
            "Chandra, Toueg, J. ACM 1996",
        ),
        Problem::ReliableBroadcast
        | Problem::AtomicCommit
        | Problem::KSet(_)
        | Problem::CoordinatedAttack => return None,
    };
    Some(Limit {
        of: "detector",
        text: format!("the weakest that is enough among faults that only crash: {text}"),
        citation,
    })
}

/// Between a lease and the wait of those that gave it stand two clocks.
fn lease(c: &Contract) -> Option<Limit> {
    if c.problem() != Problem::Log || c.failures.has_liars() {
        return None;
    }
    let text = match c.timing.bounds() {
        Some(bounds) if c.steps.is_none() => {
            let lease = Duration::from_secs(10);
            format!(
                "a leader may answer reads by itself for a time L of its clock, if those that elected it wait \
                 W ≥ L(1 + ρ)/(1 - ρ) of theirs; with a drift ρ of {} ppm, 10s take {}",
                bounds.drift_ppm,
                duration::format(wait_for(lease, bounds))
            )
        }
        _ => "no lease is safe: nothing bounds how far two clocks run apart, so that each read asks a quorum"
            .to_owned(),
    };
    Some(Limit {
        of: "lease",
        text,
        citation: "Gray, Cheriton: Leases, SOSP 1989",
    })
}

/// How long to wait by a fast clock for what is over by a slow one, to the microsecond above.
fn wait_for(lease: Duration, bounds: &Bounds) -> Duration {
    const MILLION: u128 = 1_000_000;
    let drift = u128::from(bounds.drift_ppm).min(MILLION - 1);
    let micros = (lease.as_micros() * (MILLION + drift)).div_ceil(MILLION - drift);
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

/// What a claimed or assumed detector is built from, or what it gives.
pub(super) fn built_from(class: DetectorClass) -> &'static str {
    match class {
        DetectorClass::EventualLeader => {
            "built from timeouts that grow (partial synchrony), or from ◇S, ◇P or P"
        }
        DetectorClass::EventuallyStrong => {
            "built from timeouts that grow (partial synchrony); as strong as an eventual leader"
        }
        DetectorClass::EventuallyPerfect => "built from timeouts that grow (partial synchrony)",
        DetectorClass::Perfect => "built from timeouts where bounds are known and hold (synchrony)",
        DetectorClass::Quorum => "built from a majority; with P, from all that it spares",
        DetectorClass::LeaderAndQuorum => "built from Ω and a majority, or from P",
        DetectorClass::Trusting => "built from a majority, from Σ or from P",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock that gains 500 ppm counts 10.005 s while one that loses as much counts 9.995 s.
    #[test]
    fn a_lease_is_waited_for_by_the_faster_clock() {
        let bounds = |drift_ppm| Bounds {
            delta: Duration::from_millis(50),
            phi: Duration::ZERO,
            drift_ppm,
        };
        let lease = Duration::from_secs(10);
        assert_eq!(wait_for(lease, &bounds(0)), lease);
        assert_eq!(
            wait_for(lease, &bounds(500)),
            Duration::from_micros(10_010_006)
        );
        assert_eq!(wait_for(lease, &bounds(999_999)).as_secs(), 19_999_990);
    }

    #[test]
    fn bounds_are_those_of_the_papers() {
        let contract = Contract::parse(
            "four.toml",
            include_str!("../../../../contracts/byzantine-four.toml"),
        )
        .expect("a contract");
        let said: Vec<String> = limits(&contract)
            .into_iter()
            .map(|limit| limit.text)
            .collect();
        // n = 4, f = 1: 4 · 2 / 4 signatures, (1 + 1/2)² messages, 5f - 1 = 4 for two delays.
        assert!(
            said[0].contains("= 2 signatures") && said[0].contains("= 3 messages"),
            "{said:?}"
        );
        assert!(said[1].contains("= 4, which n = 4 reaches"), "{said:?}");
        assert!(said[2].contains("2f + 1 = 3 replicas"), "{said:?}");
    }
}
