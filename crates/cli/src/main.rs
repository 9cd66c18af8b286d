//! The one binary of the workspace: commands, configuration, terminal output.
//!
//! A command is a module with an `Args` and a `run`. Nothing here knows how a protocol works or
//! what lies on a disk; it reads the contract, calls the crate that does the work, and says how it
//! ended: 0 for done, 1 for a failure that was found or met, 2 for what can't be run as asked.

mod bench;
mod campaign;
mod contract_file;
mod detectors;
#[cfg(test)]
mod docs;
mod exit;
mod explain;
mod joining;
mod lifeline;
mod log;
mod matrix;
mod member;
mod merge;
mod output;
mod scenario;
mod serve;
mod shell;
mod simulate;
mod storm;
mod up;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// What serves takes small pieces of memory on one thread and gives them back on another, at which
/// the system's allocator is slow: with this one a put costs an eighth less.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Write down what may fail. Quorate runs a replicated store that survives it, and shows you the
/// proof.
#[derive(Debug, Parser)]
#[command(
    name = "quorate",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what a contract implies: quorums, admissible protocols, costs, the design paragraph
    Explain(explain::Args),
    /// Run all replicas of a contract's cluster on this machine
    Up(up::Args),
    /// Run one replica of a contract's cluster
    Serve(serve::Args),
    Member(member::Args),
    /// Run the same code in simulated worlds, one a seed, under all faults that a contract names
    Simulate(simulate::Args),
    Detectors(detectors::Args),
    /// Join the results of a campaign that ran in shards into one report
    Merge(merge::Args),
    /// Measure every protocol under every failure model and timing model against what it claims
    Matrix(matrix::Args),
    /// Run stories of what went wrong, ours or your own, and turn their key defence off
    Scenario(scenario::Args),
    /// Load an etcd endpoint, quorate's or etcd's own, and report throughput and latency
    Bench(bench::Args),
    /// Kill replicas while clients write, and judge what the clients were told
    Storm(storm::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Explain(args) => explain::run(&args),
        Command::Up(args) => up::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Member(args) => member::run(args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Detectors(args) => detectors::run(&args),
        Command::Merge(args) => merge::run(&args),
        Command::Matrix(args) => matrix::run(&args),
        Command::Scenario(args) => scenario::run(&args),
        Command::Bench(args) => bench::run(args),
        Command::Storm(args) => storm::run(args),
    };
    exit::code(result)
}
