//! Many seeds, on all cores, with one result.
//!
//! What a campaign reports does not depend on how many threads ran it: reports are folded in the
//! order of their seeds, and it ends with the first seed, in that order, that shows a violation.

use crate::{Coverage, Operations, Options, Rolling, RunReport, Verdict, simulate};
use quorate_contract::Contract;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;

/// What to run.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// The first seed.
    pub start: u64,
    /// How many seeds.
    pub seeds: u64,
    /// How many threads; at least one.
    pub threads: usize,
    /// How to run each.
    pub options: Options,
}

/// What the seeds so far came to, up to and with a first violation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Seeds.
    pub seeds: u64,
    /// Events.
    pub events: u64,
    /// Simulated nanoseconds.
    pub simulated: u128,
    /// One number for all that was observable in all of them.
    pub hash: u64,
    /// Faults shown, by kind.
    pub coverage: Coverage,
    /// How client operations ended.
    pub operations: Operations,
    /// Entries committed.
    pub committed: u64,
    /// Seeds whose history was too hard to judge.
    pub undecided: u64,
    /// Messages that replicas sent to each other.
    pub messages: u64,
    /// The first run, by seed, that showed a violation.
    pub violation: Option<Box<RunReport>>,
}

impl Tally {
    fn add(&mut self, report: RunReport) {
        self.seeds += 1;
        self.events += report.events;
        self.simulated += u128::from(report.simulated);
        let mut hash = Rolling::default();
        hash.add(self.hash);
        hash.add(report.hash);
        self.hash = hash.value();
        self.coverage.merge(&report.coverage);
        self.operations.merge(&report.operations);
        self.committed += report.committed;
        self.undecided += u64::from(report.undecided);
        self.messages += report.traffic.sent;
        if report.verdict != Verdict::Ok {
            self.violation = Some(Box::new(report));
        }
    }
}

impl Campaign {
    /// Runs it. `progress` is called now and then, with what is folded so far.
    pub fn run(&self, contract: &Contract, mut progress: impl FnMut(&Tally)) -> Tally {
        let end = self.start.saturating_add(self.seeds);
        let next = AtomicU64::new(self.start);
        let stop = AtomicBool::new(false);
        let (tell, told) = mpsc::channel();
        let mut tally = Tally::default();
        // Worlds share nothing, so that threads can't change what a seed means.
        std::thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                let (tell, next, stop) = (tell.clone(), &next, &stop);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        let report = (seed < end).then(|| simulate(contract, seed, &self.options));
                        let Some(report) = report else { return };
                        if tell.send(report).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(tell);
            let mut early = BTreeMap::new();
            for report in told {
                early.insert(report.seed, report);
                while tally.violation.is_none()
                    && let Some(report) = early.remove(&(self.start + tally.seeds))
                {
                    tally.add(report);
                    progress(&tally);
                }
                if tally.violation.is_some() {
                    stop.store(true, Ordering::Relaxed);
                }
            }
        });
        tally
    }
}
