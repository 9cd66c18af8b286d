//! Runs an experiment.

mod clients;
mod runner;

use crate::checker::DecisionLog;
use crate::experiment::{Experiment, ExperimentError};
use crate::system::{SystemUnderTest, Visitor, visit};
use quorate_core::NodeId;
use quorate_report::CellVerdict;
use quorate_sim::{Costs, Decisions, Observations, Recorder, Traffic};
use runner::Runner;

/// What a run came to.
#[derive(Clone, Debug)]
pub struct RunOutcome {
    /// The property that did not hold, and when.
    pub violation: Option<PropertyViolation>,
    /// Who has not decided what should have been decided, if anybody.
    pub stalled: Option<String>,
    /// When everything that should be was decided.
    pub done_at: Option<u64>,
    /// What each node decided.
    pub logs: Vec<DecisionLog>,
    /// Figures that outputs told: when, by whom, what.
    pub facts: Vec<(u64, NodeId, &'static str, String)>,
    /// What the world showed.
    pub observed: Observations,
    /// What was sent and synced.
    pub costs: Costs,
    /// What became of messages.
    pub traffic: Traffic,
    /// Deliveries, timers, syncs, faults.
    pub events: u64,
    /// Simulated nanoseconds.
    pub now: u64,
    /// The same number for the same run, on every machine.
    pub hash: u64,
}

/// A property that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertyViolation {
    /// Its name.
    pub property: &'static str,
    /// The figures.
    pub detail: String,
    /// The node that showed it.
    pub node: NodeId,
    /// When.
    pub at: u64,
    /// At which event.
    pub event: u64,
}

impl RunOutcome {
    /// In one word.
    pub fn verdict(&self) -> CellVerdict {
        match (&self.violation, &self.stalled) {
            (Some(_), _) => CellVerdict::Unsafe,
            (None, Some(_)) => CellVerdict::SafeStalls,
            (None, None) => CellVerdict::SafeAndLive,
        }
    }

    /// In one sentence.
    pub fn sentence(&self) -> String {
        match (&self.violation, &self.stalled) {
            (Some(broken), _) => format!("{} is violated: {}", broken.property, broken.detail),
            (None, Some(who)) => format!("nothing wrong was decided, but {who}"),
            // As when the sender of a broadcast dies before anybody has heard it.
            (None, None) if self.logs.iter().all(DecisionLog::is_empty) => {
                "every property held, and nothing had to be decided".to_owned()
            }
            (None, None) => "every property held, and all was decided".to_owned(),
        }
    }
}

/// Runs an experiment on a stream of decisions.
///
/// # Errors
/// If it cannot be run as it is.
pub fn run(experiment: &Experiment, decisions: Decisions) -> Result<RunOutcome, ExperimentError> {
    Ok(run_recorded(experiment, decisions, None)?.0)
}

/// Runs it; with a recorder, which comes back, what happens is recorded. The run is the same.
pub(crate) fn run_recorded(
    experiment: &Experiment,
    decisions: Decisions,
    recorder: Option<Recorder>,
) -> Result<(RunOutcome, Option<Recorder>), ExperimentError> {
    experiment.check()?;
    let visitor = Run {
        experiment,
        decisions,
        recorder,
    };
    visit(&experiment.subject, visitor).unwrap_or_else(|| {
        Err(ExperimentError::UnknownProtocol {
            name: experiment.subject.clone(),
        })
    })
}

struct Run<'e> {
    experiment: &'e Experiment,
    decisions: Decisions,
    recorder: Option<Recorder>,
}

impl Visitor for Run<'_> {
    type Output = Result<(RunOutcome, Option<Recorder>), ExperimentError>;

    fn visit<S: SystemUnderTest>(self) -> Self::Output {
        let stage = Runner::<S>::new(self.experiment, self.decisions, self.recorder)?;
        Ok(stage.play())
    }
}
