//! Runs seeds one after the other and prints what they came to.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "an example is a program"
)]

use quorate_contract::Contract;
use quorate_sim::{Options, RunTotals, RunVerdict, simulate};
use std::time::Instant;

fn main() {
    let numbers: Vec<u64> = std::env::args()
        .skip(1)
        .filter_map(|arg| arg.parse().ok())
        .collect();
    let (start, count) = (
        numbers.first().copied().unwrap_or(0),
        numbers.get(1).copied().unwrap_or(10),
    );
    let contract = match std::env::args().find(|arg| arg.ends_with(".toml")) {
        Some(file) => Contract::parse(&file, &std::fs::read_to_string(&file).expect("a file"))
            .expect("a contract"),
        None => Contract::default(),
    };
    let trace = numbers.get(2).copied().unwrap_or(0) as usize;
    let mutant = std::env::args()
        .find_map(|arg| {
            quorate_core::Mutant::ALL
                .into_iter()
                .find(|m| format!("{m:?}") == arg)
        })
        .unwrap_or_default();
    let (began, mut events, mut simulated, mut bad) = (Instant::now(), 0, 0, 0);
    let mut totals = RunTotals::default();
    for seed in start..start + count {
        let options = Options {
            trace,
            mutant,
            ..Options::default()
        };
        let report = simulate(&contract, seed, &options);
        events += report.events;
        simulated += report.simulated;
        if let RunVerdict::Violation(violation) = &report.verdict {
            bad += 1;
            println!("seed {seed} event {}: {violation}", violation.event);
            if count == 1 {
                report
                    .last_events
                    .iter()
                    .for_each(|line| println!("  {line}"));
            }
        } else if count <= 20 {
            println!(
                "seed {seed}: {} events, {:?}, hash {:016x}",
                report.events, report.operations, report.hash
            );
        }
        totals.add(report);
    }
    for (milestone, times) in totals.milestones.iter() {
        print!("{} {times}  ", milestone.name());
    }
    println!();
    for (fault, times) in totals.coverage.iter() {
        print!("{} {times}  ", fault.name());
    }
    println!();
    let took = began.elapsed().as_secs_f64();
    println!(
        "{count} seeds, {bad} bad, {events} events, {:.0} events/s, {:.0} simulated:real, {took:.1} s",
        events as f64 / took,
        simulated as f64 / 1e9 / took
    );
}
