//! What breaks when a layer of links is missing, and that the layer mends it.

use quorate_core::{NodeId, NodeSet};
use quorate_crypto::Scheme;
use quorate_lab::{ClientLoad, Clients, Experiment, ProtocolOptions, Setup, facts, run};
use quorate_report::CellVerdict;
use quorate_sim::{
    Decisions, LinkFault, Mutation, NetworkProfile, NodeFault, ScheduledLinkFault,
    ScheduledNodeFault, TimingProfile,
};
use std::time::Duration;

const MS: u64 = 1_000_000;

/// The worst of some seeds in a world of fair-loss links that do not know who speaks.
fn worst(subject: &str, break_it: impl Fn(&mut Experiment, u64)) -> CellVerdict {
    let nodes = facts(subject).map_or(3, |facts| facts.nodes_for(1));
    let verdict = |seed| {
        let mut experiment = Experiment {
            subject: subject.to_owned(),
            setup: Setup {
                nodes,
                faults: 1,
                delta: Duration::from_millis(100),
                timeout_factor_max: 1,
                options: ProtocolOptions::default(),
                scheme: Scheme::Ideal,
            },
            weather: NetworkProfile {
                timing: TimingProfile::synchronous(2 * MS, MS / 2),
                ..NetworkProfile::default()
            },
            requests: vec![],
            load: None,
            clients: Clients::default(),
            node_faults: vec![],
            link_faults: vec![],
            crash_signal: None,
            distrusted: NodeSet::EMPTY,
            distinct: 1,
            end: 10_000 * MS,
        };
        let load = ClientLoad {
            values: 6,
            from: 5 * MS,
            every: 100 * MS,
            retry_after: 300 * MS,
            probes: 2,
        };
        experiment.set_default_requests(load).expect("a subject");
        break_it(&mut experiment, seed);
        let outcome = run(&experiment, Decisions::from_seed(seed)).expect("it can be run");
        outcome.verdict()
    };
    (0..30).map(verdict).max().expect("there are seeds")
}

fn lossy(experiment: &mut Experiment, _seed: u64) {
    for trouble in [LinkFault::Loss(300_000), LinkFault::Duplicate(200_000)] {
        experiment.link_faults.push(ScheduledLinkFault {
            from_nodes: NodeSet::all(128),
            to_nodes: NodeSet::all(128),
            fault: trouble,
            from: 0,
            until: None,
            flapping: None,
        });
    }
}

/// The last node speaks in the first one's name.
fn impersonate(experiment: &mut Experiment, seed: u64) {
    let node = NodeId((experiment.setup.nodes - 1).into());
    let replaced = Mutation::Replace {
        value: b"ATTACK".to_vec(),
        by: b"RETREAT".to_vec(),
    };
    let name = NodeId((seed % u64::from(node.0)) as u32);
    let misdeeds = [
        NodeFault::Forge(name, 900_000, replaced.clone()),
        NodeFault::TamperSend(500_000, replaced),
    ];
    for misdeed in misdeeds {
        experiment.node_faults.push(ScheduledNodeFault {
            node,
            fault: misdeed,
            from: 0,
            until: None,
        });
    }
}

#[test]
fn what_is_lost_stays_lost_without_retransmission() {
    use CellVerdict::{SafeAndLive, SafeStalls};
    for (subject, without) in [("majority-commit", SafeStalls), ("bracha", SafeStalls)] {
        assert_eq!(worst(subject, lossy), without, "{subject}");
        let with = worst(&format!("{subject}+reliable"), lossy);
        assert_eq!(with, SafeAndLive, "{subject} over reliable links");
    }
}

/// Retransmission brings everything across at last, and at last may be after the deadline.
#[test]
fn no_retransmission_is_in_time_for_sure() {
    for subject in ["two-generals", "two-generals+reliable"] {
        assert_eq!(worst(subject, lossy), CellVerdict::Unsafe, "{subject}");
    }
}

#[test]
fn who_may_speak_in_anothers_name_outvotes_everybody_without_seals() {
    let without = worst("oral-messages", impersonate);
    assert_eq!(without, CellVerdict::Unsafe);
    let with = worst("oral-messages+authenticated", impersonate);
    assert_eq!(with, CellVerdict::SafeAndLive);
    // Whoever signs what it says needs no sealed links for safety.
    let sealed = worst("pbft+authenticated", impersonate);
    assert_eq!(sealed, CellVerdict::SafeAndLive);
}
