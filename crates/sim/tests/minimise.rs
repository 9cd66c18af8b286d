//! Failing runs of seeded defects become small, and fail in the same way.

#![allow(
    clippy::print_stdout,
    reason = "how far each shrinks is a figure to report"
)]

use quorate_contract::{Cluster, Contract};
use quorate_core::Mutant;
use quorate_sim::minimise::{MinimalRun, replicas};
use quorate_sim::{Fault, Options, RunLimits, RunReport, RunVerdict, Streams, replay, simulate};

/// Worlds whose members and software stay what they are, and whose messages are not held back: the
/// minimiser takes each of these away as a whole, so they are taken away before it begins, and what
/// it does to the rest is seen.
fn options(mutant: Mutant) -> Options {
    let without = [
        Fault::LateMessage,
        Fault::PeerGone,
        Fault::LeftBehind,
        Fault::MemberAdded,
        Fault::MemberPromoted,
        Fault::MemberRemoved,
        Fault::DirectoryLost,
        Fault::Upgraded,
        Fault::RolledBack,
        Fault::LevelRaised,
    ];
    Options {
        mutant,
        caps: RunLimits::default().and_without(&without),
        ..Options::default()
    }
}

/// The first seed on which a defect violates this property after so many events.
fn first(mutant: Mutant, property: &str, events: u64) -> RunReport {
    let run = |seed| simulate(&Contract::default(), seed, &options(mutant));
    let violates = |report: &RunReport| {
        let violation = report.verdict.violation();
        let same = violation.is_some_and(|violation| violation.property == property);
        same && report.events >= events
    };
    let found = (0..1000).map(run).find(violates);
    found.unwrap_or_else(|| panic!("{mutant:?}: not found"))
}

fn small(mutant: Mutant, seed: u64, runs: usize) -> MinimalRun {
    let (contract, streams) = (Contract::default(), Streams::from_seed(seed));
    let found = replicas(&contract, streams, &options(mutant), runs, |_| {});
    found.unwrap_or_else(|| panic!("seed {seed} of {mutant:?} does not fail"))
}

/// Makes the first failing run of a defect small, and checks that what came out is what it says.
fn shrinks(mutant: Mutant, property: &str, events: u64, runs: usize) -> MinimalRun {
    let report = first(mutant, property, events);
    let small = small(mutant, report.seed, runs);
    let MinimalRun { before, after, .. } = &small;
    println!(
        "{mutant:?}, seed {}: {} in {} runs\n  {before:?}\n  {after:?}\n  {:?}\n  {}",
        report.seed, small.property, small.runs, small.limits, small.control
    );
    assert_eq!(small.property, property);
    assert!(small.runs <= runs);
    assert_eq!(before.events, report.events);
    let capped = Options {
        caps: small.limits.clone(),
        ..options(mutant)
    };
    let again = replay(&Contract::default(), 0, &small.choices, &capped);
    let same = again.verdict.violation().map(|v| &v.property);
    assert_eq!(same, Some(&small.property), "the decisions fail alike");
    assert_eq!(
        (again.hash, again.events),
        (small.report.hash, after.events)
    );
    let faults = small.control.without.as_ref();
    let faults = faults.expect("some faults are to blame");
    let without = Options {
        caps: small.limits.and_without(faults),
        ..options(mutant)
    };
    let control = replay(&Contract::default(), 0, &small.choices, &without);
    // Some defects need no fault at all.
    let holds = control.verdict == RunVerdict::Ok;
    assert_eq!(holds, after.faults > 0, "without {faults:?}");
    assert!(faults.iter().all(|fault| again.coverage.of(*fault) > 0));
    assert!(faults.iter().all(|fault| control.coverage.of(*fault) == 0));
    small
}

/// It takes no fault: a node that has not written its vote down has not voted.
#[test]
fn a_vote_that_is_not_persisted() {
    let small = shrinks(Mutant::VoteNotPersisted, "election safety", 300, 1000);
    assert!(small.after.events < small.before.events);
    assert_eq!((small.before.faults > 0, small.after.faults), (true, 0));
    assert_eq!(small.control.without, Some(vec![]));
}

fn assert_tenth(small: &MinimalRun) {
    let (before, after) = (small.before, small.after);
    assert!(after.events * 10 <= before.events, "not much smaller");
    assert!(after.decisions * 10 <= before.decisions && after.faults <= 3);
}

#[test]
fn a_duplicate_that_is_applied() {
    let small = shrinks(Mutant::DuplicateApplied, "integrity", 5000, 1000);
    assert_tenth(&small);
    assert!(small.after.operations < 50);
}

/// One crash at the right moment is left of all that happened.
#[test]
fn what_was_not_synced_is_lost() {
    let property = "the protocol's local invariants";
    let small = shrinks(Mutant::NoSyncBeforeAck, property, 1000, 600);
    assert_tenth(&small);
}

/// Five replicas of which two may fail become three of which one may.
#[test]
fn replicas_go_too() {
    let mut contract = Contract {
        cluster: Cluster::loopback("five", 5),
        ..Contract::default()
    };
    contract.failures.tolerate = 2;
    let options = options(Mutant::VoteNotPersisted);
    let fails = |seed: &u64| simulate(&contract, *seed, &options).verdict != RunVerdict::Ok;
    let seed = (0..500).find(fails).expect("it is found");
    let found = replicas(&contract, Streams::from_seed(seed), &options, 200, |_| {});
    let small = found.expect("it fails");
    assert_eq!((small.before.replicas, small.after.replicas), (5, 3));
    let capped = Options {
        caps: small.limits.clone(),
        ..options
    };
    let again = replay(&contract, 0, &small.choices, &capped);
    assert_eq!(again.hash, small.report.hash);
    assert_eq!(again.verdict, small.report.verdict);
}

#[test]
fn the_same_seed_becomes_the_same_small_run() {
    let seed = first(Mutant::DuplicateApplied, "integrity", 0).seed;
    let (one, two) = [(); 2]
        .map(|()| small(Mutant::DuplicateApplied, seed, 100))
        .into();
    assert_eq!(
        (one.choices, one.limits, one.report),
        (two.choices, two.limits, two.report)
    );
}

#[test]
fn what_holds_is_not_made_small() {
    let (contract, streams) = (Contract::default(), Streams::from_seed(1));
    let found = replicas(&contract, streams, &Options::default(), 10, |_| {});
    assert!(found.is_none());
}
