//! The world of replicas, made small.

use super::budget::{Budget, MinimiseProgress};
use super::candidates::CandidateRuns;
use super::control::{self, MinimisedControl};
use super::streams::{self, Failing};
use crate::report::RunReport;
use crate::run_limits::{RunLimits, kinds_shown};
use crate::streams::{ChoiceStream, Choices, StreamKind, Streams};
use crate::world::Options;
use quorate_contract::Contract;

/// What a fault weighs against events: a reader would rather have one more heartbeat than one more
/// fault to think about.
const FAULT: u64 = 20;

/// How large a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Replicas.
    pub replicas: usize,
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
    fn of(report: &RunReport, drawn: &Choices, replicas: usize) -> Self {
        Self {
            replicas,
            events: report.events,
            faults: report.coverage.iter().map(|(_, count)| count).sum(),
            kinds: kinds_shown(&report.coverage).len(),
            operations: Self::operations(report),
            decisions: drawn.len(),
        }
    }

    fn operations(report: &RunReport) -> u64 {
        let told = &report.operations;
        told.writes + told.reads + told.serializable_reads + told.refused + told.unknown
    }

    fn cost(&self) -> u64 {
        self.events + FAULT * self.faults
    }
}

/// A small run that violates the property that the first one violated.
#[derive(Clone, Debug)]
pub struct MinimalRun {
    /// The property.
    pub property: String,
    /// What the first run came to.
    pub before: Size,
    /// What the small one comes to.
    pub after: Size,
    /// The small run's decisions.
    pub choices: Choices,
    /// And the bounds under which they make it.
    pub limits: RunLimits,
    /// What the small run came to.
    pub report: RunReport,
    /// The small run without the faults that it takes.
    pub control: MinimisedControl,
    /// Runs that it took to find it.
    pub runs: usize,
}

/// What was tried: a failing run under caps.
#[derive(Clone)]
struct Tried {
    failing: Failing,
    caps: RunLimits,
    report: RunReport,
}

fn try_failing(
    runs: &CandidateRuns<'_>,
    streams: Streams,
    caps: &RunLimits,
    property: &str,
) -> Option<Tried> {
    let (report, drawn) = runs.run(streams, caps);
    let violation = report.verdict.violation()?;
    (violation.property == property).then(|| Tried {
        failing: Failing {
            cost: Size::of(&report, &drawn, runs.replicas(caps)).cost(),
            drawn,
        },
        caps: caps.clone(),
        report,
    })
}

/// Makes a failing run small, in at most so many runs. `None` if it does not fail.
pub fn replicas(
    contract: &Contract,
    streams: Streams,
    options: &Options,
    most_runs: usize,
    mut progress: impl FnMut(MinimiseProgress),
) -> Option<MinimalRun> {
    let worlds = CandidateRuns::new(contract, options);
    let (first, drawn) = worlds.run(streams, &options.caps);
    let property = first.verdict.violation()?.property.clone();
    let before = Size::of(&first, &drawn, worlds.replicas(&options.caps));
    let failing = Failing {
        cost: before.cost(),
        drawn,
    };
    let mut search = Search {
        worlds: &worlds,
        property: &property,
        best: Tried {
            failing,
            caps: options.caps.clone(),
            report: first,
        },
        budget: Budget::new(most_runs, &mut progress),
        share: 40,
    };
    search.fewer_replicas();
    // Fewer faults allow fewer operations, and the other way round.
    while search.explore() | search.cap() {}
    search.share = 60;
    while search.coarsely() | search.explore() | search.cap() {}
    let Search {
        best, mut budget, ..
    } = search;
    let caps = best.caps;
    let small = streams::shrink(best.failing, &mut budget, &mut |drawn| {
        let tried = try_failing(&worlds, Streams::replay(drawn.clone()), &caps, &property);
        tried.map(|tried| tried.failing)
    });
    let (report, drawn) = worlds.run(Streams::replay(small.drawn.clone()), &caps);
    let control = control::run(&worlds, &small.drawn, &caps, &report, &property);
    Some(MinimalRun {
        property,
        before,
        after: Size::of(&report, &drawn, worlds.replicas(&caps)),
        choices: small.drawn,
        limits: caps,
        report,
        control,
        runs: budget.runs(),
    })
}

/// Another history of the same world: the same mix of faults and loads.
fn all_but_the_mix(kind: StreamKind) -> bool {
    kind == StreamKind::Mix
}

/// The same faults and the same questions, and other accidents.
fn accidents(kind: StreamKind) -> bool {
    !matches!(
        kind,
        StreamKind::Crashes
            | StreamKind::Talk
            | StreamKind::Link
            | StreamKind::Timers
            | StreamKind::Disk
    )
}

struct Search<'a, 'b> {
    worlds: &'a CandidateRuns<'a>,
    property: &'a str,
    best: Tried,
    budget: Budget<'b>,
    /// How far it may go, in hundredths of the budget: each way to make a run smaller gets its share.
    share: usize,
}

/// Histories that are looked at, at a time.
const HISTORIES: usize = 40;

/// Histories of the same world that are tried under new caps, beside the one at hand: with a fault
/// less, what is rare may not come of what is left.
const OTHERS: u64 = 4;

impl Search<'_, '_> {
    fn take(&mut self) -> bool {
        let failing = &self.best.failing;
        !self.budget.is_spent_to(self.share) && self.budget.take(failing.cost, failing.drawn.len())
    }

    /// Other accidents, or another history altogether, from this part of the run on.
    fn other(&self, part: usize, of: usize, number: u64) -> Streams {
        let at = self.best.report.simulated / of as u64 * part as u64;
        let spares = match number % 2 {
            0 => all_but_the_mix,
            _ => accidents,
        };
        let seed = self.budget.runs() as u64;
        Streams::fork(self.best.failing.drawn.clone(), at, seed, spares)
    }

    /// Takes what fails at less cost.
    fn better(&mut self, streams: Streams, caps: &RunLimits) -> bool {
        let tried = try_failing(self.worlds, streams, caps, self.property);
        let tried = tried.filter(|tried| tried.failing.cost < self.best.failing.cost);
        let found = tried.is_some();
        if let Some(tried) = tried {
            self.best = tried;
        }
        found
    }

    /// Leaves out whole streams, and choices of the mix; says whether that helped.
    fn coarsely(&mut self) -> bool {
        if self.budget.is_spent_to(self.share) {
            return false;
        }
        let Tried { failing, caps, .. } = &self.best;
        let (worlds, property, before) = (self.worlds, self.property, failing.cost);
        let mut run = |drawn: &Choices| {
            let tried = try_failing(worlds, Streams::replay(drawn.clone()), caps, property);
            tried.map(|tried| tried.failing)
        };
        let budget = &mut self.budget;
        let failing = streams::shrink_coarsely(failing.clone(), budget, &mut run);
        let found = failing.cost < before;
        let again = try_failing(worlds, Streams::replay(failing.drawn), caps, property);
        if let Some(tried) = again {
            self.best = tried;
        }
        found
    }

    /// Looks for a smaller failing run among other histories of the same world; says whether there is
    /// one. From the beginning, and from some way into the run: what is rare needs its past.
    fn explore(&mut self) -> bool {
        let before = self.best.failing.cost;
        for history in 0..HISTORIES {
            if !self.take() {
                break;
            }
            let other = self.other(history / 2 % 4, 4, history as u64);
            let caps = self.best.caps.clone();
            self.better(other, &caps);
        }
        self.best.failing.cost < before
    }

    /// As few replicas as tolerate a fault.
    fn fewer_replicas(&mut self) {
        const FEW: u8 = 3;
        if self.worlds.replicas(&self.best.caps) > usize::from(FEW) {
            let caps = RunLimits {
                replicas: Some(FEW),
                ..self.best.caps.clone()
            };
            let _ = self.attempt(&caps, HISTORIES as u64);
        }
    }

    /// Tries every cap, for as long as one helps; says whether any did.
    fn cap(&mut self) -> bool {
        let mut any = false;
        while self
            .candidates()
            .iter()
            .any(|caps| self.attempt(caps, OTHERS))
        {
            any = true;
        }
        any
    }

    fn candidates(&self) -> Vec<RunLimits> {
        let Tried { caps, report, .. } = &self.best;
        let mut candidates = vec![];
        for fault in kinds_shown(&report.coverage) {
            candidates.push(caps.and_without(&[fault]));
        }
        let told = Size::operations(report);
        let operations = caps.operations.unwrap_or(told).min(told);
        for fewer in [operations / 2, operations - operations / 8] {
            if fewer < caps.operations.unwrap_or(u64::MAX) {
                candidates.push(RunLimits {
                    operations: Some(fewer),
                    ..caps.clone()
                });
            }
        }
        let asks = |purpose: &&ChoiceStream| purpose.kind == StreamKind::Client;
        for client in self.best.failing.drawn.0.keys().filter(asks) {
            let client = client.of as u8;
            if !caps.silent.contains(&client) {
                let mut caps = caps.clone();
                caps.silent.push(client);
                candidates.push(caps);
            }
        }
        let until = report.simulated.min(caps.horizon.unwrap_or(u64::MAX));
        for sooner in [until / 2, until - until / 8] {
            candidates.push(RunLimits {
                horizon: Some(sooner),
                ..caps.clone()
            });
        }
        candidates
    }

    /// Tries new caps: on the run at hand, then on so many others of the same world.
    fn attempt(&mut self, caps: &RunLimits, others: u64) -> bool {
        for other in 0..=others {
            if !self.take() {
                return false;
            }
            let streams = match other {
                0 => Streams::replay(self.best.failing.drawn.clone()),
                _ => self.other(0, 1, other),
            };
            if self.better(streams, caps) {
                return true;
            }
        }
        false
    }
}
