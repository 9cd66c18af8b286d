//! What clients must never see, and what keeps it from them.

use quorate_core::{NodeId, NodeSet};
use quorate_crypto::Scheme;
use quorate_lab::{
    ClientLoad, ClientSessions, Clients, Experiment, LeaderWrites, ProtocolOptions, ReadLoad,
    RunOutcome, Setup, run,
};
use quorate_sim::{
    Decisions, LinkFault, MessageFilter, NetworkProfile, NodeFault, ScheduledLinkFault,
    ScheduledNodeFault, TimingProfile,
};
use std::time::Duration;

const MS: u64 = 1_000_000;

/// Three nodes of Raft under a steady load.
fn raft() -> Experiment {
    Experiment {
        subject: "raft".to_owned(),
        setup: Setup {
            nodes: 3,
            faults: 1,
            delta: Duration::from_millis(50),
            timeout_factor_max: 1,
            options: ProtocolOptions::default(),
            scheme: Scheme::Ideal,
        },
        weather: NetworkProfile {
            timing: TimingProfile::synchronous(5 * MS, MS),
            ..NetworkProfile::default()
        },
        requests: vec![],
        load: Some(ClientLoad {
            values: 40,
            from: 2_000 * MS,
            every: 50 * MS,
            retry_after: 200 * MS,
            probes: 2,
        }),
        clients: Clients::default(),
        node_faults: vec![],
        link_faults: vec![],
        crash_signal: None,
        distrusted: NodeSet::EMPTY,
        distinct: 1,
        end: 60_000 * MS,
    }
}

fn play(experiment: &Experiment, seed: u64) -> RunOutcome {
    run(experiment, Decisions::from_seed(seed)).expect("it can be run")
}

/// Runs the experiment of each node, over some seeds; gives the properties that were violated.
fn violated(each: impl Fn(NodeId) -> Experiment) -> Vec<&'static str> {
    let mut violated = vec![];
    for node in NodeId::all(3) {
        for seed in 0..5 {
            let outcome = play(&each(node), seed);
            match outcome.violation {
                Some(violation) => violated.push(violation.property),
                None => assert_eq!(outcome.stalled, None, "{node}, seed {seed}"),
            }
        }
    }
    violated.dedup();
    violated
}

/// Doc 003: 4.2 s of garbage collection, and then 800 ms in which nothing reaches the old leader.
#[test]
fn a_leader_that_wakes_up_writes_over_its_successor_unless_it_is_fenced() {
    let paused = |node: NodeId, fencing| {
        let mut experiment = raft();
        experiment.clients.leader_writes = Some(LeaderWrites {
            every: 10 * MS,
            fencing,
        });
        experiment.node_faults.push(ScheduledNodeFault {
            node,
            fault: NodeFault::Pause,
            from: 3_000 * MS,
            until: Some(7_200 * MS),
        });
        experiment.node_faults.push(ScheduledNodeFault {
            node,
            fault: NodeFault::OmitReceive(MessageFilter::ALL),
            from: 7_100 * MS,
            until: Some(8_000 * MS),
        });
        experiment
    };
    assert_eq!(violated(|node| paused(node, true)), [""; 0]);
    assert_eq!(
        violated(|node| paused(node, false)),
        ["one writer at a time"]
    );
}

/// Doc 003: 200 OK, and a body with last week's balance.
#[test]
fn a_node_that_lives_in_the_past_serves_stale_reads_unless_a_quorum_is_asked() {
    let stale = |node: NodeId, local| {
        let mut experiment = raft();
        experiment.clients.reads = Some(ReadLoad {
            every: 100 * MS,
            node,
            local,
        });
        experiment.link_faults.push(ScheduledLinkFault {
            from_nodes: NodeId::all(3).collect(),
            to_nodes: [node].into_iter().collect(),
            fault: LinkFault::Cut,
            from: 2_500 * MS,
            until: Some(9_000 * MS),
            flapping: None,
        });
        experiment
    };
    assert_eq!(violated(|node| stale(node, false)), [""; 0]);
    assert_eq!(violated(|node| stale(node, true)), ["no stale read"]);
}

/// An answer is lost, the client asks again, and the value is decided twice.
#[test]
fn what_is_asked_for_again_is_applied_once_where_sessions_are_kept() {
    let lossy = |_: NodeId, sessions| {
        let mut experiment = raft();
        experiment.clients.sessions = Some(sessions);
        if let Some(load) = &mut experiment.load {
            // Less than a round trip and a sync: impatient.
            load.retry_after = 3 * MS;
        }
        experiment
    };
    assert_eq!(violated(|node| lossy(node, ClientSessions::Kept)), [""; 0]);
    assert_eq!(
        violated(|node| lossy(node, ClientSessions::None)),
        ["applied once"]
    );
}
