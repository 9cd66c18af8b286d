//! The table: every cell with a claim is as good as it claims, and every protocol breaks beyond.

use quorate_lab::matrix::{
    BadToken, Cell, CellTally, Column, LAB_VERSION, RunPlan, TimingModel, Token, cell, claim,
    render, sample, table,
};
use quorate_lab::{NAMES, ProtocolOptions, run};
use quorate_report::CellVerdict;

fn tally(place: Cell, seeds: std::ops::Range<u64>) -> CellTally {
    let mut tally = CellTally::default();
    for seed in seeds {
        tally.add(sample(Token { cell: place, seed }, &ProtocolOptions::default()).0);
    }
    tally
}

#[test]
fn every_cell_keeps_its_claim_and_every_protocol_breaks_beyond() {
    let mut cells = vec![];
    for place in Cell::all() {
        let tally = tally(place, 0..4);
        assert_eq!(tally.breach, None, "{place} left its contract");
        let cell = cell(&place, &tally).expect("there are runs");
        assert!(
            !cell.disagrees(),
            "{place}: {}: {:?}",
            cell.note,
            cell.replay
        );
        cells.push(cell);
    }
    let matrix = table(cells, 4);
    matrix.check().expect("a table that can be drawn");
    for (row, name) in (0..).zip(NAMES) {
        let broken = matrix.beyond(row).expect("cells beyond its contract");
        assert!(broken > CellVerdict::SafeAndLive, "{name} breaks nowhere");
        let within = matrix.cells.iter().filter(|cell| cell.protocol == row);
        let live = within.filter(|cell| cell.claim == Some(CellVerdict::SafeAndLive));
        assert!(live.count() > 0, "{name} claims nothing");
    }
    // Nothing is claimed of an amnesiac Raft, and it shows.
    let raft = matrix.cells.iter().filter(|cell| cell.protocol == 0);
    assert!(
        raft.filter(|cell| cell.verdict == CellVerdict::Unsafe)
            .count()
            > 3
    );
}

#[test]
fn a_token_names_one_run() {
    for text in [
        "2:raft:amnesia:gst:0",
        "2:pbft:byzantine+1:unknown-bound:7",
        "2:ben-or:none:asynchronous:1",
    ] {
        let token: Token = text.parse().expect("a token");
        assert_eq!(token.to_string(), text);
        let (one, plan, outcome) = sample(token, &ProtocolOptions::default());
        let (other, ..) = sample(token, &ProtocolOptions::default());
        assert_eq!(one, other);
        let story = render(&plan, &outcome);
        assert!(
            story.contains(text) && story.contains(&one.sentence),
            "{story}"
        );
    }
    let one: Token = "2:raft:crash-stop:gst:4".parse().expect("a token");
    let seeds = (4..8).map(|seed| {
        sample(Token { seed, ..one }, &ProtocolOptions::default())
            .0
            .hash
    });
    assert_eq!(seeds.collect::<std::collections::BTreeSet<_>>().len(), 4);
}

#[test]
fn what_is_no_token_is_refused_with_what_would_work() {
    let refused = |text: &str| text.parse::<Token>().expect_err(text);
    let version = LAB_VERSION + 1;
    let cases = [
        ("raft", "2:raft:byzantine+1:gst:17"),
        ("2:raft:none:gst:4:5", "VERSION:PROTOCOL"),
        (
            &format!("{version}:raft:none:gst:4"),
            "version 3 of the lab",
        ),
        ("2:rafd:none:gst:4", "raft, multi-paxos"),
        ("2:raft:byzantine+2:gst:4", "byzantine, byzantine+1"),
        (
            "2:raft:none:gtx:4",
            "synchronous, unknown-bound, gst, asynchronous",
        ),
        ("2:raft:none:gst:-4", "is not a number"),
    ];
    for (text, remedy) in cases {
        let said = refused(text).to_string();
        assert!(said.contains(remedy), "{text}: {said}");
    }
    assert!(matches!(
        refused("2:x:none:gst:1"),
        BadToken::Protocol { .. }
    ));
}

#[test]
fn parts_of_a_cell_join_to_the_whole() {
    let place: Token = "2:majority-commit:fair-loss:asynchronous:0"
        .parse()
        .expect("a token");
    let place = place.cell;
    let whole = tally(place, 0..20);
    let mut joined = tally(place, 13..20);
    joined.join(tally(place, 0..13));
    assert_eq!(joined, whole);
    assert!(whole.stalled > 0, "nothing is ever sent twice");
}

/// The worst that a protocol shows when its plan is drawn as ever, and then its setup is wrong.
fn worst(place: Cell, seeds: u64, spoil: impl Fn(&mut RunPlan)) -> CellVerdict {
    let verdict = |seed| {
        let mut plan = RunPlan::draw(Token { cell: place, seed }, &ProtocolOptions::default());
        spoil(&mut plan);
        let outcome = run(&plan.experiment, plan.decisions()).expect("it runs");
        outcome.verdict()
    };
    (0..seeds).map(verdict).max().expect("there are seeds")
}

#[test]
fn seeded_defects_break_claims() {
    let place = |protocol, column: &str, timing| Cell {
        protocol,
        column: Column::named(column).expect("a column"),
        timing,
    };
    let synchronous = TimingModel::Synchronous;
    // A round too few, for one traitor.
    let dolev_strong = place("dolev-strong", "byzantine", synchronous);
    // Rounds shorter than messages take.
    let flood_set = place("flood-set", "crash-stop", synchronous);
    for here in [dolev_strong, flood_set] {
        let claimed = claim(&here).verdict;
        assert_eq!(claimed, Some(CellVerdict::SafeAndLive), "{here}");
        assert_eq!(worst(here, 40, |_| {}), CellVerdict::SafeAndLive, "{here}");
    }
    let defect = worst(dolev_strong, 40, |plan| plan.experiment.setup.faults = 0);
    assert_eq!(defect, CellVerdict::Unsafe);
    let defect = worst(flood_set, 40, |plan| plan.experiment.setup.delta /= 4);
    assert_eq!(defect, CellVerdict::Unsafe);
    // Votes that are not on the disk when they are counted.
    let raft = place("raft", "crash-recovery", TimingModel::Gst);
    assert_eq!(worst(raft, 20, |_| {}), CellVerdict::SafeAndLive);
    let forgets = worst(raft, 20, |plan| {
        for fault in &mut plan.experiment.node_faults {
            if fault.fault == quorate_sim::NodeFault::Crash {
                fault.fault = quorate_sim::NodeFault::Forget;
            }
        }
    });
    assert_eq!(forgets, CellVerdict::Unsafe);
}

/// Counted costs against the formulas of the catalogue, which come from the papers.
#[test]
fn what_is_counted_is_what_the_papers_say() {
    use quorate_lab::matrix::{cost, faults_for};
    for name in NAMES {
        let facts = quorate_lab::facts(name).expect("a protocol");
        for n in [2, 4, 7, 10] {
            let Some(f) = faults_for(name, n) else {
                continue;
            };
            let counted = cost(name, n, quorate_crypto::Scheme::Ideal).expect("it runs");
            let paper = facts.catalogue.cost(n.into(), f.into());
            let (nodes, messages) = (f64::from(n), paper.messages as f64);
            // Ours say besides: Raft at once what is committed, Ben-Or what was decided; and a
            // request is passed on to whoever leads next.
            let besides = match *name {
                "raft" => nodes - 1.0,
                "ben-or" | "ben-or-byzantine" => nodes * (nodes - 1.0),
                "pbft" => 1.0,
                "hotstuff" | "tendermint" => nodes - 1.0,
                _ => 0.0,
            };
            assert!(
                counted.messages >= messages && counted.messages <= messages + besides,
                "{name} among {n}: {} messages, {messages} on paper",
                counted.messages
            );
            assert!(counted.bytes > counted.messages, "{name}");
        }
    }
    // Docs 000 and 003: 16 against 4, and 10,000 against 100.
    let among = |name, n| cost(name, n, quorate_crypto::Scheme::Ideal).expect("it runs");
    let (bracha, raft) = (among("bracha", 100), among("raft", 100));
    assert!(bracha.messages > 10_000.0 && raft.messages < 300.0);
    assert!(among("pbft", 4).signatures >= 8.0 && raft.signatures == 0.0);
}
