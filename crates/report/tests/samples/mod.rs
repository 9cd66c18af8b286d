//! Runs made up from a seed: a leader that replicates, with faults of every kind. They look like a
//! protocol's and are not: reports are tested here, protocols elsewhere.

use fastrand::Rng;
use quorate_report::*;

const MS: u64 = 1_000_000;

/// A run of this many nodes and exactly this many events.
pub(crate) fn run(nodes: u32, events: usize) -> Run {
    let mut rng = Rng::with_seed(7);
    let mut run = Run {
        title: format!("sample: {nodes} nodes, {events} events, seed 7"),
        clause: Some("at most 2 replicas crash; no replica lies".to_owned()),
        replay: Some("quorate simulate --contract five.toml --seed 7 --trace".to_owned()),
        nodes: (1..=nodes)
            .map(|n| RunNode {
                name: format!("n{n}"),
                note: Some(format!("zone {}", ["a", "b", "c"][n as usize % 3])),
            })
            .collect(),
        ..Run::default()
    };
    let mut now = 0;
    let mut index = 0;
    while run.events.len() < events {
        index += 1;
        let reign = index / 40;
        let leader = (reign % u64::from(nodes)) as u32;
        now = round(&mut run, &mut rng, leader, reign + 1, index, now, events) + MS;
    }
    run.end = now + 5 * MS;
    settle(&mut run, nodes);
    run
}

/// One entry: a request, its sync, its copies, their answers, its commit.
fn round(
    run: &mut Run,
    rng: &mut Rng,
    leader: u32,
    term: u64,
    index: u64,
    start: u64,
    events: usize,
) -> u64 {
    let nodes = run.nodes.len() as u32;
    let mut pending = Vec::new();
    let asked = run.events.len() as u32;
    pending.push(event(
        start,
        leader,
        EventKind::Request,
        &format!("put k{} = {index}", index % 9),
        None,
    ));
    let mut arrivals = Vec::new();
    for to in (0..nodes).filter(|to| *to != leader) {
        let fate = match rng.u32(..60) {
            0 | 1 => MessageFate::Dropped,
            2 => MessageFate::Duplicated,
            3 => MessageFate::Late,
            4 => MessageFate::Corrupted,
            5 => MessageFate::Forged,
            _ => MessageFate::Delivered,
        };
        let slow = if fate == MessageFate::Late { 9 } else { 1 };
        let arrived = start + slow * rng.u64(MS..4 * MS);
        arrivals.push((arrived, to, fate));
    }
    arrivals.sort_unstable_by_key(|arrival| arrival.0);
    let quorum = nodes as usize / 2;
    let mut heard = 0;
    let mut end = start;
    let mut answers = Vec::new();
    for (arrived, to, fate) in arrivals {
        let gone = fate == MessageFate::Dropped;
        let place = (!gone).then_some(asked + pending.len() as u32);
        run.messages.push(message(
            leader,
            to,
            start,
            (!gone).then_some(arrived),
            fate,
            &format!("entry {index}, term {term}"),
            Some(asked),
            place,
        ));
        if gone {
            continue;
        }
        let mut delivered = event(
            arrived,
            to,
            EventKind::Deliver,
            &format!("entry {index} from n{}", leader + 1),
            Some(asked),
        );
        delivered.difference = vec![
            format!("-log ends at {}", index - 1),
            format!("+log ends at {index}"),
        ];
        pending.push(delivered);
        let synced = arrived + rng.u64(MS / 2..MS);
        run.syncs.push(Sync {
            node: to,
            from: arrived,
            to: synced,
            kept: rng.u32(..40) > 0,
        });
        answers.push((synced + rng.u64(MS..3 * MS), to, synced, place));
        end = end.max(synced);
    }
    answers.sort_unstable_by_key(|answer| answer.0);
    // Deliveries to followers and answers to the leader interleave: sorted at the end, indices mended.
    for (arrived, from, synced, sent) in answers {
        let place = asked + pending.len() as u32;
        run.messages.push(message(
            from,
            leader,
            synced,
            Some(arrived),
            MessageFate::Delivered,
            &format!("has the log through {index}"),
            sent,
            Some(place),
        ));
        pending.push(event(
            arrived,
            leader,
            EventKind::Deliver,
            &format!("n{} has {index}", from + 1),
            sent,
        ));
        heard += 1;
        end = end.max(arrived);
        if heard == quorum {
            let mut decided = event(
                arrived,
                leader,
                EventKind::Decide,
                &format!("entry {index} is committed"),
                Some(place),
            );
            decided.difference = vec![format!("-commit {}", index - 1), format!("+commit {index}")];
            pending.push(decided);
            run.commits.push(CommitIndex {
                node: leader,
                at: arrived,
                index,
            });
            for node in (0..nodes).filter(|node| *node != leader) {
                run.commits.push(CommitIndex {
                    node,
                    at: arrived + rng.u64(..2 * MS),
                    index,
                });
            }
            run.operations.push(operation(
                index,
                start,
                Some(arrived),
                OperationOutcome::Done,
                asked,
            ));
        }
    }
    if heard < quorum {
        let outcome = if index.is_multiple_of(2) {
            OperationOutcome::Refused
        } else {
            OperationOutcome::Unknown
        };
        let returned = (outcome == OperationOutcome::Refused).then_some(end);
        run.operations
            .push(operation(index, start, returned, outcome, asked));
    }
    append_in_order(run, pending, asked, events);
    end + 2 * MS
}

/// Sorts what happened in a round and mends everything that names its events; what is beyond the
/// number of events wanted is dropped, and no longer named.
fn append_in_order(run: &mut Run, pending: Vec<RunEvent>, base: u32, events: usize) {
    let mut order: Vec<usize> = (0..pending.len()).collect();
    order.sort_by_key(|place| pending[*place].at);
    let mut moved = vec![None; pending.len()];
    for (rank, place) in order.iter().enumerate() {
        let rank = base + rank as u32;
        moved[*place] = ((rank as usize) < events).then_some(rank);
    }
    let nodes = run.nodes.len();
    let mend = |event: &mut Option<u32>| {
        *event = event.and_then(|old| match old.checked_sub(base) {
            Some(place) => moved[place as usize],
            None => Some(old),
        });
    };
    for message in run.messages.iter_mut().rev().take(2 * nodes) {
        mend(&mut message.send);
        mend(&mut message.receive);
    }
    if let Some(operation) = run.operations.last_mut() {
        mend(&mut operation.event);
    }
    for place in order {
        let mut event = pending[place].clone();
        mend(&mut event.cause);
        if run.events.len() < events {
            run.events.push(event);
        }
    }
}

/// Reigns, bands, the verdict and the totals.
fn settle(run: &mut Run, nodes: u32) {
    let end = run.end;
    for commit in &mut run.commits {
        commit.at = commit.at.min(end);
    }
    for message in &mut run.messages {
        if message.arrived.is_some_and(|arrived| arrived > end) {
            (message.arrived, message.fate) = (None, MessageFate::InFlight);
        }
    }
    let mut start = 0;
    let reigns = (run.operations.len() as u64).div_ceil(40).max(1);
    for reign in 0..reigns {
        let to = run
            .operations
            .get(40 * (reign as usize + 1))
            .map_or(end, |o| o.invoked);
        let (node, number) = ((reign % u64::from(nodes)) as u32, reign + 1);
        let label = format!("leader, term {number}");
        run.reigns.push(Leadership {
            node,
            from: start,
            to,
            number,
            leads: true,
            label,
        });
        start = to;
    }
    let bands: [(FaultIntervalKind, u64, u64, &[u32], &str); 5] = [
        (FaultIntervalKind::Crash, 20, 34, &[1], "power loss"),
        (FaultIntervalKind::Pause, 40, 48, &[2], "paused"),
        (
            FaultIntervalKind::Partition,
            55,
            70,
            &[0, 3],
            "cut off: n1, n4",
        ),
        (FaultIntervalKind::Slow, 74, 82, &[4], "slow disk"),
        (FaultIntervalKind::Liar, 86, 96, &[3], "answers stale"),
    ];
    for (kind, from, to, members, label) in bands {
        let (from, to) = (end / 100 * from, end / 100 * to);
        run.bands.push(FaultInterval {
            kind,
            from,
            to,
            nodes: members.to_vec(),
            label: label.to_owned(),
        });
    }
    let shown = run.events.len() * 3 / 4;
    run.events[shown].kind = EventKind::Violation;
    run.events[shown].label =
        "StateMachineSafety: two replicas applied different entries".to_owned();
    run.verdict = RunSummary {
        kind: VerdictKind::Violated,
        sentence: "State machine safety does not hold: n4 applied another entry than n1."
            .to_owned(),
        event: Some(shown as u32),
    };
    for (name, value) in [
        ("events", run.events.len()),
        ("messages", run.messages.len()),
        ("syncs", run.syncs.len()),
    ] {
        run.totals.push(Total {
            name: name.to_owned(),
            value: value.to_string(),
        });
    }
    let why = "kept are the last 60 s before the violation".to_owned();
    run.cuts.push(Cut {
        what: "timer events".to_owned(),
        left_out: 4_211,
        why,
    });
}

fn event(at: u64, node: u32, kind: EventKind, label: &str, cause: Option<u32>) -> RunEvent {
    RunEvent {
        at,
        node,
        kind,
        label: label.to_owned(),
        cause,
        difference: Vec::new(),
    }
}

#[allow(clippy::too_many_arguments, reason = "a message is that many things")]
fn message(
    from: u32,
    to: u32,
    sent: u64,
    arrived: Option<u64>,
    fate: MessageFate,
    label: &str,
    send: Option<u32>,
    receive: Option<u32>,
) -> RunMessage {
    RunMessage {
        from,
        to,
        sent,
        arrived,
        fate,
        label: label.to_owned(),
        send,
        receive,
    }
}

fn operation(
    index: u64,
    invoked: u64,
    returned: Option<u64>,
    outcome: OperationOutcome,
    event: u32,
) -> OperationSpan {
    let label = format!("put k{} = {index}", index % 9);
    OperationSpan {
        client: format!("c{}", index % 6 + 1),
        invoked,
        returned,
        label,
        outcome,
        event: Some(event),
    }
}

/// A campaign with every verdict, a disagreement, curves and a place that was not run.
pub(crate) fn matrix() -> Matrix {
    let names = |list: &[&str]| {
        list.iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    let protocols = names(&[
        "majority commit",
        "primary-backup",
        "Paxos",
        "Raft",
        "PBFT",
        "HotStuff",
        "Dolev–Strong",
    ]);
    let failures = names(&[
        "none",
        "crash-stop",
        "crash-recovery",
        "amnesia",
        "omission",
        "timing",
        "Byzantine",
    ]);
    let timings = names(&["synchronous", "partially synchronous", "asynchronous"]);
    let mut cells = Vec::new();
    for protocol in 0..protocols.len() as u32 {
        for failure in 0..failures.len() as u32 {
            for timing in 0..timings.len() as u32 {
                if protocol == 6 && timing == 1 {
                    continue;
                }
                let strength = if protocol >= 4 {
                    6
                } else {
                    2 + protocol.min(3) / 2
                };
                let within = failure <= strength && !(protocol == 6 && timing == 2);
                let verdict = match (within, timing) {
                    (true, 2) => CellVerdict::SafeStalls,
                    (true, _) => CellVerdict::SafeAndLive,
                    (false, _) if failure + timing >= 6 => CellVerdict::Unsafe,
                    (false, _) => CellVerdict::SafeStalls,
                };
                let found = (protocol, failure, timing) == (1, 2, 1);
                cells.push(CellResult {
                    protocol,
                    failure,
                    timing,
                    within,
                    verdict: if found { CellVerdict::Unsafe } else { verdict },
                    claim: within.then_some(if timing == 2 { CellVerdict::SafeStalls } else { CellVerdict::SafeAndLive }),
                    runs: 200,
                    replay: Some(format!("quorate simulate --protocol {protocol} --failure {failure} --timing {timing} --seed 12")),
                    note: if found { "two primaries acknowledged writes at once in 3 of 200 runs".to_owned() } else { String::new() },
                });
            }
        }
    }
    let mut costs = Vec::new();
    for (protocol, power) in [(3, 1), (4, 2), (5, 1)] {
        for n in [4, 7, 10, 31, 100_u32] {
            let messages = 2.0 * f64::from(n).powi(power);
            let signatures = if protocol == 3 { 0.0 } else { f64::from(n) };
            costs.push(CostRow {
                protocol,
                n,
                f: (n - 1) / 3,
                messages,
                bytes: messages * 180.0,
                rounds: 2.0 + f64::from(power),
                syncs: f64::from(n),
                signatures,
            });
        }
    }
    Matrix {
        title: "matrix: 7 protocols, 7 failure models, 3 timing models".to_owned(),
        sentence: "All but one of 140 cells are as the protocols' contracts claim.".to_owned(),
        command: Some("quorate matrix --seeds 200".to_owned()),
        protocols,
        failures,
        timings,
        cells,
        costs,
        detectors: detectors().curves,
        totals: vec![Total {
            name: "runs".to_owned(),
            value: "28,000".to_owned(),
        }],
        cuts: vec![Cut {
            what: "cells".to_owned(),
            left_out: 7,
            why: "Dolev–Strong needs a synchronous network to be run at all".to_owned(),
        }],
    }
}

pub(crate) fn detectors() -> Detectors {
    let curves = [("fixed deadline", 4.0), ("phi accrual", 6.0)].map(|(name, slope)| {
        let point = |k: u32| {
            let detection = (k > 1).then_some(u64::from(k) * 50 * MS);
            DetectorPoint {
                setting: format!("{k} × RTT"),
                detection,
                detection_p99: detection.map(|nanos| nanos * 2),
                detection_worst: detection.map(|nanos| nanos * 3),
                already_suspected: if k == 1 { 200 } else { 0 },
                false_per_hour: if k == 8 {
                    0.0
                } else {
                    4_000.0 / f64::from(k).powf(slope)
                },
                mistake: (k < 8).then_some(150 * MS),
                accuracy: Some(1.0 - f64::from(1 << (8 - k)) / 1024.0),
                ..DetectorPoint::default()
            }
        };
        DetectorCurve {
            name: name.to_owned(),
            points: (1..=8).map(point).collect(),
        }
    });
    Detectors {
        title: "detectors: 2 detectors, 16 settings".to_owned(),
        sentence: "With under one mistake an hour, phi accrual at 4 × RTT is the fastest."
            .to_owned(),
        command: Some("quorate detectors --seed 7".to_owned()),
        curves: curves.to_vec(),
        notes: vec!["A note.".to_owned()],
        totals: vec![Total {
            name: "loss".to_owned(),
            value: "1 in 4,096".to_owned(),
        }],
        cuts: vec![],
    }
}

/// Two quorums of four replicas that do not meet, and other quorums of the same replicas.
pub(crate) fn quorums() -> QuorumComparison {
    let replica = |n: u8| QuorumReplica {
        name: format!("n{n}"),
        role: if n == 3 {
            "witness".to_owned()
        } else {
            String::new()
        },
        first: n < 2,
        second: n > 1,
    };
    let system = |name: &str, refuted: Vec<String>| QuorumDrawing {
        name: name.to_owned(),
        source: "Howard, Malkhi, Spiegelman, OPODIS 2016".to_owned(),
        rows: vec![QuorumRow {
            label: "voters".to_owned(),
            replicas: (0..4).map(replica).collect(),
        }],
        marked: "1: a read quorum, 2: a write quorum".to_owned(),
        remedy: refuted.first().map(|_| "3 to read, 2 to write".to_owned()),
        refuted,
        figures: vec![Total {
            name: "survives".to_owned(),
            value: "2 crashes, whichever they are ".repeat(6),
        }],
        cells: QUORUM_COLUMNS.map(|(name, _)| format!("<{name}>")).to_vec(),
    };
    let apart = "{n0, n1} and {n2, n3} share no replica".to_owned();
    QuorumComparison {
        title: "Quorums of four".to_owned(),
        sentence: "They do not hold.".to_owned(),
        holds: false,
        command: Some("quorate explain --quorums".to_owned()),
        totals: vec![],
        systems: vec![
            system("flexible: 2 + 2 of 4", vec![apart]),
            system("majority: 3 of 4", vec![]),
        ],
        notes: vec!["Replicas fail independently.".to_owned()],
    }
}
