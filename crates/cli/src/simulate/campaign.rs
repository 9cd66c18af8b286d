//! Many seeds.

use super::{Args, json, property, words};
use crate::output::say;
use anyhow::bail;
use quorate_contract::Contract;
use quorate_sim::{Campaign, Options};
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Runs all seeds, and reports.
pub(super) fn run(args: &Args, contract: &Contract) -> anyhow::Result<()> {
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
            let pace = words::pace(tally, began.elapsed(), threads);
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
        say(&serde_json::to_string_pretty(&json::tally(
            args, &tally, took, threads,
        ))?)?;
    } else {
        say(&words::tally(args, contract, &tally, took, threads)?)?;
    }
    match &tally.violation {
        None => Ok(()),
        Some(report) => bail!("seed {} violates {}", report.seed, property(report)),
    }
}
