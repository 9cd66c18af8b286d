//! Reports for people.

use super::{Args, replay_command};
use quorate_contract::Contract;
use quorate_sim::{Coverage, Fault, Operations, RunReport, Tally, Violation};
use std::fmt::Write as _;
use std::time::Duration;

/// How far, and how fast.
pub(super) fn pace(tally: &Tally, took: Duration, threads: usize) -> String {
    let seconds = took.as_secs_f64().max(1e-9);
    format!(
        "{} events, {} events/s ({} a thread), {:.0} s simulated, {:.0} times real time",
        short(tally.events as f64),
        short(tally.events as f64 / seconds),
        short(tally.events as f64 / seconds / threads as f64),
        tally.simulated as f64 / 1e9,
        tally.simulated as f64 / 1e9 / seconds,
    )
}

fn short(number: f64) -> String {
    match number {
        n if n >= 1e6 => format!("{:.2} M", n / 1e6),
        n if n >= 1e4 => format!("{:.0} k", n / 1e3),
        n => format!("{n:.0}"),
    }
}

/// What a campaign came to.
pub(super) fn tally(
    args: &Args,
    contract: &Contract,
    tally: &Tally,
    took: Duration,
    threads: usize,
) -> anyhow::Result<String> {
    let mut text = String::new();
    let Operations {
        writes,
        reads,
        serializable_reads,
        refused,
        unknown,
        ..
    } = tally.operations;
    let last = args.start + tally.seeds.max(1) - 1;
    writeln!(
        text,
        "seeds {} to {last} in {:.1} s on {threads} threads",
        args.start,
        took.as_secs_f64()
    )?;
    writeln!(text, "  {}", pace(tally, took, threads))?;
    writeln!(
        text,
        "  {} entries committed, {} messages; clients: {writes} writes, {reads} reads, \
         {serializable_reads} serializable reads, {refused} refused, {unknown} unknown",
        tally.committed, tally.messages
    )?;
    if tally.undecided > 0 {
        writeln!(
            text,
            "  {} histories were too hard to judge; all else was checked",
            tally.undecided
        )?;
    }
    writeln!(text, "  faults shown: {}", coverage(&tally.coverage))?;
    let outside: Vec<&str> = Fault::ALL
        .into_iter()
        .filter(|f| !f.is_within(contract))
        .map(Fault::name)
        .collect();
    if !outside.is_empty() {
        writeln!(
            text,
            "  outside the contract, never shown: {}",
            outside.join(", ")
        )?;
    }
    writeln!(text, "  hash {:016x}", tally.hash)?;
    match &tally.violation {
        None => writeln!(text, "every property held")?,
        Some(report) => {
            text.push('\n');
            let again = replay_command(args.contract.as_deref(), report.seed);
            text += &run(report, &again)?;
        }
    }
    Ok(text)
}

fn coverage(coverage: &Coverage) -> String {
    let shown = coverage.iter().filter(|(_, count)| *count > 0);
    let words: Vec<String> = shown
        .map(|(fault, count)| format!("{} {count}", fault.name()))
        .collect();
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(", ")
    }
}

/// What one run came to; `again` is the command that repeats it.
pub(super) fn run(report: &RunReport, again: &str) -> anyhow::Result<String> {
    let mut text = String::new();
    if !report.last_events.is_empty() {
        writeln!(text, "the last events:")?;
    }
    for line in &report.last_events {
        writeln!(text, "  {line}")?;
    }
    if let Some(violation) = report.verdict.violation() {
        let Violation {
            property,
            detail,
            event,
            ..
        } = violation;
        writeln!(
            text,
            "seed {} violates {property}, at event {event}:",
            report.seed
        )?;
        writeln!(text, "  {detail}")?;
        writeln!(text, "replay it with:\n  {again}")?;
        writeln!(text, "see it in a browser with:\n  {again} --html run.html")?;
    }
    writeln!(
        text,
        "seed {}: {} events, {:.3} s simulated, {} entries committed, hash {:016x}",
        report.seed,
        report.events,
        report.simulated as f64 / 1e9,
        report.committed,
        report.hash
    )?;
    writeln!(text, "  faults shown: {}", coverage(&report.coverage))?;
    Ok(text)
}
