//! `quorate simulate`: the code that serves, in worlds where all goes wrong that the contract
//! names.

use crate::contract_file;
use crate::exit::refused;
use crate::output::say;
use anyhow::{Context, bail};
use quorate_contract::Contract;
use quorate_sim::{
    Campaign, Coverage, Fault, Operations, Options, RunReport, Tally, Verdict, Violation,
    decisions, record, replay, simulate,
};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many seeds to run, each a world of its own
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    start: u64,
    /// The contract: it decides which faults a world shows [default: three replicas on this
    /// machine, one of which may crash]
    #[arg(long, value_name = "FILE")]
    contract: Option<PathBuf>,
    /// Run this seed alone, and tell its last events
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "start", "threads"])]
    replay: Option<u64>,
    /// With --replay: write every decision that the seed generated to a file
    #[arg(long, value_name = "FILE", requires = "replay")]
    record: Option<PathBuf>,
    /// Run the world of a file of decisions, recorded with --record and perhaps edited
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "start", "threads", "replay"])]
    replay_decisions: Option<PathBuf>,
    /// With a replay: how many of the last events to tell
    #[arg(long, value_name = "N", default_value_t = 60)]
    events: usize,
    /// How many threads; the result does not depend on it [default: all cores]
    #[arg(long)]
    threads: Option<usize>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Fails when a property is violated.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let contract = contract_file::load(args.contract.as_deref())?;
    contract.runnable().map_err(refused)?;
    if let Some(file) = &args.replay_decisions {
        let list = read_decisions(file)?;
        let report = replay(&contract, 0, &list, &traced(args));
        return tell_run(args, &report);
    }
    let Some(seed) = args.replay else {
        return campaign(args, &contract);
    };
    let report = match &args.record {
        None => simulate(&contract, seed, &traced(args)),
        Some(file) => {
            let (report, list) = record(&contract, seed, &traced(args));
            std::fs::write(file, decisions::encode(&list))
                .with_context(|| format!("can't write {}", file.display()))?;
            report
        }
    };
    tell_run(args, &report)
}

fn traced(args: &Args) -> Options {
    Options {
        trace: args.events,
        ..Options::default()
    }
}

/// No recording of a run is larger.
const MAX_RECORDING: u64 = 256 << 20;

fn read_decisions(file: &Path) -> anyhow::Result<Vec<u64>> {
    let name = file.display();
    let mut bytes = vec![];
    std::fs::File::open(file)
        .and_then(|file| file.take(MAX_RECORDING + 1).read_to_end(&mut bytes))
        .map_err(|error| refused(format_args!("can't read {name}: {error}")))?;
    if bytes.len() as u64 > MAX_RECORDING {
        return Err(refused(format_args!("{name} is larger than any recording")));
    }
    decisions::decode(&bytes).map_err(|error| refused(format_args!("{name}: {error}")))
}

fn campaign(args: &Args, contract: &Contract) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = args.threads.unwrap_or(cores).max(1);
    let campaign = Campaign {
        start: args.start,
        seeds: args.seeds,
        threads,
        options: Options::default(),
    };
    let began = Instant::now();
    let mut last = began;
    let live = !args.json && std::io::stderr().is_terminal();
    let tally = campaign.run(contract, |tally| {
        if live && last.elapsed() >= Duration::from_millis(200) {
            last = Instant::now();
            let pace = pace(tally, began.elapsed(), threads);
            let _ = write!(
                std::io::stderr(),
                "\r{} of {} seeds, {pace}\x1b[K",
                tally.seeds,
                args.seeds
            );
        }
    });
    if live {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    let took = began.elapsed();
    if args.json {
        say(&serde_json::to_string_pretty(&tally_as_json(
            args, &tally, took, threads,
        ))?)?;
    } else {
        say(&tally_in_words(args, contract, &tally, took, threads)?)?;
    }
    match &tally.violation {
        None => Ok(()),
        Some(report) => bail!("seed {} violates {}", report.seed, property(report)),
    }
}

fn property(report: &RunReport) -> &str {
    report
        .verdict
        .violation()
        .map_or("nothing", |violation| violation.property.as_str())
}

fn pace(tally: &Tally, took: Duration, threads: usize) -> String {
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

fn tally_in_words(
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
    writeln!(
        text,
        "  faults shown: {}",
        coverage_in_words(&tally.coverage)
    )?;
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
            text += &run_in_words(args, report)?;
        }
    }
    Ok(text)
}

fn coverage_in_words(coverage: &Coverage) -> String {
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

fn tell_run(args: &Args, report: &RunReport) -> anyhow::Result<()> {
    if args.json {
        say(&serde_json::to_string_pretty(&run_as_json(args, report))?)?;
    } else {
        say(&run_in_words(args, report)?)?;
    }
    match report.verdict {
        Verdict::Ok => Ok(()),
        Verdict::Violation(_) => bail!("{} is violated", property(report)),
    }
}

fn run_in_words(args: &Args, report: &RunReport) -> anyhow::Result<String> {
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
        writeln!(
            text,
            "replay it with:\n  {}",
            replay_command(args, report.seed)
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
    writeln!(
        text,
        "  faults shown: {}",
        coverage_in_words(&report.coverage)
    )?;
    Ok(text)
}

fn replay_command(args: &Args, seed: u64) -> String {
    let contract = args
        .contract
        .as_ref()
        .map(|file| format!(" --contract {}", file.display()));
    match &args.replay_decisions {
        Some(file) => format!(
            "quorate simulate{} --replay-decisions {}",
            contract.unwrap_or_default(),
            file.display()
        ),
        None => format!(
            "quorate simulate{} --replay {seed}",
            contract.unwrap_or_default()
        ),
    }
}

fn tally_as_json(args: &Args, tally: &Tally, took: Duration, threads: usize) -> Value {
    let seconds = took.as_secs_f64().max(1e-9);
    json!({
        "start": args.start,
        "seeds": tally.seeds,
        "threads": threads,
        "seconds": seconds,
        "events": tally.events,
        "events_per_second": tally.events as f64 / seconds,
        "events_per_second_and_thread": tally.events as f64 / seconds / threads as f64,
        "simulated_seconds": tally.simulated as f64 / 1e9,
        "hash": format!("{:016x}", tally.hash),
        "entries_committed": tally.committed,
        "messages": tally.messages,
        "undecided": tally.undecided,
        "operations": operations_as_json(&tally.operations),
        "faults": coverage_as_json(&tally.coverage),
        "violation": tally.violation.as_ref().map(|report| run_as_json(args, report)),
    })
}

fn run_as_json(args: &Args, report: &RunReport) -> Value {
    let violation = report.verdict.violation().map(|violation| {
        json!({
            "property": violation.property,
            "detail": violation.detail,
            "event": violation.event,
            "simulated_seconds": violation.at as f64 / 1e9,
            "replay": replay_command(args, report.seed),
        })
    });
    json!({
        "seed": report.seed,
        "events": report.events,
        "simulated_seconds": report.simulated as f64 / 1e9,
        "hash": format!("{:016x}", report.hash),
        "entries_committed": report.committed,
        "undecided": report.undecided,
        "operations": operations_as_json(&report.operations),
        "faults": coverage_as_json(&report.coverage),
        "last_events": report.last_events,
        "violation": violation,
    })
}

fn operations_as_json(operations: &Operations) -> Value {
    json!({
        "writes": operations.writes,
        "reads": operations.reads,
        "serializable_reads": operations.serializable_reads,
        "refused": operations.refused,
        "unknown": operations.unknown,
        "repeated": operations.repeated,
    })
}

fn coverage_as_json(coverage: &Coverage) -> Value {
    let counts = coverage
        .iter()
        .map(|(fault, count)| (fault.name().to_owned(), json!(count)));
    Value::Object(counts.collect())
}
