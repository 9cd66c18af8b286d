//! `quorate bench`: a load on any etcd endpoint, mounted from the `etcd` crate.

use crate::output::say;
use quorate_etcd::bench::{BenchArgs, run as load};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    load: BenchArgs,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(load(args.load))?;
    if args.json {
        say(&serde_json::to_string_pretty(&report)?)
    } else {
        say(&report.to_string())
    }
}
