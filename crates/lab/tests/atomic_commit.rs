//! Atomic commit: what blocks, what splits, what does neither, and the seeded defects of each.

use quorate_lab::matrix::{Cell, CellTally, Column, TimingModel, Token, cell, sample};
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

/// A vote that leaves before it is on disk is forgotten in a crash, and aborted by who cast it.
#[test]
fn two_phase_commit_that_sends_votes_before_they_are_durable_is_found() {
    let place = place("two-phase-commit", "crash-recovery", TimingModel::Gst);
    let found = (0..400).find(|seed| {
        let token = Token {
            cell: place,
            seed: *seed,
        };
        sample(token, &options(&[("vote", "at-once")])).0.verdict == CellVerdict::Unsafe
    });
    assert!(found.is_some());
    assert!(worst(place, 60, &[]).0 < CellVerdict::Unsafe);
}

#[test]
#[ignore = "prints the rows; for people"]
fn rows() {
    let seeds = std::env::var("SEEDS").map_or(20, |n| n.parse().expect("a number"));
    let only = std::env::var("ROW").unwrap_or_default();
    for place in Cell::all()
        .into_iter()
        .filter(|place| place.protocol == only)
    {
        let mut tally = CellTally::default();
        for seed in 0..seeds {
            tally.add(sample(Token { cell: place, seed }, &ProtocolOptions::default()).0);
        }
        let cell = cell(&place, &tally).expect("there are runs");
        let off = if cell.disagrees() { "DISAGREES" } else { "" };
        println!(
            "{place}: {:?} claimed {:?} {off} {} {:?} breach {:?}",
            cell.verdict, cell.claim, cell.note, cell.replay, tally.breach
        );
    }
}
