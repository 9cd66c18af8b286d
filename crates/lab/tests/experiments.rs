//! Every protocol in its own world, and one step beyond it.

use quorate_core::{NodeId, NodeSet};
use quorate_crypto::Scheme;
use quorate_lab::{
    ClientLoad, Clients, Experiment, NAMES, PageText, ProtocolOptions, RunFailure, RunOutcome,
    Setup, facts, minimise, record, run,
};

use quorate_report::CellVerdict;
use quorate_sim::{Decisions, Delay, NetworkProfile, NodeFault, ScheduledNodeFault, TimingProfile};
use std::time::Duration;

const MS: u64 = 1_000_000;

/// A protocol at its bound for one fault, in a synchronous world without faults.
fn calm(subject: &str) -> Experiment {
    let nodes = facts(subject).map_or(3, |facts| facts.nodes_for(1));
    let mut experiment = Experiment {
        subject: subject.to_owned(),
        setup: Setup {
            nodes,
            faults: 1,
            delta: Duration::from_millis(10),
            timeout_factor_max: 1,
            options: ProtocolOptions::default(),
            scheme: Scheme::Ideal,
        },
        weather: NetworkProfile {
            timing: TimingProfile::synchronous(8 * MS, MS),
            lossy: false,
            authentic: true,
            count_bytes: false,
        },
        requests: vec![],
        load: None,
        clients: Clients::default(),
        node_faults: vec![],
        link_faults: vec![],
        crash_signal: None,
        distrusted: NodeSet::EMPTY,
        distinct: 1,
        end: 20_000 * MS,
    };
    let load = ClientLoad {
        values: 6,
        from: 5 * MS,
        every: 20 * MS,
        retry_after: 40 * MS,
        probes: 2,
    };
    experiment.set_default_requests(load).expect("a subject");
    experiment
}

fn play(experiment: &Experiment, seed: u64) -> RunOutcome {
    run(experiment, Decisions::from_seed(seed)).expect("it can be run")
}

#[test]
fn without_faults_everything_is_decided() {
    for name in NAMES {
        for seed in 0..5 {
            let outcome = play(&calm(name), seed);
            assert_eq!(
                outcome.verdict(),
                CellVerdict::SafeAndLive,
                "{name}, seed {seed}: {}",
                outcome.sentence()
            );
            assert_eq!(outcome.hash, play(&calm(name), seed).hash, "{name}");
        }
    }
}

/// A proposer keeps in memory what it is to propose. Each node went down once before anything was
/// accepted, and nobody proposed any more: 8 of 400 runs of two cells of the matrix, and none of 60.
#[test]
fn who_was_down_is_asked_again() {
    for misdeed in [NodeFault::Crash, NodeFault::CrashSending(NodeSet::EMPTY)] {
        let mut experiment = calm("paxos");
        experiment.node_faults = (0..3)
            .map(|node| {
                let mut fault = of_node(node, &experiment, misdeed.clone());
                // In mid-send they die of what they are asked at the start.
                fault.from = match misdeed {
                    NodeFault::Crash => node * MS,
                    _ => 0,
                };
                fault.until = Some((node + 1) * MS - MS / 10);
                fault
            })
            .collect();
        for seed in 0..20 {
            let outcome = play(&experiment, seed);
            let story = outcome.sentence();
            assert_eq!(outcome.verdict(), CellVerdict::SafeAndLive, "{story}");
            let decided = outcome.logs.iter().filter(|log| !log.is_empty());
            assert_eq!(decided.count(), 3, "{story}");
        }
    }
}

/// The worst that a protocol shows over some seeds.
fn worst(name: &str, seeds: u64, break_it: impl Fn(&mut Experiment, u64)) -> CellVerdict {
    let verdict = |seed| {
        let mut experiment = calm(name);
        break_it(&mut experiment, seed);
        play(&experiment, seed).verdict()
    };
    (0..seeds).map(verdict).max().expect("there are seeds")
}

fn of_node(seed: u64, experiment: &Experiment, misdeed: NodeFault) -> ScheduledNodeFault {
    ScheduledNodeFault {
        node: NodeId((seed % u64::from(experiment.setup.nodes)) as u32),
        fault: misdeed,
        from: 0,
        until: None,
    }
}

#[test]
fn one_crash_is_survived() {
    for name in NAMES {
        let worst = worst(name, 10, |experiment, seed| {
            let mut crash = of_node(seed, experiment, NodeFault::Crash);
            crash.from = seed * 7 * MS;
            experiment.node_faults.push(crash);
        });
        assert_eq!(worst, CellVerdict::SafeAndLive, "{name}");
    }
}

#[test]
fn twins_break_those_who_believe_everybody_and_nobody_else() {
    let liars_welcome = [
        "ben-or-byzantine",
        "pbft",
        "hotstuff",
        "tendermint",
        "dolev-strong",
        "oral-messages",
        "signed-messages",
        "bracha",
    ];
    for name in NAMES {
        let worst = worst(name, 20, |experiment, seed| {
            let odd = |node: &NodeId| u64::from(node.0) % 2 == seed / 2 % 2;
            let sees = NodeId::all(experiment.setup.nodes).filter(odd).collect();
            let twins = of_node(seed, experiment, NodeFault::Twins(sees));
            experiment.node_faults.push(twins);
        });
        // Each of two generals has one peer, so that twins cannot tell two peers different things. A
        // coordinator with a twin hears half of the votes, and so does its twin: both abort. The
        // register is only written to here; a lost write shows only to reads.
        let unharmed = [
            "two-generals",
            "two-phase-commit",
            "three-phase-commit",
            "abd",
        ];
        let safe = liars_welcome.contains(name) || unharmed.contains(name);
        assert_eq!(
            worst == CellVerdict::SafeAndLive,
            safe,
            "{name}: {}",
            worst.name()
        );
    }
}

#[test]
fn recording_changes_nothing_and_makes_a_page_that_can_be_shown() {
    for name in NAMES {
        let mut experiment = calm(name);
        let twins = of_node(0, &experiment, NodeFault::Twins(NodeSet::all(2)));
        experiment.node_faults.push(twins);
        let mut crash = of_node(1, &experiment, NodeFault::Crash);
        (crash.from, crash.until) = (15 * MS, Some(90 * MS));
        experiment.node_faults.push(crash);
        let plain = play(&experiment, 3);
        let framing = PageText::default();
        let recorded = record(&experiment, Decisions::from_seed(3), framing);
        let (outcome, run) = recorded.expect("it can be run");
        assert_eq!(outcome.hash, plain.hash, "{name}");
        run.check().expect("a run that can be shown");
        let delivered = run.messages.iter().filter(|m| m.receive.is_some());
        assert!(delivered.count() > 0 && !run.bands.is_empty(), "{name}");
        let lanes = usize::from(experiment.setup.nodes) + 1;
        assert_eq!(
            run.nodes.len(),
            lanes,
            "{name}: the second of twins has a lane"
        );
    }
}

#[test]
fn a_failing_run_shrinks_to_what_it_takes_and_the_control_holds() {
    // Five nodes and seven faults, of which one is enough: the leader has a twin.
    let mut experiment = calm("raft");
    (experiment.setup.nodes, experiment.setup.faults) = (5, 1);
    let odd = [1, 3].map(NodeId).into_iter().collect();
    experiment
        .node_faults
        .push(of_node(0, &experiment, NodeFault::Twins(odd)));
    for node in 1..4 {
        let mut fault = of_node(node, &experiment, NodeFault::Pause);
        (fault.from, fault.until) = (node * 40 * MS, Some(node * 60 * MS));
        experiment.node_faults.push(fault.clone());
        fault.fault = NodeFault::Late(Delay::Uniform {
            min: MS,
            max: 9 * MS,
        });
        experiment.node_faults.push(fault);
    }
    let unsafe_ones = (0..200).filter(|seed| play(&experiment, *seed).violation.is_some());
    let seed = unsafe_ones.take(1).next().expect("twins break Raft");
    let minimal = minimise(&experiment, &|n| Decisions::from_seed(seed + n), 2_000)
        .expect("it can be run")
        .expect("it fails");
    let before = play(&experiment, seed);
    assert_eq!(RunFailure::of(&minimal.outcome), RunFailure::of(&before));
    let again = play(&minimal.experiment, seed + minimal.stream);
    assert_eq!(again.hash, minimal.outcome.hash, "it can be run again");
    assert_eq!(minimal.experiment.node_faults.len(), 1);
    assert!(minimal.experiment.setup.nodes < 5);
    assert!(minimal.outcome.events * 2 < before.events);
    let control = minimal.control.expect("one fault is to blame");
    assert_eq!(control.without, "twins at n0");
    assert_eq!(RunFailure::of(&control.outcome), None);
    let healthy = calm("raft");
    assert!(
        minimise(&healthy, &Decisions::from_seed, 100)
            .expect("it can be run")
            .is_none()
    );
}
