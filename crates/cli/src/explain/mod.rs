//! `quorate explain`: what a contract implies; with `--prove`, the verdict is run.

mod prove;
mod quorums;

use crate::contract_file;
use crate::exit::refused;
use crate::output::say;
use quorate_contract::explain;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The contract [default: three replicas on this machine, one of which may crash]; with --prove
    /// several, or folders of them
    files: Vec<PathBuf>,
    /// Print all of it: what is assumed, what follows in figures, every protocol
    #[arg(long, conflicts_with = "json")]
    full: bool,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    quorums: quorums::QuorumArgs,
    /// Run the verdict: search each protocol that fits inside the contract, and break every candidate
    /// where a theorem forbids it. Ends with 1 if a verdict does not hold
    #[arg(long)]
    prove: bool,
    /// With --prove: how many runs of each protocol that fits
    #[arg(long, value_name = "N", default_value_t = 1000, requires = "prove")]
    runs: u64,
    /// With --prove: the first seed
    #[arg(long, value_name = "N", default_value_t = 0, requires = "prove")]
    seed: u64,
    /// With --prove: only the protocol, or the theorem, of this name
    #[arg(long, value_name = "NAME", requires = "prove")]
    only: Option<String>,
    /// With --prove: draw the runs that show something, each as a page in this folder
    #[arg(long, value_name = "DIR", requires = "prove")]
    pages: Option<PathBuf>,
}

/// Explains; a contract that contradicts itself is explained as well, and then refused.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if args.prove {
        return prove::run(args);
    }
    let file = match &args.files[..] {
        [] => None,
        [one] => Some(one.as_path()),
        _ => {
            return Err(refused(
                "one contract is explained at a time; with --prove there may be several",
            ));
        }
    };
    let contract = contract_file::load(file)?;
    if args.quorums.quorums {
        quorums::explain(&contract, file, &args.quorums, args.json)?;
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
