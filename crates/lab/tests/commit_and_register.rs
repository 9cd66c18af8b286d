//! Atomic commit and the atomic register: what blocks, what splits, what does neither, and the seeded
//! defects of each.

use quorate_lab::matrix::{Cell, Column, TimingModel, Token, sample};
use quorate_lab::{NAMES, ProtocolOptions};
use quorate_report::CellVerdict;

/// All cells of a protocol whose column is one of these.
fn cells(protocol: &str, columns: &[&str]) -> Vec<Cell> {
    let here = |place: &Cell| {
        place.protocol == protocol && columns.contains(&place.column.name().as_str())
    };
    Cell::all().into_iter().filter(here).collect()
}

fn place(protocol: &str, column: &str, timing: TimingModel) -> Cell {
    Cell {
        protocol: NAMES.iter().find(|name| **name == protocol).expect("one"),
        column: Column::named(column).expect("a column"),
        timing,
    }
}

fn options(chosen: &[(&str, &str)]) -> ProtocolOptions {
    let owned = chosen
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    owned.collect()
}

/// The worst verdict of so many seeds, and what it was.
fn worst(place: Cell, seeds: u64, chosen: &[(&str, &str)]) -> (CellVerdict, String) {
    let options = options(chosen);
    let played = (0..seeds).map(|seed| {
        let sample = sample(Token { cell: place, seed }, &options).0;
        (
            sample.verdict,
            format!("{place}:{seed}: {}", sample.sentence),
        )
    });
    played
        .max_by_key(|(verdict, _)| *verdict)
        .expect("there are seeds")
}

/// Whatever crashes, comes back, loses messages or is late: two-phase commit decides nothing wrong.
#[test]
fn two_phase_commit_is_safe_wherever_disks_keep_what_they_hold() {
    let columns = [
        "none",
        "crash-stop",
        "crash-stop+1",
        "crash-recovery",
        "crash-recovery+1",
        "send-omission",
        "receive-omission+1",
        "general-omission+1",
        "timing+1",
        "fair-loss",
    ];
    let mut blocked = 0;
    for place in cells("two-phase-commit", &columns) {
        let (verdict, what) = worst(place, 12, &[]);
        assert!(verdict < CellVerdict::Unsafe, "{what}");
        let timely = place.timing != TimingModel::Asynchronous;
        blocked += u32::from(timely && verdict == CellVerdict::SafeStalls);
    }
    assert!(blocked > 3, "it blocks in {blocked} cells");
}

/// The first seed on which the lab sees a seeded defect.
fn first_found(place: Cell, seeds: u64, chosen: &[(&str, &str)]) -> Option<(u64, String)> {
    let options = options(chosen);
    (0..seeds).find_map(|seed| {
        let sample = sample(Token { cell: place, seed }, &options).0;
        (sample.verdict == CellVerdict::Unsafe).then_some((seed, sample.sentence))
    })
}

/// With the defect the lab finds this property violated; without it, nothing on as many seeds.
fn is_found(place: Cell, seeds: u64, defect: (&str, &str), property: &str) {
    let (seed, said) = first_found(place, seeds, &[defect])
        .unwrap_or_else(|| panic!("{place} with {defect:?}: not found on {seeds} seeds"));
    assert!(said.contains(property), "{place}:{seed}: {said}");
    let sound = first_found(place, seed.max(20) + 1, &[]);
    assert_eq!(sound, None, "{place} without {defect:?}");
}

/// A vote that leaves before it is on disk is forgotten in a crash, and aborted by who cast it.
#[test]
fn two_phase_commit_that_sends_votes_before_they_are_durable_is_found() {
    let place = place("two-phase-commit", "crash-recovery", TimingModel::Gst);
    is_found(place, 400, ("vote", "at-once"), "agreement");
}

/// A leader that aborts because nothing is told does not know that another one has committed.
#[test]
fn paxos_commit_whose_leader_asks_no_majority_is_found() {
    let place = place("paxos-commit", "crash-recovery", TimingModel::Gst);
    is_found(place, 400, ("takeover", "aborts-at-once"), "agreement");
}

/// A read that does not write back is followed by one that sees the value before.
#[test]
fn a_register_that_does_not_write_back_is_found() {
    let place = place("abd", "fair-loss", TimingModel::Gst);
    is_found(place, 400, ("write-back", "no"), "linearizability");
}

/// In time and with crashes for good it never splits; with bounds that begin later it does (Skeen's
/// protocol takes a timeout for a crash).
#[test]
fn three_phase_commit_splits_without_bounds_on_time() {
    let timely = place("three-phase-commit", "crash-stop", TimingModel::Synchronous);
    let (verdict, what) = worst(timely, 300, &[]);
    assert_eq!(verdict, CellVerdict::SafeAndLive, "{what}");
    let late = place("three-phase-commit", "none", TimingModel::Gst);
    let (_, said) = first_found(late, 400, &[]).expect("it splits");
    assert!(said.contains("agreement"), "{said}");
}

/// Where a majority is up, neither waits for the node that is down.
#[test]
fn paxos_commit_and_the_register_end_without_the_faulty() {
    for protocol in ["paxos-commit", "abd"] {
        for column in [
            "crash-stop",
            "crash-recovery",
            "general-omission",
            "fair-loss",
        ] {
            for timing in [TimingModel::UnknownBound, TimingModel::Gst] {
                let (verdict, what) = worst(place(protocol, column, timing), 30, &[]);
                assert_eq!(verdict, CellVerdict::SafeAndLive, "{what}");
            }
        }
    }
}

/// If nothing fails and nothing is late, all commit unless one votes no.
#[test]
fn without_faults_the_votes_decide() {
    for protocol in ["two-phase-commit", "three-phase-commit", "paxos-commit"] {
        let place = place(protocol, "none", TimingModel::Synchronous);
        let mut outcomes = std::collections::BTreeMap::new();
        for seed in 0..60 {
            let (sample, plan, outcome) = sample(Token { cell: place, seed }, &options(&[]));
            assert_eq!(sample.verdict, CellVerdict::SafeAndLive, "{place}:{seed}");
            let all_yes = plan
                .experiment
                .requests
                .iter()
                .all(|ask| ask.second || ask.value == "yes");
            let (decided, _) = &outcome.logs[0][&1];
            let expected = if all_yes { "commit" } else { "abort" };
            assert_eq!(decided[0], expected, "{place}:{seed}");
            *outcomes.entry(expected).or_insert(0) += 1;
        }
        assert!(
            outcomes["commit"] > 20 && outcomes["abort"] > 5,
            "{outcomes:?}"
        );
    }
}
