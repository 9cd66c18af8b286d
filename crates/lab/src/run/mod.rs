//! Runs an experiment.

mod clients;
mod stage;

use crate::judge::Log;
use crate::{Experiment, Refused, Subject, Visitor, visit};
use quorate_core::NodeId;
use quorate_report::CellVerdict;
use quorate_sim::{Counts, Decisions, Recorder, Seen, Traffic};
use stage::Stage;

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The property that did not hold, and when.
    pub violation: Option<Violation>,
    /// Who has not decided what should have been decided, if anybody.
    pub stalled: Option<String>,
    /// When everything that should be was decided.
    pub done_at: Option<u64>,
    /// What each node decided.
    pub logs: Vec<Log>,
    /// Figures that outputs told: when, by whom, what.
    pub facts: Vec<(u64, NodeId, &'static str, String)>,
    /// What the world showed.
    pub seen: Seen,
    /// What was sent and synced.
    pub counts: Counts,
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
pub struct Violation {
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

impl Outcome {
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
            (None, None) if self.logs.iter().all(Log::is_empty) => {
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
pub fn run(experiment: &Experiment, decisions: Decisions) -> Result<Outcome, Refused> {
    Ok(play(experiment, decisions, None)?.0)
}

/// Runs it; with a recorder, which comes back, what happens is recorded. The run is the same.
pub(crate) fn play(
    experiment: &Experiment,
    decisions: Decisions,
    recorder: Option<Recorder>,
) -> Result<(Outcome, Option<Recorder>), Refused> {
    experiment.check()?;
    let visitor = Run {
        experiment,
        decisions,
        recorder,
    };
    visit(&experiment.subject, visitor).unwrap_or_else(|| {
        Err(Refused::UnknownProtocol {
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
    type Output = Result<(Outcome, Option<Recorder>), Refused>;

    fn visit<S: Subject>(self) -> Self::Output {
        let stage = Stage::<S>::new(self.experiment, self.decisions, self.recorder)?;
        Ok(stage.play())
    }
}
