//! One world again: of a seed, or of a file of decisions.

use super::page::{self, About};
use super::{Args, json, minimise, property, run_limits, text};
use crate::exit::refused;
use crate::output::say;
use crate::shell;
use anyhow::{Context, bail};
use quorate_contract::Contract;
use quorate_sim::{Choices, RunReport, RunVerdict, Streams, record, replay, simulate, streams};
use std::io::Read;
use std::path::Path;

/// Where the decisions come from.
pub(super) enum Source {
    Seed(u64),
    Drawn(Choices),
}

impl Source {
    fn of(args: &Args) -> anyhow::Result<Self> {
        Ok(match &args.replay_decisions {
            Some(file) => Self::Drawn(read_decisions(file)?),
            None => Self::Seed(args.replay.unwrap_or_default()),
        })
    }

    pub(super) fn streams(&self) -> Streams {
        match self {
            Self::Seed(seed) => Streams::from_seed(*seed),
            Self::Drawn(drawn) => Streams::replay(drawn.clone()),
        }
    }

    /// What the report calls it; of a file it means nothing.
    pub(super) fn seed(&self) -> u64 {
        match self {
            Self::Seed(seed) => *seed,
            Self::Drawn(_) => 0,
        }
    }
}

/// Runs the world that the arguments name, and tells its last events.
pub(super) fn run(args: &Args, contract: &Contract) -> anyhow::Result<()> {
    let (source, caps) = (Source::of(args)?, args.less.caps()?);
    if args.minimise {
        return minimise::run(args, contract, &source, caps);
    }
    let again = command(args) + &run_limits::arguments(&caps);
    let options = args.options(args.events, caps);
    let report = match (&source, &args.record) {
        (Source::Drawn(drawn), None) => replay(contract, 0, drawn, &options),
        (Source::Drawn(_), Some(_)) => {
            let what =
                "the decisions are in a file already; --record writes another with --minimise";
            return Err(refused(what));
        }
        (Source::Seed(seed), None) => simulate(contract, *seed, &options),
        (Source::Seed(seed), Some(file)) => {
            let (report, drawn) = record(contract, *seed, &options);
            std::fs::write(file, streams::encode(&drawn))
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

/// No recording of a run is larger.
const MAX_RECORDING: u64 = 256 << 20;

fn read_decisions(file: &Path) -> anyhow::Result<Choices> {
    let name = file.display();
    let mut bytes = vec![];
    std::fs::File::open(file)
        .and_then(|file| file.take(MAX_RECORDING + 1).read_to_end(&mut bytes))
        .map_err(|error| refused(format_args!("can't read {name}: {error}")))?;
    if bytes.len() as u64 > MAX_RECORDING {
        return Err(refused(format_args!("{name} is larger than any recording")));
    }
    streams::decode(&bytes).map_err(|error| refused(format_args!("{name}: {error}")))
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

/// The command that runs the world of some decisions under the same contract.
pub(super) fn command_of(args: &Args, source: &str) -> String {
    let contract = args.contract.as_ref();
    let contract = contract.map_or(String::new(), |file| {
        format!(" --contract {}", shell::path(file))
    });
    let mutant = args.mutant.map_or(String::new(), |mutant| {
        let name = serde_json::to_value(mutant).unwrap_or_default();
        format!(" --mutant {}", name.as_str().unwrap_or_default())
    });
    format!("quorate simulate{contract}{mutant}{source}")
}
