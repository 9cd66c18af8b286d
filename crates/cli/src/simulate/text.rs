//! Reports for people.

use super::seeds::Simulate;
use crate::campaign::{Done, Shard, TimeSpent};
use quorate_sim::{
    Fault, FaultCounts, InvariantViolation, MilestoneCounts, OperationCounts, RunReport, RunTotals,
};
use std::fmt::Write as _;

/// How far, and how fast.
pub(super) fn pace(tally: &RunTotals, time: TimeSpent) -> String {
    format!("{}, {}", distance(tally), speed(tally, time))
}

fn distance(tally: &RunTotals) -> String {
    format!(
        "{} events, {:.0} s simulated",
        short(tally.events as f64),
        tally.simulated as f64 / 1e9,
    )
}

fn speed(tally: &RunTotals, time: TimeSpent) -> String {
    format!(
        "{} events/s ({} a thread), {:.0} times real time",
        short(tally.events as f64 / time.seconds()),
        short(tally.events as f64 / time.thread_seconds()),
        tally.simulated as f64 / 1e9 / time.seconds(),
    )
}

fn short(number: f64) -> String {
    match number {
        n if n >= 1e6 => format!("{:.2} M", n / 1e6),
        n if n >= 1e4 => format!("{:.0} k", n / 1e3),
        n => format!("{n:.0}"),
    }
}

/// Which seeds, in words.
fn seeds(campaign: &Simulate, shard: Shard, count: u64) -> String {
    let Some(last) = count.checked_sub(1) else {
        return "no seeds".to_owned();
    };
    let [first, last] = [0, last].map(|at| campaign.start + shard.unit(at));
    if shard == Shard::ALL {
        format!("seeds {first} to {last}")
    } else {
        format!("shard {shard}: {count} seeds from {first} to {last}")
    }
}

/// What a campaign came to. Time is in a line by itself: the rest is the same wherever it ran.
pub(super) fn campaign(campaign: &Simulate, done: &Done<RunTotals>) -> anyhow::Result<String> {
    let mut text = String::new();
    let tally = &done.report;
    let OperationCounts {
        writes,
        reads,
        serializable_reads,
        refused,
        unknown,
        ..
    } = tally.operations;
    let which = seeds(campaign, done.shard, tally.seeds);
    writeln!(text, "{which}: {}", distance(tally))?;
    let (seconds, thread_seconds) = (done.time.seconds(), done.time.thread_seconds());
    if done.sum_of == 1 {
        writeln!(text, "  in {seconds:.1} s: {}", speed(tally, done.time))?;
    } else {
        writeln!(
            text,
            "  in {seconds:.1} s, {thread_seconds:.1} s of threads, summed over {} shards: {} \
             events/s a thread",
            done.sum_of,
            short(tally.events as f64 / thread_seconds)
        )?;
    }
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
    writeln!(text, "  replicas: {}", milestones(&tally.milestones))?;
    writeln!(text, "  faults shown: {}", coverage(&tally.coverage))?;
    let outside: Vec<&str> = Fault::ALL
        .into_iter()
        .filter(|f| !f.is_within(&campaign.contract))
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
            let again = campaign.replay_command(report.seed);
            text += &run(report, &again)?;
        }
    }
    Ok(text)
}

fn milestones(milestones: &MilestoneCounts) -> String {
    let words: Vec<String> = milestones
        .iter()
        .map(|(milestone, count)| format!("{} {count}", milestone.name()))
        .collect();
    words.join(", ")
}

pub(super) fn coverage(coverage: &FaultCounts) -> String {
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
        let InvariantViolation {
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
        writeln!(
            text,
            "make it small with:\n  {again} --minimise --record small.decisions --html small.html"
        )?;
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
    writeln!(text, "  replicas: {}", milestones(&report.milestones))?;
    writeln!(text, "  faults shown: {}", coverage(&report.coverage))?;
    Ok(text)
}
