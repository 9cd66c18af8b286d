//! `quorate matrix`: every protocol under every failure model and timing model.

mod campaign;
mod minimise;
mod page;
mod replay;
mod speed;

pub(crate) use campaign::merge;

use crate::campaign::Part;
use crate::exit::refused;
use quorate_lab::matrix::{
    Cell, Column, TimingModel, Token, column_named, protocol_named, timing_named,
};
use std::path::PathBuf;

/// Run every protocol under every failure model, at its bound and one beyond, and under every
/// timing model, and hold what is measured against what its contract claims
///
/// Each run draws its own faults: crashes between and in the middle of messages, omissions, lateness,
/// liars that are twins, tamper, replay and forge, disks that forget, links that lose and are cut.
/// Ends with 1 if any cell is worse than claimed.
#[derive(Debug, clap::Args)]
#[command(after_long_help = LEGEND)]
pub(crate) struct Args {
    /// Only these protocols [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    protocols: Vec<String>,
    /// Only these failure columns [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    failures: Vec<String>,
    /// Only these timing models [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    timings: Vec<String>,
    /// How many runs a cell, each with faults of its own
    #[arg(long, default_value_t = 60)]
    seeds: u64,
    /// Run one run of one cell again, and tell it in words: the token is in the cell
    #[arg(long, value_name = "TOKEN", conflicts_with_all = ["protocols", "failures", "timings", "seeds", "shard", "out"])]
    replay: Option<String>,
    /// With --replay: leave out what it does not take to go wrong, and run the rest without the
    /// fault that it takes, as the control
    #[arg(long, requires = "replay")]
    minimise: bool,
    /// With --minimise: how many runs it may take
    #[arg(long, value_name = "N", default_value_t = 2000, requires = "minimise")]
    runs: u32,
    /// Draw the table, or the run that is replayed, as a page, which any browser opens without a
    /// network
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Count what one decision costs as well, among 4, 7, 10, 31 and 100 nodes: messages, bytes, time
    /// in Δ, syncs, signatures; and measure what it takes the processor, with Ed25519
    #[arg(long, conflicts_with = "replay")]
    costs: bool,
    /// How many threads; the result does not depend on it [default: all cores]
    #[arg(long)]
    threads: Option<usize>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    part: Part,
}

const LEGEND: &str = "\
Failure columns: none; crash-stop, crash-recovery, send-omission, receive-omission, general-omission, \
timing and byzantine, each at f and, with +1, at f + 1 faulty nodes; amnesia: f nodes crash and come \
back with empty disks; lying-sync: with disks that had called durable what is not; fair-loss: links \
lose, double and reorder messages.
Timing models: synchronous: the bounds that the nodes are told always hold; unknown-bound: others \
do, up to 64 times as large; gst: they hold only after a wild while; asynchronous: nothing holds, \
and what has not been decided by the horizon counts as stalled.";

/// Fails when a cell is worse than claimed.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match &args.replay {
        Some(token) => {
            let token: Token = token.parse().map_err(refused)?;
            replay::run(args, token)
        }
        None => campaign::run(args),
    }
}

/// The places that the arguments name.
fn places(
    protocols: &[String],
    failures: &[String],
    timings: &[String],
) -> anyhow::Result<Vec<Cell>> {
    let protocols: Vec<&str> = named(protocols, protocol_named)?;
    let columns: Vec<Column> = named(failures, column_named)?;
    let timings: Vec<TimingModel> = named(timings, timing_named)?;
    let places = Cell::all().into_iter().filter(|place| {
        (protocols.is_empty() || protocols.contains(&place.protocol))
            && (columns.is_empty() || columns.contains(&place.column))
            && (timings.is_empty() || timings.contains(&place.timing))
    });
    Ok(places.collect())
}

fn named<T>(
    names: &[String],
    of: impl Fn(&str) -> Result<T, quorate_lab::matrix::BadToken>,
) -> anyhow::Result<Vec<T>> {
    names
        .iter()
        .map(|name| of(name.trim()).map_err(refused))
        .collect()
}
