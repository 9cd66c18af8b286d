//! A failing run, made small: fewer faults, requests and nodes, a calmer and shorter world; and the
//! same run without the fault that it takes, as the control.
//!
//! An experiment is data, so it shrinks by leaving parts of it out. What is left must still go wrong
//! in the same way: the same property violated, or stalled as before. A smaller world draws other
//! decisions than the large one did from the same stream, so a few streams are tried for each step.

use crate::experiment::{Experiment, ExperimentError};

use crate::run::{RunOutcome, run};

use crate::system::Proposers;
use quorate_core::NodeId;
use quorate_sim::Decisions;

/// How a run went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunFailure {
    /// This property was violated.
    Violates(&'static str),
    /// Not all was decided.
    Stalls,
}

impl RunFailure {
    /// What is wrong with an outcome, if anything is.
    pub fn of(outcome: &RunOutcome) -> Option<Self> {
        match (&outcome.violation, &outcome.stalled) {
            (Some(violation), _) => Some(Self::Violates(violation.property)),
            (None, Some(_)) => Some(Self::Stalls),
            (None, None) => None,
        }
    }
}

/// The small run.
#[derive(Clone, Debug)]
pub struct Minimal {
    /// What is left.
    pub experiment: Experiment,
    /// The stream of decisions under which it goes wrong, by its number.
    pub stream: u64,
    /// How it goes wrong.
    pub outcome: RunOutcome,
    /// How many runs it took.
    pub runs: u32,
    /// The same without one thing.
    pub control: Option<ControlRun>,
}

/// The same run without one fault: nothing goes wrong.
#[derive(Clone, Debug)]
pub struct ControlRun {
    /// What was left out, in words.
    pub without: String,
    /// The rest.
    pub experiment: Experiment,
    /// How it ended.
    pub outcome: RunOutcome,
}

/// How many streams of decisions a smaller experiment gets to go wrong.
const STREAMS: u64 = 6;

struct Search<'s> {
    streams: &'s dyn Fn(u64) -> Decisions,
    wrong: RunFailure,
    runs: u32,
    budget: u32,
}

impl Search<'_> {
    /// The first stream, from this one on, under which it goes wrong as it should.
    fn fails(&mut self, experiment: &Experiment, from: u64) -> Option<(u64, RunOutcome)> {
        for stream in from..from.saturating_add(STREAMS) {
            if self.runs >= self.budget {
                return None;
            }
            self.runs += 1;
            let outcome = run(experiment, (self.streams)(stream)).ok()?;
            if RunFailure::of(&outcome) == Some(self.wrong) {
                return Some((stream, outcome));
            }
        }
        None
    }
}

/// Makes a failing run small, with at most `budget` runs. It fails under stream 0; the others are
/// tried as well. `None` if it does not fail.
///
/// # Errors
/// If the experiment cannot be run.
pub fn minimise(
    experiment: &Experiment,
    streams: &dyn Fn(u64) -> Decisions,
    budget: u32,
) -> Result<Option<Minimal>, ExperimentError> {
    let outcome = run(experiment, streams(0))?;
    let Some(wrong) = RunFailure::of(&outcome) else {
        return Ok(None);
    };
    let mut search = Search {
        streams,
        wrong,
        runs: 1,
        budget,
    };
    let mut small = (experiment.clone(), 0, outcome);
    loop {
        let next = smaller(&small.0, &small.2)
            .into_iter()
            .find_map(|candidate| {
                let (stream, outcome) = search.fails(&candidate, small.1)?;
                Some((candidate, stream, outcome))
            });
        match next {
            Some(next) => small = next,
            None => break,
        }
    }
    let (small, stream, outcome) = small;
    // What goes well takes longer than what goes wrong.
    let whole = Experiment {
        end: experiment.end,
        ..small.clone()
    };
    let control = control(&whole, &streams(stream))?;
    Ok(Some(Minimal {
        experiment: small,
        stream,
        outcome,
        runs: search.runs,
        control,
    }))
}

/// The experiment with one thing less, each way, the largest steps first. Each is smaller in a
/// measure that has an end.
fn smaller(experiment: &Experiment, outcome: &RunOutcome) -> Vec<Experiment> {
    let mut candidates = vec![];
    let mut with = |change: &dyn Fn(&mut Experiment) -> bool| {
        let mut candidate = experiment.clone();
        if change(&mut candidate) {
            candidates.push(candidate);
        }
    };
    for at in 0..experiment.node_faults.len() {
        with(&|e| {
            e.node_faults.remove(at);
            true
        });
    }
    for at in 0..experiment.link_faults.len() {
        with(&|e| {
            e.link_faults.remove(at);
            true
        });
    }
    // By two as well: a majority of four is no smaller than one of five.
    with(&|e| fewer_nodes(e, 2));
    with(&|e| fewer_nodes(e, 1));
    with(&|e| match &mut e.load {
        Some(load) if load.values + load.probes > 1 => {
            (load.values, load.probes) = match (load.values, load.probes) {
                (values, 0) => (values / 2, 0),
                (0, _) => (0, 1),
                (values, _) => (values, 0),
            };
            true
        }
        _ => false,
    });
    if experiment
        .facts()
        .is_ok_and(|f| f.proposers == Proposers::AllNodes)
    {
        for at in 0..experiment.requests.len() {
            with(&|e| {
                e.requests.remove(at);
                true
            });
        }
    }
    with(&|e| {
        let calm = e.weather.timing.after_gst;
        std::mem::replace(&mut e.weather.timing.before_gst, calm) != calm
    });
    with(&|e| std::mem::take(&mut e.weather.timing.gst) > 0);
    with(&|e| std::mem::take(&mut e.weather.timing.drift_ppm) > 0);
    with(&|e| e.weather.timing.sync.take().is_some());
    with(&|e| std::mem::take(&mut e.weather.timing.flp));
    for at in 0..experiment.node_faults.len() {
        with(&|e| {
            let fault = &mut e.node_faults[at];
            shorten(fault.from, &mut fault.until)
        });
    }
    for at in 0..experiment.link_faults.len() {
        with(&|e| {
            let fault = &mut e.link_faults[at];
            shorten(fault.from, &mut fault.until)
        });
    }
    // A violation needs nothing that comes after it.
    if let Some(violation) = &outcome.violation {
        with(&|e| {
            let end = violation.at + 1;
            e.node_faults.retain(|fault| fault.from < end);
            e.link_faults.retain(|fault| fault.from < end);
            std::mem::replace(&mut e.end, end) > end
        });
    }
    candidates
}

/// Halves a stretch of time, as long as it is over a millisecond.
fn shorten(from: u64, until: &mut Option<u64>) -> bool {
    match until {
        Some(end) if *end > from + 1_000_000 => {
            *end = from + (*end - from) / 2;
            true
        }
        _ => false,
    }
}

/// Without the last nodes; but not below what the protocol needs for its faults, for then another
/// thing would be wrong.
fn fewer_nodes(experiment: &mut Experiment, by: u8) -> bool {
    let left = experiment.setup.nodes.saturating_sub(by);
    let faults = experiment.setup.faults;
    let needed = experiment
        .facts()
        .map_or(u8::MAX, |facts| facts.nodes_for(faults));
    if left < needed {
        return false;
    }
    experiment.setup.nodes = left;
    let stays = |node: NodeId| node.0 < left.into();
    experiment.node_faults.retain(|fault| stays(fault.node));
    experiment.requests.retain(|ask| stays(ask.node));
    true
}

/// The experiment without one fault under which nothing goes wrong: the first one of which this is
/// true.
fn control(
    experiment: &Experiment,
    decisions: &Decisions,
) -> Result<Option<ControlRun>, ExperimentError> {
    let mut without = vec![];
    for (at, fault) in experiment.node_faults.iter().enumerate() {
        let mut candidate = experiment.clone();
        candidate.node_faults.remove(at);
        without.push((
            format!("{} at {}", fault.fault.name(), fault.node),
            candidate,
        ));
    }
    for (at, fault) in experiment.link_faults.iter().enumerate() {
        let mut candidate = experiment.clone();
        candidate.link_faults.remove(at);
        without.push((format!("{} of links", fault.fault.name()), candidate));
    }
    for (without, experiment) in without {
        let outcome = run(&experiment, decisions.clone())?;
        if RunFailure::of(&outcome).is_none() {
            return Ok(Some(ControlRun {
                without,
                experiment,
                outcome,
            }));
        }
    }
    Ok(None)
}
