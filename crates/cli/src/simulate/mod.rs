//! `quorate simulate`: the code that serves, in worlds where all goes wrong that the contract
//! names.

mod campaign;
mod json;
mod minimise;
mod outcome;
mod page;
mod replay;
mod run_limits;
mod seeds;
mod source;
mod text;

pub(crate) use campaign::merge;

use crate::campaign::Part;
use crate::contract_file;
use crate::exit::refused;
use quorate_core::Mutant;
use quorate_sim::{Options, RunLimits, RunReport};
use std::path::PathBuf;

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
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "start", "threads", "shard", "out"])]
    replay: Option<u64>,
    /// With --replay: write every decision that the seed generated to a file; with --minimise: those
    /// of the small run
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Run the world of a file of decisions, recorded with --record and perhaps edited
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "start", "threads", "shard", "out", "replay"])]
    replay_decisions: Option<PathBuf>,
    /// With a replay: draw the run as a page, which any browser opens without a network
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// With a replay that violates a property: look for a small run that violates it as well, and for
    /// the faults without which it holds
    #[arg(long)]
    minimise: bool,
    /// With --minimise: at the cost of at most so many runs
    #[arg(long, value_name = "N", default_value_t = 3000)]
    runs: usize,
    #[command(flatten)]
    less: run_limits::LimitArgs,
    /// With a replay: with a seeded defect. For tests: only their build has them
    #[arg(long, value_name = "DEFECT", hide = true, value_parser = seeded)]
    mutant: Option<Mutant>,
    /// With a replay: how many of the last events to tell
    #[arg(long, value_name = "N", default_value_t = 60)]
    events: usize,
    /// How many threads; the result does not depend on it [default: all cores]
    #[arg(long)]
    threads: Option<usize>,
    #[command(flatten)]
    part: Part,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// A seeded defect by its name, if this build has it.
fn seeded(name: &str) -> Result<Mutant, String> {
    let mutant = serde_json::from_value::<Mutant>(name.into()).map_err(|e| e.to_string())?;
    if mutant == Mutant::None || !mutant.is(mutant) {
        return Err("this build has no seeded defects; that of the tests has".to_owned());
    }
    Ok(mutant)
}

impl Args {
    /// How one world is run.
    fn options(&self, trace: usize, caps: RunLimits) -> Options {
        Options {
            mutant: self.mutant.unwrap_or_default(),
            trace,
            caps,
        }
    }
}

/// Fails when a property is violated.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let contract = contract_file::load(args.contract.as_deref())?;
    contract.runnable().map_err(refused)?;
    if args.replay.is_some() || args.replay_decisions.is_some() {
        replay::run(args, &contract)
    } else if args.html.is_some() || args.minimise || args.record.is_some() {
        let what = "--html, --record and --minimise are for one run: name it with --replay SEED or \
                    --replay-decisions FILE";
        Err(refused(what))
    } else if !args.less.caps()?.is_empty() || args.mutant.is_some() {
        let what = "--without, --replicas, --silent, --operations, --until and --mutant are for one run: name it with \
                    --replay SEED or --replay-decisions FILE";
        Err(refused(what))
    } else {
        campaign::run(args, contract)
    }
}

fn property(report: &RunReport) -> &str {
    report
        .verdict
        .violation()
        .map_or("nothing", |violation| violation.property.as_str())
}
