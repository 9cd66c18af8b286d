//! `quorate storm`: faults on real replicas, mounted from the `storm` crate.

use crate::exit::refused;
use crate::output::say;
use anyhow::{Context, bail};
use quorate_storm::{StormArgs, StormArgsError, run as storm};
use std::io::{self, Write};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    storm: StormArgs,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// The course goes to standard error, the report to standard output.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let exe = std::env::current_exe().context("can't find this program's own file")?;
    let mut tell = |line: &str| {
        let _ = writeln!(io::stderr(), "{line}");
    };
    let report = runtime.block_on(async {
        tokio::select! {
            report = storm(args.storm, &exe, &mut tell) => report,
            signal = tokio::signal::ctrl_c() => {
                signal?;
                bail!("interrupted; nothing was judged")
            }
        }
    });
    let report = report.map_err(|error| match error.downcast::<StormArgsError>() {
        Ok(why) => refused(why),
        Err(error) => error,
    })?;
    if args.json {
        say(&serde_json::to_string_pretty(&report)?)?;
    } else {
        say(&report.to_string())?;
    }
    match report.failure() {
        None => Ok(()),
        Some(failure) => bail!("{failure}"),
    }
}
