//! Reports for programs.

use super::{Args, replay_command};
use quorate_sim::{Coverage, Operations, RunReport, Tally};
use serde_json::{Value, json};
use std::time::Duration;

/// What a campaign came to.
pub(super) fn tally(args: &Args, tally: &Tally, took: Duration, threads: usize) -> Value {
    let seconds = took.as_secs_f64().max(1e-9);
    let violation = tally.violation.as_ref().map(|report| {
        let again = replay_command(args.contract.as_deref(), report.seed);
        run(report, &again)
    });
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
        "operations": operations(&tally.operations),
        "faults": coverage(&tally.coverage),
        "violation": violation,
    })
}

/// What one run came to; `again` is the command that repeats it.
pub(super) fn run(report: &RunReport, again: &str) -> Value {
    let violation = report.verdict.violation().map(|violation| {
        json!({
            "property": violation.property,
            "detail": violation.detail,
            "event": violation.event,
            "simulated_seconds": violation.at as f64 / 1e9,
            "replay": again,
        })
    });
    json!({
        "seed": report.seed,
        "events": report.events,
        "simulated_seconds": report.simulated as f64 / 1e9,
        "hash": format!("{:016x}", report.hash),
        "entries_committed": report.committed,
        "undecided": report.undecided,
        "operations": operations(&report.operations),
        "faults": coverage(&report.coverage),
        "last_events": report.last_events,
        "violation": violation,
    })
}

fn operations(operations: &Operations) -> Value {
    json!({
        "writes": operations.writes,
        "reads": operations.reads,
        "serializable_reads": operations.serializable_reads,
        "refused": operations.refused,
        "unknown": operations.unknown,
        "repeated": operations.repeated,
    })
}

fn coverage(coverage: &Coverage) -> Value {
    let counts = coverage
        .iter()
        .map(|(fault, count)| (fault.name().to_owned(), json!(count)));
    Value::Object(counts.collect())
}
