//! The page of one run: a space-time diagram in one HTML file.

use anyhow::Context;
use quorate_contract::Contract;
use quorate_report::html;
use quorate_sim::recorder::RecorderLimits;
use quorate_sim::{Options, Streams, watch};
use std::fs::File;
use std::path::Path;

/// What a page shows beside the run.
pub(super) struct About<'a> {
    /// The command that runs it again.
    pub(super) again: Option<&'a str>,
    /// The control: what became of the same run without some faults.
    pub(super) control: Option<String>,
}

/// Runs the world of these decisions once more, watched, and writes its page.
pub(super) fn write(
    file: &Path,
    contract: &Contract,
    seed: u64,
    streams: Streams,
    options: &Options,
    about: &About<'_>,
) -> anyhow::Result<()> {
    let (_, mut run) = watch(contract, seed, streams, options, RecorderLimits::default());
    run.replay = about.again.map(str::to_owned);
    if let Some(control) = &about.control {
        run.title += ", made small";
        run.verdict.sentence = format!("{}. Control: {control}", run.verdict.sentence);
    }
    let name = file.display();
    let out = File::create(file).with_context(|| format!("can't write {name}"))?;
    html::run(&run, out).with_context(|| format!("can't write {name}"))
}
