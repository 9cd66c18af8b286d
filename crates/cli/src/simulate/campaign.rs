//! Many seeds: the campaign that `quorate simulate` runs, and `quorate merge` joins.

use super::seeds::Simulate;
use super::{Args, json, property, text};
use crate::campaign::{self, Done};
use crate::exit::refused;
use crate::output::say;
use anyhow::bail;
use quorate_contract::Contract;
use quorate_sim::{Options, RunTotals};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Runs all seeds, or a shard of them, and reports.
pub(super) fn run(args: &Args, contract: Contract) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = args.threads.unwrap_or(cores).max(1);
    if args.start.checked_add(args.seeds).is_none() {
        return Err(refused(format_args!(
            "there are no {} seeds from {} on",
            args.seeds, args.start
        )));
    }
    let campaign = Simulate {
        start: args.start,
        seeds: args.seeds,
        contract,
        contract_file: args.contract.clone(),
        options: Options::default(),
    };
    let mut last = Instant::now();
    let live = !args.json && std::io::stderr().is_terminal();
    let done = campaign::run(&campaign, &args.part, threads, |tally, progress| {
        if live && last.elapsed() >= Duration::from_millis(200) {
            last = Instant::now();
            let pace = text::pace(tally, progress.time);
            let _ = write!(
                std::io::stderr(),
                "\r{} of {} seeds, {pace}\x1b[K",
                progress.done,
                progress.of
            );
        }
    });
    if live {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    report(&campaign, &done?, args.json)
}

/// Joins the shards of a campaign, and reports as if it had run here.
pub(crate) fn merge(files: &[PathBuf], as_json: bool) -> anyhow::Result<()> {
    let (campaign, done) = campaign::merge::<Simulate>(files)?;
    report(&campaign, &done, as_json)
}

fn report(campaign: &Simulate, done: &Done<RunTotals>, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let report = json::campaign(campaign, done);
        say(&serde_json::to_string_pretty(&report)?)?;
    } else {
        say(&text::campaign(campaign, done)?)?;
    }
    match &done.report.violation {
        None => Ok(()),
        Some(report) => bail!("seed {} violates {}", report.seed, property(report)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::Part;
    use quorate_core::Mutant;

    /// The first violation by number is reported, whichever shard found one first; what other
    /// shards did beyond it does not count.
    #[test]
    fn shards_that_find_a_defect_merge_to_what_one_machine_reports() {
        let options = Options {
            mutant: Mutant::NoSyncBeforeAck,
            ..Options::default()
        };
        let campaign = Simulate {
            start: 50,
            seeds: 24,
            contract: Contract::default(),
            contract_file: None,
            options,
        };
        let dir = tempfile::tempdir().expect("a directory");
        let run = |part| campaign::run(&campaign, &part, 2, |_, _| {}).expect("runs");
        let alone = run(Part::default());
        let files: Vec<PathBuf> = (1..=3)
            .map(|number| {
                let file = dir.path().join(number.to_string());
                run(Part {
                    shard: Some(format!("{number}/3").parse().expect("a shard")),
                    out: Some(file.clone()),
                });
                file
            })
            .collect();
        let (_, merged) = campaign::merge::<Simulate>(&files).expect("merges");
        let violation = alone
            .report
            .violation
            .as_ref()
            .expect("the defect is found");
        assert!(!violation.last_events.is_empty());
        assert!(alone.report.seeds > 1, "some seeds hold before");
        assert_eq!(untimed(&campaign, &merged), untimed(&campaign, &alone));
    }

    fn untimed(campaign: &Simulate, done: &Done<RunTotals>) -> (serde_json::Value, String) {
        let mut report = json::campaign(campaign, done);
        report["time"] = serde_json::Value::Null;
        let words = text::campaign(campaign, done).expect("words");
        let lines = words.lines().filter(|line| !line.starts_with("  in "));
        (report, lines.collect::<Vec<_>>().join("\n"))
    }
}
