//! Worlds as a whole: seeds hold, and mean the same every time.

use quorate_contract::Contract;
use quorate_core::Mutant;
use quorate_sim::{
    Choices, FaultCounts, Options, RunTotals, RunVerdict, in_order, record, replay, simulate,
};
use std::ops::ControlFlow;

#[test]
fn a_few_hundred_worlds_hold() {
    let contract = Contract::default();
    let mut coverage = FaultCounts::default();
    for seed in 0..300 {
        let report = simulate(&contract, seed, &Options::default());
        if let RunVerdict::Violation(violation) = &report.verdict {
            panic!(
                "seed {seed}: {violation}\n{}",
                report.last_events.join("\n")
            );
        }
        coverage.merge(&report.coverage);
    }
    for (fault, count) in coverage.iter() {
        assert_eq!(
            count > 0,
            fault.is_within(&contract),
            "{}: {count}",
            fault.name()
        );
    }
}

#[test]
fn a_seed_means_the_same_every_time_and_its_decisions_too() {
    let (contract, options) = (Contract::default(), Options::default());
    for seed in 1000..1010 {
        let report = simulate(&contract, seed, &options);
        assert_eq!(simulate(&contract, seed, &options), report);
        let traced = Options {
            trace: 10,
            ..Options::default()
        };
        let watched = simulate(&contract, seed, &traced);
        assert_eq!(watched.last_events.len(), 10);
        assert_eq!(
            (watched.hash, watched.events),
            (report.hash, report.events),
            "to watch changes nothing"
        );
        let (recorded, list) = record(&contract, seed, &options);
        assert_eq!(recorded, report);
        assert_eq!(replay(&contract, seed, &list, &options), report);
    }
}

/// Whatever is done to a list of decisions, it is a run; and all runs hold.
#[test]
fn edited_decisions_are_worlds_too() {
    let (contract, options) = (Contract::default(), Options::default());
    let (_, drawn) = record(&contract, 1, &options);
    let edited = |edit: &dyn Fn(&mut Vec<u64>)| {
        let mut edited = drawn.clone();
        edited.0.values_mut().for_each(edit);
        edited
    };
    let mut edits = vec![
        Choices::default(),
        edited(&|list| list.truncate(list.len() / 2)),
        edited(&|list| list.iter_mut().for_each(|n| *n /= 2)),
    ];
    for at in [5usize, 17, 40, 200] {
        edits.push(edited(&|list| {
            if list.len() > at * 2 {
                list[at] = u64::MAX - at as u64;
                list.remove(at * 2);
            }
        }));
    }
    for (number, edit) in edits.iter().enumerate() {
        let report = replay(&contract, 1, edit, &options);
        assert_eq!(report.verdict, RunVerdict::Ok, "edit {number}");
    }
    let quiet = replay(&contract, 1, &Choices::default(), &options);
    assert_eq!(quiet.coverage, FaultCounts::default(), "nothing goes wrong");
    assert_eq!(quiet.traffic.lost + quiet.traffic.cut, 0);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let contract = Contract::default();
    for mutant in [Mutant::None, Mutant::NoSyncBeforeAck] {
        let options = Options {
            mutant,
            ..Options::default()
        };
        let campaign = |threads| {
            let mut tally = RunTotals::default();
            in_order(
                threads,
                100,
                |unit| simulate(&contract, 50 + unit, &options),
                |_, report| {
                    tally.add(report);
                    match tally.violation {
                        None => ControlFlow::Continue(()),
                        Some(_) => ControlFlow::Break(()),
                    }
                },
            );
            tally
        };
        let one = campaign(1);
        assert_eq!(campaign(3), one);
        assert_eq!(one.violation.is_some(), mutant != Mutant::None);
    }
}
