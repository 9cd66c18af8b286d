//! Consecutive seeds under a contract, as a campaign.

use super::outcome::SeedOutcome;
use crate::campaign::Campaign;
use crate::shell;
use quorate_contract::Contract;
use quorate_sim::{Options, RunTotals, simulate};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::io::{self, Write as _};
use std::path::PathBuf;

/// Consecutive seeds under a contract; a unit is a seed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Simulate {
    pub(super) start: u64,
    pub(super) seeds: u64,
    #[serde(serialize_with = "as_toml", deserialize_with = "from_toml")]
    pub(super) contract: Contract,
    /// Where the contract was read, for the commands that the report shows.
    pub(super) contract_file: Option<PathBuf>,
    #[serde(skip)]
    pub(super) options: Options,
}

/// Rendered, so that comments and layout of the file make no other campaign.
fn as_toml<S: Serializer>(contract: &Contract, serializer: S) -> Result<S::Ok, S::Error> {
    contract.to_toml().serialize(serializer)
}

fn from_toml<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Contract, D::Error> {
    let text = String::deserialize(deserializer)?;
    Contract::parse("contract", &text).map_err(serde::de::Error::custom)
}

impl Simulate {
    fn seed(&self, unit: u64) -> u64 {
        self.start.saturating_add(unit)
    }

    /// ` --contract FILE`, if there is one.
    fn contract_argument(&self) -> String {
        let file = self.contract_file.as_ref();
        file.map_or(String::new(), |file| {
            format!(" --contract {}", shell::path(file))
        })
    }

    /// The command that runs one seed again.
    pub(super) fn replay_command(&self, seed: u64) -> String {
        let contract = self.contract_argument();
        format!("quorate simulate{contract} --replay {seed}")
    }
}

/// If the code under simulation panics, the campaign ends; this says how to see it again.
struct SaysWhichSeed<'a>(&'a str);

impl Drop for SaysWhichSeed<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Nothing is left to do if standard error is gone.
            let _ = writeln!(io::stderr(), "it panicked; replay it with:\n  {}", self.0);
        }
    }
}

impl Campaign for Simulate {
    const NAME: &'static str = "simulate";
    const INCIDENTAL: &'static [&'static str] = &["contract_file"];
    type Unit = SeedOutcome;
    type Report = RunTotals;

    fn units(&self) -> u64 {
        self.seeds
    }

    fn run(&self, unit: u64) -> SeedOutcome {
        let seed = self.seed(unit);
        let _says = SaysWhichSeed(&self.replay_command(seed));
        simulate(&self.contract, seed, &self.options).into()
    }

    fn check(&self, result: &SeedOutcome) -> Result<(), String> {
        result.check()
    }

    fn ends(&self, result: &SeedOutcome) -> bool {
        result.is_violation()
    }

    fn fold(&self, tally: &mut RunTotals, unit: u64, result: SeedOutcome) {
        tally.add(result.into_report(self.seed(unit)));
    }

    fn name(&self, unit: u64) -> String {
        format!("seed {}", self.seed(unit))
    }

    fn command(&self) -> String {
        let (seeds, start) = (self.seeds, self.start);
        let contract = self.contract_argument();
        format!("quorate simulate{contract} --start {start} --seeds {seeds}")
    }
}
