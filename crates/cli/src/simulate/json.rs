//! Reports for programs.

use super::seeds::Simulate;
use crate::campaign::{Done, Shard};
use quorate_sim::{FaultCounts, MilestoneCounts, OperationCounts, RunReport, RunTotals};
use serde_json::{Value, json};

/// What a campaign came to. All but `time` is the same wherever it ran.
pub(super) fn campaign(campaign: &Simulate, done: &Done<RunTotals>) -> Value {
    let tally = &done.report;
    let violation = tally.violation.as_ref().map(|report| {
        let again = campaign.replay_command(report.seed);
        run(report, &again)
    });
    let shard = (done.shard != Shard::ALL).then(|| done.shard.to_string());
    json!({
        "start": campaign.start,
        "seeds": tally.seeds,
        "shard": shard,
        "events": tally.events,
        "simulated_seconds": tally.simulated as f64 / 1e9,
        "hash": format!("{:016x}", tally.hash),
        "entries_committed": tally.committed,
        "messages": tally.messages,
        "undecided": tally.undecided,
        "operations": operations(&tally.operations),
        "faults": coverage(&tally.coverage),
        "milestones": milestones(&tally.milestones),
        "violation": violation,
        "time": {
            "sum_of_shards": done.sum_of,
            "seconds": done.time.seconds(),
            "thread_seconds": done.time.thread_seconds(),
            "events_per_thread_second": tally.events as f64 / done.time.thread_seconds(),
        },
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
        "milestones": milestones(&report.milestones),
        "last_events": report.last_events,
        "violation": violation,
    })
}

fn operations(operations: &OperationCounts) -> Value {
    json!({
        "writes": operations.writes,
        "reads": operations.reads,
        "serializable_reads": operations.serializable_reads,
        "refused": operations.refused,
        "unknown": operations.unknown,
        "repeated": operations.repeated,
    })
}

fn milestones(milestones: &MilestoneCounts) -> Value {
    let counts = milestones
        .iter()
        .map(|(milestone, count)| (milestone.name().to_owned(), json!(count)));
    Value::Object(counts.collect())
}

fn coverage(coverage: &FaultCounts) -> Value {
    let counts = coverage
        .iter()
        .map(|(fault, count)| (fault.name().to_owned(), json!(count)));
    Value::Object(counts.collect())
}
