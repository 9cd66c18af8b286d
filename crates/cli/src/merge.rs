//! `quorate merge`: the shards of a campaign, joined into one report.

use crate::campaign::kind_of;
use crate::exit::refused;
use crate::{matrix, simulate};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The files that all shards of one campaign wrote with --out
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Ends as the campaign itself would have.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let first = &args.files[0];
    match kind_of(first)?.as_str() {
        "matrix" => matrix::merge(&args.files, args.json),
        "simulate" => simulate::merge(&args.files, args.json),
        other => Err(refused(format_args!(
            "{} has results of `quorate {other}`, which this quorate does not know",
            first.display()
        ))),
    }
}
