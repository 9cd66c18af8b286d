//! A failing run made small.

use super::page::{self, About};
use super::source::{Source, command_of};
use super::{Args, run_limits, text};
use crate::exit::refused;
use crate::output::say;
use crate::shell;
use anyhow::{Context, bail};
use quorate_contract::Contract;
use quorate_sim::minimise::{MinimalRun, MinimiseProgress, Size, replicas};
use quorate_sim::{RunLimits, Streams, streams};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Makes the run that the arguments name small, and says how far that went and what the control says.
pub(super) fn run(
    args: &Args,
    contract: &Contract,
    source: &Source,
    caps: RunLimits,
) -> anyhow::Result<()> {
    let options = args.options(0, caps);
    let live = !args.json && std::io::stderr().is_terminal();
    let mut last = Instant::now();
    let progress = |at: MinimiseProgress| {
        if live && last.elapsed() >= Duration::from_millis(200) {
            last = Instant::now();
            let MinimiseProgress {
                runs,
                most,
                decisions,
                ..
            } = at;
            let _ = write!(
                std::io::stderr(),
                "\r{runs} of at most {most} runs, {decisions} decisions left\x1b[K"
            );
        }
    };
    let found = replicas(contract, source.streams(), &options, args.runs, progress);
    if live {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    let Some(small) = found else {
        let why = "every property holds in this run: there is nothing to make small";
        return Err(refused(why));
    };
    if let Some(file) = &args.record {
        std::fs::write(file, streams::encode(&small.choices))
            .with_context(|| format!("can't write {}", file.display()))?;
    }
    let again = args.record.as_ref().map(|file| {
        let source = format!(" --replay-decisions {}", shell::path(file));
        command_of(args, &source) + &run_limits::arguments(&small.limits)
    });
    if let Some(file) = &args.html {
        let about = About {
            again: again.as_deref(),
            control: Some(small.control.to_string()),
        };
        let options = args.options(0, small.limits.clone());
        let streams = Streams::replay(small.choices.clone());
        page::write(file, contract, source.seed(), streams, &options, &about)?;
    }
    if args.json {
        let value = as_json(args, &small, again.as_deref());
        say(&serde_json::to_string_pretty(&value)?)?;
    } else {
        say(&in_words(args, &small, again.as_deref())?)?;
    }
    bail!("{} is violated", small.property)
}

fn in_words(args: &Args, small: &MinimalRun, again: Option<&str>) -> anyhow::Result<String> {
    let mut text = String::new();
    let (before, after) = (small.before, small.after);
    writeln!(text, "{} is violated by", small.property)?;
    for (what, from, to) in figures(&before, &after) {
        writeln!(text, "  {to:>8} {what}, instead of {from}")?;
    }
    writeln!(text, "found in {} runs", small.runs)?;
    if let Some(violation) = small.report.verdict.violation() {
        writeln!(text, "  {}", violation.detail)?;
    }
    writeln!(
        text,
        "  faults shown: {}",
        text::coverage(&small.report.coverage)
    )?;
    writeln!(text, "control: {}", small.control)?;
    match again {
        Some(again) => writeln!(text, "replay it with:\n  {again}")?,
        None => writeln!(text, "to keep the small run, add --record FILE")?,
    }
    if let Some(file) = &args.html {
        writeln!(text, "the small run as a page: {}", file.display())?;
    }
    Ok(text)
}

fn figures(before: &Size, after: &Size) -> [(&'static str, u64, u64); 6] {
    [
        ("replicas", before.replicas as u64, after.replicas as u64),
        ("events", before.events, after.events),
        ("faults", before.faults, after.faults),
        ("kinds of fault", before.kinds as u64, after.kinds as u64),
        ("operations", before.operations, after.operations),
        ("decisions", before.decisions as u64, after.decisions as u64),
    ]
}

fn as_json(args: &Args, small: &MinimalRun, again: Option<&str>) -> Value {
    let size = |size: &Size| {
        json!({
            "replicas": size.replicas,
            "events": size.events,
            "faults": size.faults,
            "kinds": size.kinds,
            "operations": size.operations,
            "decisions": size.decisions,
        })
    };
    let without = small.control.without.as_ref();
    json!({
        "property": small.property,
        "detail": small.report.verdict.violation().map(|violation| &violation.detail),
        "before": size(&small.before),
        "after": size(&small.after),
        "runs": small.runs,
        "replay": again,
        "html": args.html,
        "control": {
            "sentence": small.control.to_string(),
            "holds_without": without.map(|faults| faults.iter().map(|f| f.name()).collect::<Vec<_>>()),
            "other_histories": small.control.others,
            "of_which_fail": small.control.fail,
        },
    })
}
