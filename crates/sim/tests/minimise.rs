//! Failing runs of seeded defects become small, and fail in the same way.

#![allow(
    clippy::print_stdout,
    reason = "how far each shrinks is a figure to report"
)]

use quorate_contract::Contract;
use quorate_core::Mutant;
use quorate_sim::minimise::{Small, replicas};
use quorate_sim::{Decisions, Options, RunReport, Verdict, replay, simulate};

fn options(mutant: Mutant) -> Options {
    Options {
        mutant,
        ..Options::default()
    }
}

/// The first seed from here on which a defect violates this property.
fn first(mutant: Mutant, property: &str, from: u64) -> RunReport {
    let run = |seed| simulate(&Contract::default(), seed, &options(mutant));
    let violates = |report: &RunReport| {
        let violation = report.verdict.violation();
        violation.is_some_and(|violation| violation.property == property)
    };
    let found = (from..from + 200).map(run).find(violates);
    found.unwrap_or_else(|| panic!("{mutant:?}: not found"))
}

fn small(mutant: Mutant, seed: u64, runs: usize) -> Small {
    let (contract, decisions) = (Contract::default(), Decisions::from_seed(seed));
    let found = replicas(&contract, decisions, &options(mutant), runs, |_| {});
    found.unwrap_or_else(|| panic!("seed {seed} of {mutant:?} does not fail"))
}

/// Makes the first failing run of a defect small, and checks that what came out is what it says.
fn shrinks(mutant: Mutant, property: &str, from: u64, runs: usize) -> Small {
    let report = first(mutant, property, from);
    let small = small(mutant, report.seed, runs);
    let Small { before, after, .. } = &small;
    println!(
        "{mutant:?}, seed {}: {} in {} runs\n  {before:?}\n  {after:?}\n  {:?}\n  {}",
        report.seed, small.property, small.runs, small.caps, small.control
    );
    assert_eq!(small.property, property);
    assert!(small.runs <= runs);
    assert_eq!(before.events, report.events);
    let capped = Options {
        caps: small.caps.clone(),
        ..options(mutant)
    };
    let again = replay(&Contract::default(), 0, &small.list, &capped);
    let same = again.verdict.violation().map(|v| &v.property);
    assert_eq!(same, Some(&small.property), "the list fails alike");
    assert_eq!(
        (again.hash, again.events),
        (small.report.hash, after.events)
    );
    let faults = small.control.without.as_ref();
    let faults = faults.expect("some faults are to blame");
    let without = Options {
        caps: small.caps.and_without(faults),
        ..options(mutant)
    };
    let control = replay(&Contract::default(), 0, &small.list, &without);
    // Some defects need no fault at all.
    let holds = control.verdict == Verdict::Ok;
    assert_eq!(holds, after.faults > 0, "without {faults:?}");
    assert!(faults.iter().all(|fault| again.coverage.of(*fault) > 0));
    assert!(faults.iter().all(|fault| control.coverage.of(*fault) == 0));
    small
}

/// It takes no fault: a node that has not written its vote down has not voted.
#[test]
fn a_vote_that_is_not_persisted() {
    let small = shrinks(Mutant::VoteNotPersisted, "log matching", 70, 400);
    assert_halved(&small);
    assert_eq!(small.control.without, Some(vec![]));
}

fn assert_halved(small: &Small) {
    let (before, after) = (small.before, small.after);
    assert!(after.events * 2 <= before.events, "not much smaller");
    assert!(after.decisions * 2 <= before.decisions && after.faults * 2 <= before.faults);
}

#[test]
fn a_duplicate_that_is_applied() {
    let small = shrinks(Mutant::DuplicateApplied, "integrity", 0, 400);
    assert_halved(&small);
    assert!(small.after.operations < 50);
}

/// In a world where the violation is an accident, hardly any change leaves it in: every decision moves
/// what comes after it. What is found is small by a little, and no other property's.
#[test]
fn what_is_rare_stays_what_it_is() {
    let small = shrinks(
        Mutant::NoSyncBeforeAck,
        "nothing acknowledged is lost",
        30,
        400,
    );
    let (before, after) = (small.before, small.after);
    assert!(after.events <= before.events && after.faults < before.faults);
}

#[test]
fn the_same_seed_becomes_the_same_small_run() {
    let seed = first(Mutant::DuplicateApplied, "integrity", 0).seed;
    let (one, two) = [(); 2]
        .map(|()| small(Mutant::DuplicateApplied, seed, 100))
        .into();
    assert_eq!(
        (one.list, one.caps, one.report),
        (two.list, two.caps, two.report)
    );
}

#[test]
fn what_holds_is_not_made_small() {
    let (contract, decisions) = (Contract::default(), Decisions::from_seed(1));
    let found = replicas(&contract, decisions, &Options::default(), 10, |_| {});
    assert!(found.is_none());
}
