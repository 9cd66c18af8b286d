//! A run that goes wrong, made small.

use super::Args;
use crate::exit::refused;
use crate::output::say;
use anyhow::{Context, bail};
use quorate_lab::matrix::{Token, render, replay_command, sample};
use quorate_lab::{
    ControlRun, Experiment, Minimal, PageText, ProtocolOptions, RunOutcome, minimise, record,
};
use quorate_report::html;
use serde_json::json;
use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;

/// Tells the small run and its control, and draws the small one if asked. Ends with 1, for it goes
/// wrong.
pub(super) fn run(args: &Args, token: Token, page: Option<(&Path, File)>) -> anyhow::Result<()> {
    let (_, mut plan, before) = sample(token, &ProtocolOptions::default());
    let large = plan.experiment.clone();
    let found = minimise(&large, &|n| plan.stream(n), args.runs)?;
    let Some(small) = found else {
        return Err(refused(format_args!(
            "nothing goes wrong in {token}, so there is nothing to make small; in the table, \
             `quorate matrix`, every cell that is not safe and live names a run that is worth it"
        )));
    };
    let control = small.control.as_ref().map(in_words);
    let control = control.unwrap_or("no single fault is to blame".to_owned());
    if let Some((path, file)) = page {
        let framing = PageText {
            title: format!("{}, run {}, made small", token.cell, token.seed),
            replay: Some(format!("{} --minimise", replay_command(&token))),
            note: Some(control.clone()),
            ..PageText::default()
        };
        let (_, drawn) = record(&small.experiment, plan.stream(small.stream), framing)?;
        html::run(&drawn, file).with_context(|| format!("can't write {}", path.display()))?;
    }
    let sizes = [
        size(&large, &before),
        size(&small.experiment, &small.outcome),
    ];
    plan.experiment = small.experiment.clone();
    let story = render(&plan, &small.outcome);
    match args.json {
        true => say(&serde_json::to_string_pretty(&as_json(
            token, &sizes, &small, &story,
        ))?)?,
        false => say(&as_text(&sizes, &small, &story, &control)?)?,
    }
    bail!("{}", small.outcome.sentence())
}

/// What shrinks, by name.
fn size(experiment: &Experiment, outcome: &RunOutcome) -> [(&'static str, u64); 5] {
    let faults = experiment.node_faults.len() + experiment.link_faults.len();
    let load = experiment.load.map_or(0, |load| load.values + load.probes);
    let requests = experiment.requests.len() as u64 + u64::from(load);
    [
        ("nodes", experiment.setup.nodes.into()),
        ("faults", faults as u64),
        ("requests", requests),
        ("events", outcome.events),
        ("simulated ms", outcome.now / 1_000_000),
    ]
}

fn in_words(control: &ControlRun) -> String {
    format!(
        "without {}, {}",
        control.without,
        control.outcome.sentence()
    )
}

type Size = [(&'static str, u64); 5];

fn as_text(
    [before, after]: &[Size; 2],
    small: &Minimal,
    story: &str,
    control: &str,
) -> anyhow::Result<String> {
    let mut text = format!("made small in {} runs:\n", small.runs);
    for ((name, before), (_, after)) in before.iter().zip(after) {
        writeln!(text, "  {name:12}  {before} → {after}")?;
    }
    writeln!(text, "\n{story}\ncontrol\n  {control}")?;
    Ok(text)
}

fn as_json(
    token: Token,
    [before, after]: &[Size; 2],
    small: &Minimal,
    story: &str,
) -> serde_json::Value {
    let sizes = before
        .iter()
        .zip(after)
        .map(|((name, before), (_, after))| {
            (
                (*name).to_owned(),
                json!({ "before": before, "after": after }),
            )
        });
    json!({
        "token": token.to_string(),
        "runs": small.runs,
        "sizes": serde_json::Value::Object(sizes.collect()),
        "verdict": small.outcome.verdict(),
        "sentence": small.outcome.sentence(),
        "hash": format!("{:016x}", small.outcome.hash),
        "story": story,
        "control": small.control.as_ref().map(|control| json!({
            "without": control.without,
            "verdict": control.outcome.verdict(),
            "sentence": control.outcome.sentence(),
        })),
    })
}
