//! A candidate, run against the adversary of a theorem.

use super::draw::{DrawnRun, blank, nanos};
use crate::experiment::{ClientLoad, Experiment};
use crate::run::{RunOutcome, run};
use crate::scenario::ContractCheck;
use quorate_contract::Contract;
use quorate_sim::Decisions;
use serde::Serialize;

/// What is done with one candidate.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    /// The candidate and what it does, in words.
    pub(super) candidate: String,
    /// What the adversary does, in words.
    pub(super) adversary: String,
    /// Constructed runs, each tried on every seed.
    pub(super) built: Vec<Experiment>,
    /// A protocol of the lab whose runs are drawn inside the contract, if the constructed ones show
    /// nothing.
    pub(super) drawn: Option<&'static str>,
    /// How many seeds are tried at the most.
    pub(super) seeds: u64,
    /// Why what has not been decided by the horizon never will be.
    pub(super) never: &'static str,
}

/// What a candidate lost.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Loss {
    /// A property did not hold.
    Violation {
        /// Which.
        property: String,
        /// The figures.
        detail: String,
        /// When, in simulated seconds.
        at: f64,
    },
    /// Nothing was decided that had to be, up to a horizon.
    Undecided {
        /// The horizon, in simulated seconds.
        until: f64,
        /// Who lacks what.
        lacks: String,
        /// Why it stays so.
        never: String,
    },
    /// Two runs look the same to who must tell them apart.
    Alike {
        /// What was seen in both.
        detail: String,
    },
}

/// What became of a candidate.
#[derive(Clone, Debug, Serialize)]
pub struct Candidate {
    /// The candidate and what it does.
    pub candidate: String,
    /// What the adversary does.
    pub adversary: String,
    /// What it lost; nothing if it was not broken.
    pub loss: Option<Loss>,
    /// The seed of the run that shows it.
    pub seed: u64,
    /// How many runs it took.
    pub tried: u64,
    /// Why the run was not inside the contract, if it was not: then it shows nothing.
    pub outside: Option<String>,
    /// The run, to be drawn.
    #[serde(skip)]
    pub run: Option<(Experiment, u64)>,
}

impl Candidate {
    /// Is it broken, inside the contract?
    pub fn is_broken(&self) -> bool {
        self.loss.is_some() && self.outside.is_none()
    }
}

impl Trial {
    /// Constructed runs of a candidate.
    pub(super) fn new(candidate: impl Into<String>, adversary: impl Into<String>) -> Self {
        Self {
            candidate: candidate.into(),
            adversary: adversary.into(),
            built: vec![],
            drawn: None,
            seeds: 20,
            never: "",
        }
    }

    pub(super) fn on(mut self, experiment: Experiment) -> Self {
        self.built.push(experiment);
        self
    }

    pub(super) fn or_drawn(mut self, subject: &'static str) -> Self {
        self.drawn = Some(subject);
        self
    }

    pub(super) fn never(mut self, why: &'static str) -> Self {
        self.never = why;
        self
    }

    /// Runs it until the candidate is broken.
    pub(super) fn run(self, contract: &Contract, first: u64) -> Candidate {
        let mut made = Candidate {
            candidate: self.candidate,
            adversary: self.adversary,
            loss: None,
            seed: first,
            tried: 0,
            outside: None,
            run: None,
        };
        for experiment in &self.built {
            for seed in first..first.saturating_add(self.seeds) {
                if made.attempt(contract, experiment.clone(), seed, seed, self.never) {
                    return made;
                }
            }
        }
        let Some(subject) = self.drawn else {
            return made;
        };
        for seed in first..first.saturating_add(20 * self.seeds) {
            let Some(drawn) = DrawnRun::draw(contract, subject, seed) else {
                break;
            };
            if made.attempt(contract, drawn.experiment, seed, drawn.stream, self.never) {
                made.adversary = "faults that the contract allows, drawn".to_owned();
                return made;
            }
        }
        made
    }
}

impl Candidate {
    /// Runs once; says whether that breaks the candidate inside the contract.
    fn attempt(
        &mut self,
        contract: &Contract,
        experiment: Experiment,
        seed: u64,
        stream: u64,
        never: &str,
    ) -> bool {
        self.tried += 1;
        let outcome = match run(&experiment, Decisions::from_seed(stream)) {
            Ok(outcome) => outcome,
            Err(refused) => {
                self.outside = Some(refused.to_string());
                return false;
            }
        };
        let Some(loss) = loss(&outcome, never) else {
            return false;
        };
        let check = ContractCheck::of(contract, &experiment, &outcome.observed);
        let outside = check.exceeded.map(|exceeded| exceeded.to_string());
        let inside = outside.is_none();
        // A run outside the contract is kept only until there is one inside.
        (self.loss, self.seed, self.outside) = (Some(loss), seed, outside);
        self.run = Some((experiment, stream));
        inside
    }
}

fn loss(outcome: &RunOutcome, never: &str) -> Option<Loss> {
    let seconds = |at: u64| at as f64 / 1e9;
    if let Some(broken) = &outcome.violation {
        return Some(Loss::Violation {
            property: broken.property.to_owned(),
            detail: broken.detail.clone(),
            at: seconds(broken.at),
        });
    }
    let lacks = outcome.stalled.clone()?;
    (!never.is_empty()).then(|| Loss::Undecided {
        until: seconds(outcome.now),
        lacks,
        never: never.to_owned(),
    })
}

/// An experiment of `subject` under a contract, asked as usual, in which nothing goes wrong.
pub(super) fn asked(contract: &Contract, subject: &str) -> Experiment {
    let mut experiment = blank(contract, subject);
    let delta = nanos(experiment.setup.delta);
    let load = ClientLoad {
        values: 3,
        from: delta,
        every: 2 * delta,
        retry_after: 10 * delta,
        probes: 0,
    };
    // There is such a subject: these are named in the code.
    let _ = experiment.set_default_requests(load);
    experiment
}

/// The candidate that decides on `wait_for` values, or on what is there after `deadline_ms`.
pub(super) fn collect(
    contract: &Contract,
    wait_for: usize,
    deadline_ms: Option<u64>,
) -> Experiment {
    let mut experiment = asked(contract, "collect");
    let options = &mut experiment.setup.options;
    options.set("wait-for", &wait_for.max(1).to_string());
    if let Some(deadline) = deadline_ms {
        options.set("deadline-ms", &deadline.to_string());
    }
    experiment
}
