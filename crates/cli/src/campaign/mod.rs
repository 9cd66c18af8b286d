//! Campaigns: many units of work, each by itself, folded into one report.
//!
//! A campaign can be cut into shards, which run wherever there is a machine; each writes its
//! results to a file, goes on there after an interruption, and `quorate merge` folds the files into
//! the report that one machine would have given. That holds because the fold is the same: every
//! unit has its own line, so that merging takes the units of all files in the order of their
//! numbers, and ends where a single run would have ended.
//!
//! A file is a line of JSON with the [`CampaignHeader`](header::CampaignHeader), then one for each unit of the
//! shard, in order, and now and then one with the time that was spent. Every line begins with a
//! checksum of itself and all lines before ([`mod@line`]).

mod header;
mod line;
mod merge;
mod reader;
mod run;
mod shard;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use header::kind_of;
pub(crate) use line::TimeSpent;
pub(crate) use merge::merge;
pub(crate) use run::{Done, run};
pub(crate) use shard::Shard;

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::PathBuf;

/// A campaign, with its settings: what is serialized of it goes into the header of a file, so that
/// only results of the same campaign are ever put together.
pub(crate) trait Campaign: Serialize + DeserializeOwned + Sync {
    /// The command that runs it.
    const NAME: &'static str;
    /// The settings that change no result, and so may differ between the files of one campaign.
    const INCIDENTAL: &'static [&'static str];
    /// What one unit comes to. It depends on the settings and the unit's number, and on nothing
    /// else.
    type Unit: Serialize + DeserializeOwned + Send;
    /// What all units come to.
    type Report: Default;

    /// How many units, numbered from 0.
    fn units(&self) -> u64;

    /// Runs one.
    fn run(&self, unit: u64) -> Self::Unit;

    /// Can a unit have come to this? What a file says is not believed before: sums of it must not
    /// overflow.
    ///
    /// # Errors
    /// What is wrong.
    fn check(&self, result: &Self::Unit) -> Result<(), String>;

    /// Does the campaign end with this one?
    fn ends(&self, result: &Self::Unit) -> bool;

    /// Takes one in. They come in the order of their numbers.
    fn fold(&self, report: &mut Self::Report, unit: u64, result: Self::Unit);

    /// What one unit is called, and which this is: "seed 4711".
    fn name(&self, unit: u64) -> String;

    /// The command line that runs all of it.
    fn command(&self) -> String;
}

/// The arguments that every campaign takes: which part of it runs here, and where it is kept.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Part {
    /// Run only this share of the campaign: I/N, as in 2/4; needs --out
    #[arg(long, value_name = "I/N", requires = "out")]
    pub(crate) shard: Option<Shard>,
    /// Write the results to a file, for `quorate merge`; what it holds already of the same campaign
    /// is not run again
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}
