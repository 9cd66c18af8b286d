//! The page of one run: a space-time diagram in one HTML file.

use crate::shell;
use anyhow::Context;
use quorate_lab::scenario::{PartKind, Scenario, ScenarioPart, ScenarioRun};
use quorate_lab::{PageText, record};
use quorate_report::html;
use quorate_sim::Decisions;
use std::fs::File;
use std::path::Path;

/// Runs the part once more, recorded, and writes its page. `story` is how it was asked for.
pub(super) fn write(
    file: &Path,
    story: &str,
    scenario: &Scenario,
    part: &ScenarioPart,
    played: &ScenarioRun,
) -> anyhow::Result<()> {
    let (what, option) = match part.kind {
        PartKind::Story => (String::new(), String::new()),
        PartKind::Case => (
            format!(", {}", part.name),
            format!(" --case {}", shell::word(&part.name)),
        ),
        PartKind::Without => (
            format!(", without {}", part.name),
            format!(" --without {}", shell::word(&part.name)),
        ),
    };
    let framing = PageText {
        title: format!("{}{what}", scenario.title),
        clause: played
            .contract_check
            .exceeded
            .map(|exceeded| exceeded.to_string()),
        replay: Some(format!(
            "quorate scenario run {}{option} --seed {} --seeds 1 --html run.html",
            shell::word(story),
            played.seed
        )),
        names: part.names.nodes().to_vec(),
        note: Some(match played.contract_check.is_inside() {
            true => "reality stayed inside the contract".to_owned(),
            false => "reality left the contract".to_owned(),
        }),
    };
    let decisions = Decisions::from_seed(played.seed);
    let (_, mut run) = record(&part.experiment, decisions, framing)?;
    run.verdict.sentence = part.names.translate(&run.verdict.sentence);
    let name = file.display();
    let out = File::create(file).with_context(|| format!("can't write {name}"))?;
    html::run(&run, out).with_context(|| format!("can't write {name}"))
}
