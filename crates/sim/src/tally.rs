//! What many seeds came to.

use crate::client::OperationCounts;

use crate::fault::FaultCounts;
use crate::milestone::MilestoneCounts;

use crate::report::{RunReport, RunVerdict};

use crate::rolling::Rolling;

/// What the seeds so far came to, up to and with a first violation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunTotals {
    /// Seeds.
    pub seeds: u64,
    /// Events.
    pub events: u64,
    /// Simulated nanoseconds.
    pub simulated: u128,
    /// One number for all that was observable in all of them, in the order of their seeds.
    pub hash: u64,
    /// Faults shown, by kind.
    pub coverage: FaultCounts,
    /// What happened to the replicas.
    pub milestones: MilestoneCounts,
    /// How client operations ended.
    pub operations: OperationCounts,
    /// Entries committed.
    pub committed: u64,
    /// Seeds whose history was too hard to judge.
    pub undecided: u64,
    /// Messages that replicas sent to each other.
    pub messages: u64,
    /// The first run, by seed, that showed a violation.
    pub violation: Option<Box<RunReport>>,
}

impl RunTotals {
    /// Takes the run of the next seed in.
    pub fn add(&mut self, report: RunReport) {
        self.seeds += 1;
        self.events += report.events;
        self.simulated += u128::from(report.simulated);
        let mut hash = Rolling::default();
        hash.add(self.hash);
        hash.add(report.hash);
        self.hash = hash.value();
        self.coverage.merge(&report.coverage);
        self.milestones.merge(&report.milestones);
        self.operations.merge(&report.operations);
        self.committed += report.committed;
        self.undecided += u64::from(report.undecided);
        self.messages += report.traffic.sent;
        if report.verdict != RunVerdict::Ok {
            self.violation = Some(Box::new(report));
        }
    }
}
