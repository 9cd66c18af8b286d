//! A protocol, searched inside a contract: many drawn runs, each judged and held against the contract.

use super::draw::DrawnRun;
use super::inside::breach;
use super::scale::{Scaled, scaled};
use super::system::subject_for;
use super::{Effort, Refutation};
use crate::experiment::MAX_EVENTS;
use crate::run::{RunOutcome, run};
use quorate_contract::{Contract, FaultCount, ProtocolName};
use serde::Serialize;
use std::collections::BTreeMap;

/// How often something was shown, over all runs of a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EffectCount {
    /// In how many runs.
    pub runs: u64,
    /// How many times.
    pub times: u64,
}

/// What the search for a counterexample to one protocol came to.
#[derive(Clone, Debug, Serialize)]
pub struct Search {
    /// The entry of the catalogue.
    pub protocol: ProtocolName,
    /// What was run, by its name in the lab; nothing if there is no code for it here.
    pub subject: Option<&'static str>,
    /// The cluster that was run, if it is not the contract's own.
    pub scaled: Option<Scaled>,
    /// The first seed.
    pub first: Option<u64>,
    /// How many runs.
    pub runs: u64,
    /// Of them, in how many all was decided that had to be.
    pub decided: u64,
    /// Of them, how many had not decided all by the end of the run.
    pub undecided: u64,
    /// Of them, how many were cut off because they had more events than a run may have: they say
    /// nothing about liveness.
    pub cut_off: u64,
    /// Why decisions may wait, where the catalogue says so: liveness is not judged then.
    pub concedes: Option<&'static str>,
    /// What the contract allows and no run shows, or shows in another way.
    pub notes: Vec<&'static str>,
    /// What had an effect, by the name of the behaviour.
    pub shown: BTreeMap<&'static str, EffectCount>,
    /// Deliveries, timers, syncs, faults.
    pub events: u64,
    /// The first run that refutes the verdict.
    pub refuted: Option<Refutation>,
    /// The first run that left the contract: a defect of the generator.
    pub breach: Option<(u64, String)>,
}

/// Searches one protocol inside a contract, whether or not the contract admits it.
pub fn search(contract: &Contract, protocol: ProtocolName, effort: &Effort) -> Search {
    let mut found = Search {
        protocol,
        subject: subject_for(contract, protocol),
        scaled: None,
        first: None,
        runs: 0,
        decided: 0,
        undecided: 0,
        cut_off: 0,
        concedes: protocol.concedes_liveness(contract),
        notes: notes(contract),
        shown: BTreeMap::new(),
        events: 0,
        refuted: None,
        breach: None,
    };
    let Some(subject) = found.subject else {
        return found;
    };
    let Some((contract, scaled)) = scaled(contract, protocol) else {
        found.subject = None;
        return found;
    };
    found.scaled = scaled;
    for seed in effort.seeds() {
        let Some(plan) = DrawnRun::draw(&contract, subject, seed) else {
            break;
        };
        let outcome = match run(&plan.experiment, plan.decisions()) {
            Ok(outcome) => outcome,
            Err(refused) => {
                found.breach = Some((seed, refused.to_string()));
                break;
            }
        };
        found.add(seed, &plan, &outcome);
        if found.breach.is_none() {
            found.breach = breach(&contract, &plan, &outcome).map(|why| (seed, why));
        }
        if found.refuted.is_some() {
            break;
        }
    }
    found
}

/// What a reader has to know of how the contract is run.
fn notes(contract: &Contract) -> Vec<&'static str> {
    let all = [
        (
            contract.storage.may_corrupt,
            "corruption of what was durable is not injected: a bare protocol has no checksums (simulate \
             shows it)",
        ),
        (
            contract.oracle().is_some(),
            "no protocol here listens to an oracle: it is run as the end of the wild time, after which \
             timeouts find the same leader",
        ),
        (
            contract.failures.crash_only > 0,
            "replicas that only crash are run as liars too: the protocols that fit survive as many",
        ),
        (
            contract.failures.always_up > 0,
            "of the replicas that may fail, the same f do",
        ),
        (
            contract.steps.is_some(),
            "steps keep the bounds of messages: pauses of their own are not injected",
        ),
        (
            contract.failures.counted == FaultCount::Moving && contract.tolerate() > 0,
            "faults move at random, and no faster than their drawn spans",
        ),
    ];
    let apply = all.into_iter().filter(|(applies, _)| *applies);
    apply.map(|(_, note)| note).collect()
}

impl Search {
    /// Takes in a run.
    fn add(&mut self, seed: u64, plan: &DrawnRun, outcome: &RunOutcome) {
        self.first = self.first.or(Some(seed));
        self.runs += 1;
        self.events += outcome.events;
        for (behaviour, how) in outcome.observed.iter() {
            let shown = self.shown.entry(behaviour.name()).or_default();
            shown.runs += 1;
            shown.times += how.times;
        }
        let judged_by = plan.horizon.unwrap_or(u64::MAX);
        // Where nothing had to be decided, as when a faulty sender says nothing, there is no moment.
        let in_time = outcome.done_at.is_none_or(|done| done <= judged_by);
        let live = outcome.stalled.is_none() && in_time;
        let refutation = |property: &str, detail: String| Refutation {
            seed,
            property: property.to_owned(),
            detail,
        };
        if let Some(broken) = &outcome.violation {
            self.refuted = Some(refutation(broken.property, broken.detail.clone()));
        } else if live {
            self.decided += 1;
        } else if outcome.events >= MAX_EVENTS {
            self.cut_off += 1;
        } else {
            self.undecided += 1;
            if self.concedes.is_none() {
                self.refuted = Some(refutation("liveness", outcome.sentence()));
            }
        }
    }

    /// Is the verdict still standing?
    pub fn holds(&self) -> bool {
        self.refuted.is_none() && self.breach.is_none()
    }
}
