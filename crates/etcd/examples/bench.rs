//! The load generator on its own: `cargo run --release -p quorate-etcd --example bench -- --help`.

use std::io::Write as _;

use clap::Parser as _;
use quorate_etcd::bench::{BenchArgs, run};

#[derive(clap::Parser)]
struct Command {
    #[command(flatten)]
    args: BenchArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Command { args, json } = Command::parse();
    let report = run(args).await?;
    let text = if json {
        serde_json::to_string_pretty(&report)? + "\n"
    } else {
        report.to_string()
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
