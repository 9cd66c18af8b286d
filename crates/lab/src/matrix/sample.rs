//! One run of a cell, and what many of them come to.

use super::{RunPlan, TimingModel, Token};
use crate::run::{RunOutcome, run};
use crate::system::ProtocolOptions;
use quorate_contract::{Behaviour, Behaviours, Component as Whose};
use quorate_report::CellVerdict;
use serde::{Deserialize, Serialize};

/// What one run showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Its seed.
    pub seed: u64,
    /// In one word.
    pub verdict: CellVerdict,
    /// In one sentence.
    pub sentence: String,
    /// Deliveries, timers, syncs, faults.
    pub events: u64,
    /// The same number for the same run, on every machine.
    pub hash: u64,
    /// Why the run was not inside its cell's contract, though it should have been.
    pub breach: Option<String>,
}

/// Runs one run of a cell.
pub fn sample(token: Token, options: &ProtocolOptions) -> (Sample, RunPlan, RunOutcome) {
    let plan = RunPlan::draw(token, options);
    let outcome = run(&plan.experiment, plan.decisions()).unwrap_or_else(|refused| {
        panic!("{token} can be run, being drawn from what can: {refused}")
    });
    let (verdict, sentence) = judge(&plan, &outcome);
    let sample = Sample {
        seed: token.seed,
        verdict,
        sentence,
        events: outcome.events,
        hash: outcome.hash,
        breach: breach(&plan, &outcome),
    };
    (sample, plan, outcome)
}

/// Liveness is judged at the horizon, where there is one: what time brings later does not count.
pub fn judge(plan: &RunPlan, outcome: &RunOutcome) -> (CellVerdict, String) {
    let late = plan.horizon.is_some_and(|horizon| {
        outcome.violation.is_none() && outcome.done_at.is_none_or(|done| done > horizon)
    });
    match (late, outcome.done_at) {
        (true, Some(done)) => (
            CellVerdict::SafeStalls,
            format!(
                "nothing wrong was decided, but all was only {:.1} s in, once time was bounded",
                done as f64 / 1e9
            ),
        ),
        _ => (outcome.verdict(), outcome.sentence()),
    }
}

/// Did the run show what its cell's contract excludes? Then a generator or the world is wrong.
pub fn breach(plan: &RunPlan, outcome: &RunOutcome) -> Option<String> {
    let timing = plan.token.cell.timing;
    let mut shown = Behaviours::NONE;
    for (behaviour, how) in outcome.observed.iter() {
        let by_faulty = how.nodes.iter().all(|node| plan.faulty.contains(node));
        match behaviour.component() {
            Whose::Replica | Whose::Disk if !by_faulty => {
                return Some(format!(
                    "{behaviour} was shown by a node that is not faulty"
                ));
            }
            // A faulty node that is late is late; only correct ones suffer from time.
            Whose::Time
                if by_faulty
                    && behaviour == Behaviour::Pause
                    && !plan.contract.allows(behaviour) =>
            {
                shown = shown.with(Behaviour::Late);
            }
            // Liars can flood links until these lose messages: theirs is the fault.
            Whose::Link
                if behaviour == Behaviour::Lose
                    && outcome.traffic.overflowed > 0
                    && !plan.experiment.liars().is_empty() => {}
            _ => shown = shown.with(behaviour),
        }
        let of_time = matches!(behaviour.component(), Whose::Time | Whose::Link)
            && !matches!(behaviour, Behaviour::Reorder | Behaviour::Pause);
        let calm = plan.experiment.weather.timing.gst;
        let flooded = outcome.traffic.overflowed > 0;
        if timing == TimingModel::Gst && of_time && !flooded && how.last > calm {
            return Some(format!(
                "{behaviour} was shown after time had become bounded"
            ));
        }
    }
    plan.contract
        .within(shown, plan.most_faulty())
        .err()
        .map(|exceeded| exceeded.to_string())
}

/// No cell comes to more, in years of running; and a table of them stays below 2^64.
const MOST_EVENTS: u64 = 1 << 48;

/// What many runs of a cell came to. Two parts of one cell join to the same as the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellTally {
    /// How many runs.
    pub runs: u64,
    /// Of them, how many stalled.
    pub stalled: u64,
    /// Of them, how many violated a property.
    pub violated: u64,
    /// The first of the worst.
    pub worst: Option<Sample>,
    /// The first that left its cell's contract.
    pub breach: Option<(u64, String)>,
    /// Deliveries, timers, syncs, faults.
    pub events: u64,
    /// The sum of the runs' hashes.
    pub hash: u64,
}

impl CellTally {
    /// Takes in a run.
    pub fn add(&mut self, sample: Sample) {
        self.join(Self {
            runs: 1,
            stalled: u64::from(sample.verdict == CellVerdict::SafeStalls),
            violated: u64::from(sample.verdict == CellVerdict::Unsafe),
            breach: sample.breach.clone().map(|why| (sample.seed, why)),
            events: sample.events,
            hash: sample.hash,
            worst: Some(sample),
        });
    }

    /// Takes in other runs of the same cell.
    pub fn join(&mut self, other: Self) {
        self.runs += other.runs;
        self.stalled += other.stalled;
        self.violated += other.violated;
        self.events += other.events;
        self.hash = self.hash.wrapping_add(other.hash);
        let rank = |sample: &Sample| (sample.verdict, std::cmp::Reverse(sample.seed));
        self.worst = self
            .worst
            .take()
            .into_iter()
            .chain(other.worst)
            .max_by_key(rank);
        let breaches = self.breach.take().into_iter().chain(other.breach);
        self.breach = breaches.min_by_key(|(seed, _)| *seed);
    }

    /// Can so many runs of a cell have come to this? For what was read from a file.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self, runs: u64) -> Result<(), String> {
        let Self {
            runs: ran,
            stalled,
            violated,
            worst,
            breach,
            events,
            ..
        } = self;
        if *ran != runs {
            return Err(format!("a cell has {runs} runs, and not {ran}"));
        }
        if stalled.checked_add(*violated).is_none_or(|bad| bad > runs) {
            return Err(format!(
                "of {runs} runs {stalled} stalled and {violated} were violated"
            ));
        }
        let verdict = match (stalled, violated) {
            (0, 0) => CellVerdict::SafeAndLive,
            (_, 0) => CellVerdict::SafeStalls,
            _ => CellVerdict::Unsafe,
        };
        let worst = worst.as_ref().map(|sample| (sample.verdict, sample.seed));
        let seeds = worst.iter().map(|(_, seed)| *seed);
        let mut seeds = seeds.chain(breach.as_ref().map(|(seed, _)| *seed));
        if worst.is_none_or(|(worst, _)| worst != verdict) || seeds.any(|seed| seed >= runs) {
            return Err("the worst run of a cell is not one of its runs".to_owned());
        }
        if *events > MOST_EVENTS {
            return Err(format!("no cell comes to {events} events"));
        }
        Ok(())
    }

    /// In one word; `None` of no runs.
    pub fn verdict(&self) -> Option<CellVerdict> {
        self.worst.as_ref().map(|sample| sample.verdict)
    }
}
