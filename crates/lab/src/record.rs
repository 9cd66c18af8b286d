//! A run as a space-time diagram.

use crate::checker::format_values;
use crate::experiment::{Experiment, ExperimentError};
use crate::run::{RunOutcome, run_recorded};
use crate::system::SystemUnderTest;
use quorate_report::{EventKind, Run, RunNode, VerdictKind};
use quorate_sim::recorder::{Ending, RecorderLimits};
use quorate_sim::{Decisions, NodeFault, Recorder, Renderer};

/// What a report says about a run besides what happened in it.
#[derive(Clone, Debug, Default)]
pub struct PageText {
    /// What was run.
    pub title: String,
    /// The clause of the contract that is at stake.
    pub clause: Option<String>,
    /// The command that does it again.
    pub replay: Option<String>,
    /// The nodes by name; those that are not named get their number.
    pub names: Vec<String>,
    /// Words to add to the verdict's sentence: what the control showed, say.
    pub note: Option<String>,
}

/// Runs an experiment and records it. The run is the same as without.
///
/// # Errors
/// If it cannot be run as it is.
pub fn record(
    experiment: &Experiment,
    decisions: Decisions,
    framing: PageText,
) -> Result<(RunOutcome, Run), ExperimentError> {
    let n = experiment.setup.nodes;
    let is_twins = |misdeed: &NodeFault| matches!(misdeed, NodeFault::Twins(_));
    let twins: Vec<_> = {
        let split = experiment.node_faults.iter();
        let split = split.filter(|fault| is_twins(&fault.fault));
        let mut split: Vec<_> = split.map(|fault| (fault.from, fault.node)).collect();
        // Copies come into being in the order in which nodes split.
        split.sort_by_key(|(from, _)| *from);
        split.into_iter().map(|(_, node)| node).collect()
    };
    let lanes = n.saturating_add(twins.len().min(usize::from(u8::MAX)) as u8);
    let recorder = Recorder::new(lanes, RecorderLimits::default());
    let (outcome, recorder) = run_recorded(experiment, decisions, Some(recorder))?;
    let mut recorder = recorder.unwrap_or_else(|| Recorder::new(lanes, RecorderLimits::default()));
    recorder.total("events", outcome.events);
    recorder.total("messages", outcome.costs.messages);
    recorder.total("syncs", outcome.costs.syncs);
    for (behaviour, shown) in outcome.observed.iter() {
        recorder.total(&format!("shown: {behaviour}"), shown.times);
    }
    let liars = experiment.liars();
    let name = |at: u8| {
        let given = framing.names.get(usize::from(at));
        given.cloned().unwrap_or_else(|| format!("n{at}"))
    };
    let node = |at: u8| RunNode {
        name: name(at),
        note: liars
            .contains(quorate_core::NodeId(at.into()))
            .then(|| "liar".to_owned()),
    };
    let second = |node: &quorate_core::NodeId| RunNode {
        name: format!("{}\u{2019}", name(node.0 as u8)),
        note: Some("second of twins".to_owned()),
    };
    let mut sentence = outcome.sentence();
    if let Some(note) = &framing.note {
        sentence = format!("{sentence}; {note}");
    }
    let ending = Ending {
        title: framing.title,
        verdict: match (&outcome.violation, &outcome.stalled) {
            (Some(_), _) => VerdictKind::Violated,
            (None, Some(_)) => VerdictKind::Stalls,
            (None, None) => VerdictKind::Holds,
        },
        sentence,
        clause: framing.clause,
        replay: framing.replay,
        nodes: (0..n).map(node).chain(twins.iter().map(second)).collect(),
        end: outcome.now,
    };
    Ok((outcome, recorder.finish(ending)))
}

/// How a subject reads in a report.
pub(crate) fn words<S: SystemUnderTest>() -> Renderer<S::Protocol> {
    Renderer {
        message: S::describe,
        output: |output| {
            let decisions = S::decisions(output);
            let told: Vec<_> = decisions.iter().map(|d| format_values(&d.values)).collect();
            match told.is_empty() {
                true => {
                    let facts = S::facts(output);
                    let told: Vec<_> = facts
                        .iter()
                        .map(|(name, value)| format!("{name}: {value}"))
                        .collect();
                    (!told.is_empty()).then(|| (EventKind::Note, told.join(", ")))
                }
                false => Some((EventKind::Decide, format!("decides {}", told.join("; ")))),
            }
        },
        state: S::state,
        leads: S::leads,
    }
}
