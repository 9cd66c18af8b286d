//! Under an unknown bound (Dwork, Lynch and Stockmeyer 1988) what waits for ever as long as at first
//! decides nothing, and what learns to wait decides.

use quorate_core::{NodeId, NodeSet};
use quorate_crypto::Scheme;
use quorate_lab::{ClientLoad, Clients, Experiment, ProtocolOptions, RunOutcome, Setup, run};
use quorate_sim::{Decisions, NetworkProfile, NodeFault, ScheduledNodeFault, TimingProfile};
use std::time::Duration;

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;

/// Nodes that are told 10 ms, in a world whose messages and disks take up to `times` as long.
fn slow(subject: &str, times: u64, patience_max: u32) -> Experiment {
    Experiment {
        subject: subject.to_owned(),
        setup: Setup {
            nodes: 5,
            faults: 2,
            delta: Duration::from_millis(10),
            timeout_factor_max: patience_max,
            options: ProtocolOptions::default(),
            scheme: Scheme::Ideal,
        },
        weather: NetworkProfile {
            timing: TimingProfile::synchronous(times * 8 * MS, times * MS),
            lossy: false,
            authentic: true,
            count_bytes: false,
        },
        requests: vec![],
        load: Some(ClientLoad {
            values: 5,
            from: 5 * MS,
            every: 20 * MS,
            retry_after: 100 * MS,
            probes: 2,
        }),
        clients: Clients::default(),
        node_faults: vec![],
        link_faults: vec![],
        crash_signal: None,
        distrusted: NodeSet::EMPTY,
        distinct: 1,
        end: 60 * S,
    }
}

fn play(experiment: &Experiment, seed: u64) -> RunOutcome {
    let outcome = run(experiment, Decisions::from_seed(seed)).expect("it can be run");
    assert_eq!(outcome.violation, None);
    outcome
}

#[test]
fn who_does_not_learn_to_wait_decides_nothing() {
    for subject in ["raft", "multi-paxos"] {
        for seed in 0..5 {
            let fixed = play(&slow(subject, 64, 1), seed);
            assert!(fixed.logs.iter().all(|log| log.is_empty()), "{subject}");
            for times in [2, 32, 64] {
                let learns = play(&slow(subject, times, 64), seed);
                let story = learns.sentence();
                assert_eq!(
                    learns.stalled, None,
                    "{subject}, seed {seed}, {times}x: {story}"
                );
            }
        }
    }
}

/// A leader that stands for long makes the others forget how long messages may take. They learn it
/// again when it goes, each time.
#[test]
fn patience_that_has_halved_is_learned_again() {
    for seed in 0..3 {
        let mut experiment = slow("raft", 64, 16);
        // One halving takes 2.5 s of a leader: half a minute is more than four of them.
        experiment.load = Some(ClientLoad {
            values: 100,
            from: 5 * MS,
            every: 2 * S,
            retry_after: S,
            probes: 2,
        });
        experiment.node_faults = (1..6)
            .map(|turn| ScheduledNodeFault {
                node: NodeId((turn % 5) as u32),
                fault: NodeFault::Crash,
                from: turn * 35 * S,
                until: Some((turn * 35 + 5) * S),
            })
            .collect();
        experiment.end = 400 * S;
        let outcome = play(&experiment, seed);
        assert_eq!(outcome.stalled, None, "seed {seed}: {}", outcome.sentence());
    }
}
