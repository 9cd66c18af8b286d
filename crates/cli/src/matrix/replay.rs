//! One run of one cell again.

use super::Args;
use crate::output::say;
use anyhow::{Context, bail};
use quorate_lab::matrix::{Token, claim, render, replay_command, sample};
use quorate_lab::{PageText, ProtocolOptions, record};
use quorate_report::html;
use serde_json::json;

/// Tells the run in words, and draws it if asked. Ends with 1 if it violates a property.
pub(super) fn run(args: &Args, token: Token) -> anyhow::Result<()> {
    let page = super::page::open(args.html.as_deref())?;
    if args.minimise {
        return super::minimise::run(args, token, page);
    }
    let (sample, plan, outcome) = sample(token, &ProtocolOptions::default());
    let again = replay_command(&token);
    if let Some((path, file)) = page {
        let framing = PageText {
            title: format!("{}, run {}", token.cell, token.seed),
            clause: Some(format!(
                "{} among {}, f = {}",
                token.cell.protocol, plan.experiment.setup.nodes, plan.faults
            )),
            replay: Some(again.clone()),
            ..PageText::default()
        };
        let (_, run) = record(&plan.experiment, plan.decisions(), framing)?;
        html::run(&run, file).with_context(|| format!("can't write {}", path.display()))?;
    }
    if args.json {
        let claim = claim(&token.cell);
        let violation = outcome.violation.as_ref().map(|broken| {
            json!({
                "property": broken.property,
                "detail": broken.detail,
                "node": broken.node.to_string(),
                "event": broken.event,
                "simulated_seconds": broken.at as f64 / 1e9,
            })
        });
        say(&serde_json::to_string_pretty(&json!({
            "token": token.to_string(),
            "replay": again,
            "nodes": plan.experiment.setup.nodes,
            "faults": plan.faults,
            "verdict": sample.verdict,
            "sentence": sample.sentence,
            "claim": claim.verdict,
            "why": claim.why,
            "inside_contract": sample.breach.is_none(),
            "breach": sample.breach,
            "events": sample.events,
            "hash": format!("{:016x}", sample.hash),
            "violation": violation,
            "story": render(&plan, &outcome),
        }))?)?;
    } else {
        say(&render(&plan, &outcome))?;
    }
    match &outcome.violation {
        Some(broken) => bail!("{} is violated", broken.property),
        None => Ok(()),
    }
}
