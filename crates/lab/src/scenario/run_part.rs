//! Plays a part of a story, over all its seeds, and holds it against what was expected.

use super::{ContractCheck, Expect, OfSeeds, ScenarioPart};
use crate::checker::DecisionLog;
use crate::experiment::ExperimentError;
use crate::run::{RunOutcome, run};
use bytes::Bytes;
use quorate_sim::{Decisions, format_time};

/// What a part came to.
#[derive(Clone, Debug)]
pub struct ScenarioRun {
    /// The seed that is told: the first that does not meet the expectation where all should, and
    /// the first that does where some should.
    pub seed: u64,
    /// Its run.
    pub outcome: RunOutcome,
    /// How it stands to the contract.
    pub contract_check: ContractCheck,
    /// On how many seeds the expectation was met.
    pub met: u64,
    /// Of how many.
    pub of: u64,
    /// Does that meet it as a whole?
    pub holds: bool,
    /// What was not as expected in the run that is told.
    pub unmet: Vec<String>,
}

/// Plays a part.
///
/// # Errors
/// If its experiment cannot be run.
pub fn run_part(part: &ScenarioPart) -> Result<ScenarioRun, ExperimentError> {
    run_part_with_progress(part, |_| ())
}

/// Plays a part, and says before each seed how many are done.
///
/// # Errors
/// If its experiment cannot be run.
pub fn run_part_with_progress(
    part: &ScenarioPart,
    mut done: impl FnMut(u64),
) -> Result<ScenarioRun, ExperimentError> {
    let wants_met = part.expect.of_seeds != OfSeeds::All;
    let mut met = 0;
    let mut told: Option<(bool, ScenarioRun)> = None;
    for seed in part.first_seed..part.first_seed.saturating_add(part.seeds) {
        done(seed - part.first_seed);
        let outcome = run(&part.experiment, Decisions::from_seed(seed))?;
        let standing = ContractCheck::of(&part.contract, &part.experiment, &outcome.observed);
        let unmet = unmet(part, &outcome, &standing);
        let meets = unmet.is_empty();
        met += u64::from(meets);
        let better = match &told {
            None => true,
            Some((told, _)) => meets == wants_met && *told != wants_met,
        };
        if better {
            let played = ScenarioRun {
                seed,
                outcome,
                contract_check: standing,
                met: 0,
                of: part.seeds,
                holds: false,
                unmet,
            };
            told = Some((meets, played));
        }
    }
    let Some((_, mut played)) = told else {
        // There is at least one seed.
        let mut one = part.clone();
        (one.first_seed, one.seeds) = (0, 1);
        return run_part_with_progress(&one, done);
    };
    played.met = met;
    played.holds = holds(part.expect.of_seeds, met, part.seeds);
    Ok(played)
}

fn holds(of_seeds: OfSeeds, met: u64, of: u64) -> bool {
    match of_seeds {
        OfSeeds::All => met == of,
        OfSeeds::Some => met > 0,
        OfSeeds::Chance(millionths) => {
            let (met, of, p) = (met as f64, of as f64, f64::from(millionths) / 1e6);
            (met - of * p).abs() <= 3.0 * (of * p * (1.0 - p)).sqrt()
        }
    }
}

/// What is not as expected.
fn unmet(part: &ScenarioPart, outcome: &RunOutcome, standing: &ContractCheck) -> Vec<String> {
    let Expect {
        verdict,
        property,
        inside,
        within,
        not_before,
        decided,
        facts,
        ..
    } = &part.expect;
    let mut unmet = vec![];
    if outcome.verdict() != *verdict {
        unmet.push(format!(
            "it should be {}, and is {}",
            verdict.name(),
            outcome.verdict().name()
        ));
    }
    let broken = outcome.violation.as_ref().map(|broken| broken.property);
    if let (Some(expected), Some(broken)) = (property, broken)
        && expected != broken
    {
        unmet.push(format!("{expected} should be violated, and {broken} is"));
    }
    if standing.is_inside() != *inside {
        let side = |inside| if inside { "inside" } else { "outside" };
        unmet.push(format!(
            "it should be {} the contract, and is {}",
            side(*inside),
            side(!inside)
        ));
    }
    let done = outcome.done_at.map_or("never".to_owned(), format_time);
    if let Some(within) = within
        && outcome.done_at.is_none_or(|done| done > *within)
    {
        let within = format_time(*within);
        unmet.push(format!("all should be decided by {within}, and is: {done}"));
    }
    if let Some(not_before) = not_before
        && outcome.done_at.is_some_and(|done| done < *not_before)
    {
        let not_before = format_time(*not_before);
        unmet.push(format!(
            "nothing should be done before {not_before}, and all is at {done}"
        ));
    }
    for (node, expected) in decided {
        let found = decided_by(&outcome.logs[node.index()]);
        if found != *expected {
            let name = part.names.of(*node);
            unmet.push(format!(
                "{name} should decide {expected}, and decides {found}"
            ));
        }
    }
    for (name, expected) in facts {
        let found = outcome.facts.iter().find(|(_, _, known, _)| known == name);
        let found = found.map_or("not told", |(_, _, _, value)| value.as_str());
        if found != expected {
            unmet.push(format!("{name} should be {expected}, and is {found}"));
        }
    }
    unmet
}

/// What a node has decided, in the words of expectations.
pub(super) fn decided_by(log: &DecisionLog) -> String {
    let values = log.values().flat_map(|(values, _)| values);
    let values: Vec<_> = values.map(as_text).collect();
    match (log.is_empty(), values.is_empty()) {
        (true, _) => "undecided".to_owned(),
        (_, true) => "nothing".to_owned(),
        _ => values.join(", "),
    }
}

fn as_text(value: &Bytes) -> String {
    String::from_utf8_lossy(value).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_may_stray_by_three_standard_deviations() {
        let fair = OfSeeds::Chance(500_000);
        assert!(holds(fair, 500, 1000) && holds(fair, 547, 1000));
        assert!(!holds(fair, 548, 1000) && !holds(fair, 452, 1000));
        assert!(holds(OfSeeds::Some, 1, 9) && !holds(OfSeeds::Some, 0, 9));
        assert!(holds(OfSeeds::All, 9, 9) && !holds(OfSeeds::All, 8, 9));
    }
}
