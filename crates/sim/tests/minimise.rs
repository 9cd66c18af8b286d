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
        Fault::DirectoryPartLost,
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

/// The seeds on which a defect violates this property after so many events, in order.
fn failing(mutant: Mutant, property: &str, events: u64) -> impl Iterator<Item = RunReport> {
    let run = move |seed| simulate(&Contract::default(), seed, &options(mutant));
    let violates = move |report: &RunReport| {
        let violation = report.verdict.violation();
        let same = violation.is_some_and(|violation| violation.property == property);
        same && report.events >= events
    };
    (0..1000).map(run).filter(violates)
}

/// How far a search gets depends on where it begins. Most of the first few failing runs become as
/// small as they can.
const TRIES: usize = 4;

fn small(mutant: Mutant, seed: u64, runs: usize) -> MinimalRun {
    let (contract, streams) = (Contract::default(), Streams::from_seed(seed));
    let found = replicas(&contract, streams, &options(mutant), runs, |_| {});
    found.unwrap_or_else(|| panic!("seed {seed} of {mutant:?} does not fail"))
}

/// Makes failing runs of a defect small until one becomes as small as it should, and checks that
/// what comes out is what it says.
fn shrinks(
    mutant: Mutant,
    (property, events): (&str, u64),
    runs: usize,
    is_small: fn(&MinimalRun) -> bool,
) {
    let failing = failing(mutant, property, events).take(TRIES);
    let mut small = failing.map(|report| shrunk(mutant, property, &report, runs));
    assert!(
        small.any(|it| is_small(&it)),
        "{mutant:?}: not small enough"
    );
}

fn shrunk(mutant: Mutant, property: &str, report: &RunReport, runs: usize) -> MinimalRun {
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
    let what = ("election safety", 300);
    shrinks(Mutant::VoteNotPersisted, what, 1000, |small| {
        let faults = (small.before.faults > 0, small.after.faults);
        faults == (true, 0)
            && small.after.events < small.before.events
            && small.control.without == Some(vec![])
    });
}

fn is_tenth(small: &MinimalRun) -> bool {
    let (before, after) = (small.before, small.after);
    after.events * 10 <= before.events
        && after.decisions * 10 <= before.decisions
        && after.faults <= 3
}

#[test]
fn a_duplicate_that_is_applied() {
    let what = ("integrity", 5000);
    shrinks(Mutant::DuplicateApplied, what, 1000, |small| {
        is_tenth(small) && small.after.operations < 50
    });
}

/// One crash at the right moment is left of all that happened.
#[test]
fn what_was_not_synced_is_lost() {
    let what = ("the protocol's local invariants", 1000);
    shrinks(Mutant::NoSyncBeforeAck, what, 600, is_tenth);
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
    let small = (0..500).filter(fails).take(TRIES).find_map(|seed| {
        let found = replicas(&contract, Streams::from_seed(seed), &options, 200, |_| {});
        let small = found.expect("it fails");
        let capped = Options {
            caps: small.limits.clone(),
            ..options.clone()
        };
        let again = replay(&contract, 0, &small.choices, &capped);
        assert_eq!(again.hash, small.report.hash);
        assert_eq!(again.verdict, small.report.verdict);
        Some((small.before.replicas, small.after.replicas)).filter(|it| *it == (5, 3))
    });
    assert!(small.is_some());
}

#[test]
fn the_same_seed_becomes_the_same_small_run() {
    let mut failing = failing(Mutant::DuplicateApplied, "integrity", 0);
    let seed = failing.next().expect("it is found").seed;
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
