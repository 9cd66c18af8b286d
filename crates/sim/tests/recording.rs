//! A recorded run: it is the run, and it tells what happened and why.

use quorate_contract::Contract;
use quorate_core::Mutant;
use quorate_report::{
    EventKind, FaultIntervalKind, MessageFate, OperationOutcome, Run, RunEvent, VerdictKind,
};
use quorate_sim::recorder::RecorderLimits;
use quorate_sim::{Fault, Options, RunReport, Streams, simulate, watch};

fn watched(seed: u64, options: &Options) -> (RunReport, Run) {
    let (contract, streams) = (Contract::default(), Streams::from_seed(seed));
    let (report, run) = watch(&contract, seed, streams, options, RecorderLimits::default());
    assert_eq!(run.check(), Ok(()), "seed {seed}");
    (report, run)
}

#[test]
fn to_record_changes_nothing_and_the_counts_are_those_of_the_report() {
    for seed in 0..25 {
        let options = Options::default();
        let (report, run) = watched(seed, &options);
        assert_eq!(report, simulate(&Contract::default(), seed, &options));
        let fate = |fate| run.messages.iter().filter(|m| m.fate == fate).count() as u64;
        let traffic = report.traffic;
        assert_eq!(
            run.messages.len() as u64,
            traffic.sent + traffic.duplicated,
            "seed {seed}"
        );
        assert!(fate(MessageFate::Dropped) >= traffic.lost + traffic.cut);
        let outcome = |end| run.operations.iter().filter(|o| o.outcome == end).count() as u64;
        let told = report.operations;
        assert_eq!(
            outcome(OperationOutcome::Refused),
            told.refused,
            "seed {seed}"
        );
        assert_eq!(
            outcome(OperationOutcome::Unknown),
            told.unknown,
            "seed {seed}"
        );
        let answered = told.writes + told.reads + told.serializable_reads;
        // Sessions that were opened are operations here, and no figure there.
        assert!(outcome(OperationOutcome::Done) >= answered, "seed {seed}");
        let highest = run.commits.iter().map(|commit| commit.index).max();
        assert_eq!(highest.unwrap_or(0), report.committed, "seed {seed}");
        let judged = match report.undecided {
            true => VerdictKind::Undecided,
            false => VerdictKind::Holds,
        };
        assert_eq!(run.verdict.kind, judged, "seed {seed}");
        assert_eq!(run.end, report.simulated);
        let pauses = run
            .bands
            .iter()
            .filter(|b| b.kind == FaultIntervalKind::Pause);
        assert_eq!(pauses.count() as u64, report.coverage.of(Fault::Pause));
    }
}

/// An event and its causes, back to the first.
fn story<'a>(run: &'a Run, event: &'a RunEvent) -> Vec<&'a RunEvent> {
    let cause = |event: &&'a RunEvent| event.cause.map(|at| &run.events[at as usize]);
    std::iter::successors(Some(event), cause).collect()
}

#[test]
fn what_is_decided_has_a_story() {
    let (_, run) = watched(2, &Options::default());
    let decided = run.events.iter().filter(|e| e.kind == EventKind::Decide);
    let stories: Vec<_> = decided.map(|event| story(&run, event)).collect();
    assert!(stories.len() > 50, "{}", stories.len());
    // That an entry is committed is learnt from a follower's disk, mostly.
    let usual = [
        EventKind::Decide,
        EventKind::Deliver,
        EventKind::Disk,
        EventKind::Deliver,
    ];
    let is_usual = |story: &&Vec<&RunEvent>| story.iter().map(|e| e.kind).take(4).eq(usual);
    assert!(stories.iter().filter(is_usual).count() * 2 > stories.len());
    for story in &stories {
        let first = story.last().map(|event| event.kind);
        let begins = [EventKind::Request, EventKind::Restart, EventKind::Crash];
        assert!(
            first.is_some_and(|kind| begins.contains(&kind)),
            "{first:?}"
        );
    }
    for event in &run.events {
        let needs = matches!(
            event.kind,
            EventKind::Deliver | EventKind::Disk | EventKind::Reply
        );
        assert!(!needs || event.cause.is_some(), "{}", event.label);
    }
    let roles: Vec<_> = run
        .events
        .iter()
        .filter(|e| e.kind == EventKind::Role)
        .collect();
    assert!(!roles.is_empty());
    assert!(run.reigns.iter().any(|reign| reign.leads));
    let won = run
        .events
        .iter()
        .find(|event| event.difference.contains(&"+role: leader".to_owned()));
    assert!(won.is_some_and(|event| event.difference.contains(&"-role: candidate".to_owned())));
}

#[test]
fn the_violation_is_the_last_thing_told() {
    let options = Options {
        mutant: Mutant::NoSyncBeforeAck,
        ..Options::default()
    };
    let seed =
        (0..100).find(|seed| watched(*seed, &options).1.verdict.kind == VerdictKind::Violated);
    let (report, run) = watched(seed.expect("this defect is common"), &options);
    let violation = report.verdict.violation().expect("it is violated");
    let event = run.verdict.event.map(|at| &run.events[at as usize]);
    let event = event.expect("an event shows it");
    assert!(
        event.label.starts_with(&violation.property),
        "{}",
        event.label
    );
    assert_eq!((event.kind, event.at), (EventKind::Violation, violation.at));
    assert!(run.verdict.sentence.contains(&violation.detail));
}

#[test]
fn a_lying_disk_and_a_failing_one_are_told_apart_from_a_good_one() {
    let mut contract = Contract::default();
    contract.storage.may_lie_about_sync = true;
    let mut bad = 0;
    for seed in 0..40 {
        let (streams, options) = (Streams::from_seed(seed), Options::default());
        let (report, run) = watch(
            &contract,
            seed,
            streams,
            &options,
            RecorderLimits::default(),
        );
        assert_eq!(run.check(), Ok(()), "seed {seed}");
        let lies = run
            .events
            .iter()
            .filter(|e| e.label.starts_with("a sync that did nothing"));
        let lies = lies.count();
        assert!(
            lies == 0 || report.coverage.of(Fault::LyingSync) > 0,
            "seed {seed}"
        );
        assert!(run.syncs.iter().filter(|sync| !sync.kept).count() >= lies);
        bad += lies;
    }
    assert!(bad > 0);
}
