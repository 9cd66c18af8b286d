//! One world again: of a seed, or of a file of decisions.

use super::page::{self, About};
use super::source::{Source, command_of};
use super::{Args, json, minimise, property, run_limits, text};
use crate::exit::refused;
use crate::output::say;
use crate::shell;
use anyhow::{Context, bail};
use quorate_contract::Contract;
use quorate_sim::{RunReport, RunVerdict, record, replay, simulate, streams};

/// Runs the world that the arguments name, and tells its last events.
pub(super) fn run(args: &Args, contract: &Contract) -> anyhow::Result<()> {
    let (source, caps) = (Source::of(args)?, args.less.caps()?);
    if args.minimise {
        return minimise::run(args, contract, &source, caps);
    }
    let again = command(args) + &run_limits::arguments(&caps);
    let options = args.options(args.events, caps);
    let report = match (&source, &args.record) {
        (Source::Choices(choices), None) => replay(contract, 0, choices, &options),
        (Source::Choices(_), Some(_)) => {
            let what =
                "the decisions are in a file already; --record writes another with --minimise";
            return Err(refused(what));
        }
        (Source::Seed(seed), None) => simulate(contract, *seed, &options),
        (Source::Seed(seed), Some(file)) => {
            let (report, choices) = record(contract, *seed, &options);
            std::fs::write(file, streams::encode(&choices))
                .with_context(|| format!("can't write {}", file.display()))?;
            report
        }
    };
    if let Some(file) = &args.html {
        let about = About {
            again: Some(&again),
            control: None,
        };
        let streams = source.streams();
        page::write(file, contract, source.seed(), streams, &options, &about)?;
    }
    tell_run(args, &report, &again)
}

fn tell_run(args: &Args, report: &RunReport, again: &str) -> anyhow::Result<()> {
    if args.json {
        let mut value = json::run(report, again);
        if let Some(file) = &args.html {
            value["html"] = file.display().to_string().into();
        }
        say(&serde_json::to_string_pretty(&value)?)?;
    } else {
        say(&text::run(report, again)?)?;
        if let Some(file) = &args.html {
            say(&format!("the run as a page: {}", file.display()))?;
        }
    }
    match report.verdict {
        RunVerdict::Ok => Ok(()),
        RunVerdict::Violation(_) => bail!("{} is violated", property(report)),
    }
}

/// The command that runs the same world again.
fn command(args: &Args) -> String {
    let source = match &args.replay_decisions {
        None => format!(" --replay {}", args.replay.unwrap_or_default()),
        Some(file) => format!(" --replay-decisions {}", shell::path(file)),
    };
    command_of(args, &source)
}
