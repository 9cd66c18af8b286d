//! `quorate explain`: what a contract implies.

mod quorums;

use crate::contract_file;
use crate::exit::refused;
use crate::output::say;
use quorate_contract::explain;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The contract [default: three replicas on this machine, one of which may crash]
    file: Option<PathBuf>,
    /// Print all of it: what is assumed, what follows in figures, every protocol
    #[arg(long, conflicts_with = "json")]
    full: bool,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    quorums: quorums::QuorumArgs,
}

/// Explains; a contract that contradicts itself is explained as well, and then refused.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let contract = contract_file::load(args.file.as_deref())?;
    if args.quorums.quorums {
        quorums::explain(&contract, args.file.as_deref(), &args.quorums, args.json)?;
        return contract.check().map_err(refused);
    }
    let explanation = explain(&contract);
    if args.json {
        say(&serde_json::to_string_pretty(&explanation)?)?;
    } else if args.full {
        say(&explanation.full().to_string())?;
    } else {
        say(&explanation.to_string())?;
    }
    // What stands in the way was said above.
    contract.check().map_err(|contradiction| {
        let rules = contradiction.findings.iter();
        let names: Vec<_> = rules.map(|finding| finding.rule.name()).collect();
        refused(format!(
            "the contract contradicts itself: {}",
            names.join(", ")
        ))
    })
}
