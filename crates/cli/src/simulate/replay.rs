//! One world again: of a seed, or of a file of decisions.

use super::{Args, json, property, words};
use crate::exit::refused;
use crate::output::say;
use anyhow::{Context, bail};
use quorate_contract::Contract;
use quorate_sim::{Options, RunReport, Verdict, decisions, record, replay, simulate};
use std::io::Read;
use std::path::Path;

/// Runs the world that the arguments name, and tells its last events.
pub(super) fn run(args: &Args, contract: &Contract) -> anyhow::Result<()> {
    if let Some(file) = &args.replay_decisions {
        let list = read_decisions(file)?;
        let report = replay(contract, 0, &list, &traced(args));
        return tell_run(args, &report);
    }
    let seed = args.replay.unwrap_or_default();
    let report = match &args.record {
        None => simulate(contract, seed, &traced(args)),
        Some(file) => {
            let (report, list) = record(contract, seed, &traced(args));
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

fn tell_run(args: &Args, report: &RunReport) -> anyhow::Result<()> {
    let again = command(args, report.seed);
    if args.json {
        say(&serde_json::to_string_pretty(&json::run(report, &again))?)?;
    } else {
        say(&words::run(report, &again)?)?;
    }
    match report.verdict {
        Verdict::Ok => Ok(()),
        Verdict::Violation(_) => bail!("{} is violated", property(report)),
    }
}

/// The command that runs the same world again.
fn command(args: &Args, seed: u64) -> String {
    let contract = args.contract.as_ref();
    let contract = contract.map_or(String::new(), |file| {
        format!(" --contract {}", file.display())
    });
    match &args.replay_decisions {
        None => format!("quorate simulate{contract} --replay {seed}"),
        Some(file) => {
            let file = file.display();
            format!("quorate simulate{contract} --replay-decisions {file}")
        }
    }
}
