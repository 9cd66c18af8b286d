//! The world of replicas, made small.

use super::budget::{Budget, Progress};
use super::control::{self, Control};
use super::list::{self, Failing};
use crate::caps::{Caps, shown};
use crate::swarm::Swarm;
use crate::world::World;
use crate::{Decisions, Options, RunReport};
use quorate_contract::Contract;

/// What a fault weighs against events: a reader would rather have one more heartbeat than one more
/// fault to think about.
const FAULT: u64 = 20;

/// How large a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Deliveries, timers, disk completions, requests and faults.
    pub events: u64,
    /// Faults, lost and duplicated messages among them.
    pub faults: u64,
    /// Kinds of fault.
    pub kinds: usize,
    /// Operations that clients ended.
    pub operations: u64,
    /// Decisions.
    pub decisions: usize,
}

impl Size {
    fn of(report: &RunReport, decisions: usize) -> Self {
        let told = &report.operations;
        Self {
            events: report.events,
            faults: report.coverage.iter().map(|(_, count)| count).sum(),
            kinds: shown(&report.coverage).len(),
            operations: told.writes
                + told.reads
                + told.serializable_reads
                + told.refused
                + told.unknown,
            decisions,
        }
    }

    fn cost(&self) -> u64 {
        self.events + FAULT * self.faults
    }
}

/// A small run that violates the property that the first one violated.
#[derive(Clone, Debug)]
pub struct Small {
    /// The property.
    pub property: String,
    /// What the first run came to.
    pub before: Size,
    /// What the small one comes to.
    pub after: Size,
    /// The small run's decisions.
    pub list: Vec<u64>,
    /// And the bounds under which they make it.
    pub caps: Caps,
    /// What the small run came to.
    pub report: RunReport,
    /// The small run without the faults that it takes.
    pub control: Control,
    /// Runs that it took to find it.
    pub runs: usize,
}

/// What was tried: a failing run under caps.
struct Tried {
    failing: Failing,
    report: RunReport,
}

/// Runs worlds of one contract and defect.
pub(super) struct Worlds<'a> {
    contract: &'a Contract,
    options: &'a Options,
}

impl Worlds<'_> {
    pub(super) fn run(&self, list: Decisions, caps: &Caps) -> (RunReport, Vec<u64>) {
        let options = Options {
            caps: caps.clone(),
            trace: 0,
            ..self.options.clone()
        };
        let mut world = World::new(self.contract, list.recorded(), &options);
        world.run();
        let mut ended = world.report(0);
        (ended.report, ended.decisions.take_record())
    }

    /// Another history of the same world: the same mix of faults and loads, the same past up to this
    /// decision, and other decisions from there.
    pub(super) fn other(&self, list: &[u64], past: usize, seed: u64) -> Decisions {
        let mut mix = Decisions::replay(list.to_vec()).recorded();
        Swarm::draw(self.contract, self.options.mutant, &mut mix);
        let mut kept = mix.take_record();
        if past > kept.len() {
            kept = list[..past].to_vec();
        }
        Decisions::fork(kept, seed)
    }

    fn failing(&self, list: Decisions, caps: &Caps, property: &str) -> Option<Tried> {
        let (report, drawn) = self.run(list, caps);
        let violation = report.verdict.violation()?;
        (violation.property == property).then(|| Tried {
            failing: Failing {
                cost: Size::of(&report, drawn.len()).cost(),
                drawn,
            }
            .trimmed(),
            report,
        })
    }
}

/// Makes a failing run small, in at most so many runs. `None` if it does not fail.
pub fn replicas(
    contract: &Contract,
    decisions: Decisions,
    options: &Options,
    most_runs: usize,
    mut progress: impl FnMut(Progress),
) -> Option<Small> {
    let worlds = Worlds { contract, options };
    let (first, drawn) = worlds.run(decisions, &options.caps);
    let property = first.verdict.violation()?.property.clone();
    let before = Size::of(&first, drawn.len());
    let mut budget = Budget::new(most_runs, &mut progress);
    let failing = Failing {
        cost: before.cost(),
        drawn,
    };
    let mut best = Tried {
        failing: failing.trimmed(),
        report: first,
    };
    let mut caps = options.caps.clone();
    // Fewer faults allow fewer operations, and the other way round. The list gets the other half.
    while explore(&worlds, &property, &mut best, &caps, &mut budget)
        | cap(&worlds, &property, &mut best, &mut caps, &mut budget)
    {}
    let small = list::shrink(best.failing, &mut budget, &mut |list| {
        let tried = worlds.failing(Decisions::replay(list.to_vec()), &caps, &property);
        tried.map(|tried| tried.failing)
    });
    let (report, drawn) = worlds.run(Decisions::replay(small.drawn.clone()), &caps);
    let control = control::run(&worlds, &small.drawn, &caps, &report, &property);
    Some(Small {
        property,
        before,
        after: Size::of(&report, drawn.len()),
        list: small.drawn,
        caps,
        report,
        control,
        runs: budget.runs(),
    })
}

/// Looks for a smaller failing run among other histories of the same world; says whether there is one.
fn explore(
    worlds: &Worlds<'_>,
    property: &str,
    best: &mut Tried,
    caps: &Caps,
    budget: &mut Budget<'_>,
) -> bool {
    let before = best.failing.cost;
    for history in 0..HISTORIES {
        if budget.is_half_spent() || !budget.take(best.failing.cost, best.failing.drawn.len()) {
            break;
        }
        // From the beginning, and from some way into the run: what is rare needs its past.
        let list = &best.failing.drawn;
        let past = list.len() * (history % 4) / 4;
        let other = worlds.other(list, past, budget.runs() as u64);
        if let Some(tried) = worlds.failing(other, caps, property)
            && tried.failing.cost < best.failing.cost
        {
            *best = tried;
        }
    }
    best.failing.cost < before
}

/// Histories that are looked at, at a time.
const HISTORIES: usize = 40;

/// Tries every cap, for as long as one helps; says whether any did.
fn cap(
    worlds: &Worlds<'_>,
    property: &str,
    best: &mut Tried,
    caps: &mut Caps,
    budget: &mut Budget<'_>,
) -> bool {
    let mut any = false;
    loop {
        let mut candidates = vec![];
        for fault in shown(&best.report.coverage) {
            candidates.push(caps.and_without(&[fault]));
        }
        let told = Size::of(&best.report, 0).operations;
        let operations = caps.operations.unwrap_or(told).min(told);
        for fewer in [operations / 2, operations - operations / 8] {
            if fewer < caps.operations.unwrap_or(u64::MAX) {
                candidates.push(Caps {
                    operations: Some(fewer),
                    ..caps.clone()
                });
            }
        }
        let clients = caps.clients.unwrap_or(8);
        if clients > 1 {
            candidates.push(Caps {
                clients: Some(clients - 1),
                ..caps.clone()
            });
        }
        let until = best.report.simulated.min(caps.horizon.unwrap_or(u64::MAX));
        for sooner in [until / 2, until - until / 8] {
            candidates.push(Caps {
                horizon: Some(sooner),
                ..caps.clone()
            });
        }
        let helped = candidates
            .into_iter()
            .any(|candidate| attempt(worlds, property, best, caps, candidate, budget));
        if !helped {
            return any;
        }
        any = true;
    }
}

/// Histories of the same world that are tried under new caps, beside the one at hand: with a fault
/// less the decisions after it mean something else, and what is rare would hardly ever fail again.
const OTHERS: u64 = 5;

/// Tries new caps; takes what fails at less cost.
fn attempt(
    worlds: &Worlds<'_>,
    property: &str,
    best: &mut Tried,
    caps: &mut Caps,
    candidate: Caps,
    budget: &mut Budget<'_>,
) -> bool {
    for other in 0..=OTHERS {
        if budget.is_half_spent() || !budget.take(best.failing.cost, best.failing.drawn.len()) {
            return false;
        }
        let list = &best.failing.drawn;
        let decisions = match other {
            0 => Decisions::replay(list.clone()),
            _ => worlds.other(list, 0, budget.runs() as u64),
        };
        if let Some(tried) = worlds.failing(decisions, &candidate, property)
            && tried.failing.cost < best.failing.cost
        {
            (*best, *caps) = (tried, candidate);
            return true;
        }
    }
    false
}
