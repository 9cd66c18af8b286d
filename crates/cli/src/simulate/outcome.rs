//! What one seed came to, as it is written to a file of results: short, for there are millions.

use quorate_sim::{
    Fault, FaultCounts, InvariantViolation, Milestone, MilestoneCounts, OperationCounts, RunReport,
    RunVerdict, Traffic,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A [`RunReport`], as far as a campaign's report needs it; its seed is the unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SeedOutcome {
    events: u64,
    nanoseconds: u64,
    hash: Hex,
    committed: u64,
    messages: u64,
    /// Writes, reads, serializable reads, refused, unknown, repeated.
    operations: [u64; 6],
    faults: BTreeMap<Name, u64>,
    /// Each [`Milestone`], in their order.
    milestones: [u64; Milestone::ALL.len()],
    #[serde(default, skip_serializing_if = "is_false")]
    undecided: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    violation: Option<Broken>,
}

/// A violation, with what led to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Broken {
    property: String,
    detail: String,
    nanoseconds: u64,
    event: u64,
    last_events: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks like this")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// A hash, as it is shown everywhere: JSON's readers often take large numbers for fractions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Hex(u64);

impl TryFrom<String> for Hex {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let hash = u64::from_str_radix(&text, 16);
        hash.map(Self).map_err(|_| format!("{text} is no hash"))
    }
}

impl From<Hex> for String {
    fn from(hash: Hex) -> Self {
        format!("{:016x}", hash.0)
    }
}

/// A kind of fault by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Name(Fault);

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let fault = Fault::ALL.into_iter().find(|fault| fault.name() == text);
        fault.map(Self).ok_or(format!("{text} is no fault"))
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.name().to_owned()
    }
}

impl From<RunReport> for SeedOutcome {
    fn from(report: RunReport) -> Self {
        let shown = report.coverage.iter().filter(|(_, times)| *times > 0);
        let operations = report.operations;
        let violation = report.verdict.violation().map(|violation| Broken {
            property: violation.property.clone(),
            detail: violation.detail.clone(),
            nanoseconds: violation.at,
            event: violation.event,
            last_events: report.last_events.clone(),
        });
        Self {
            events: report.events,
            nanoseconds: report.simulated,
            hash: Hex(report.hash),
            committed: report.committed,
            messages: report.traffic.sent,
            operations: [
                operations.writes,
                operations.reads,
                operations.serializable_reads,
                operations.refused,
                operations.unknown,
                operations.repeated,
            ],
            faults: shown.map(|(fault, times)| (Name(fault), times)).collect(),
            milestones: Milestone::ALL.map(|milestone| report.milestones.of(milestone)),
            undecided: report.undecided,
            violation,
        }
    }
}

/// No run comes to more of anything: it has two million events at most. And the sum of as many runs
/// as a file can hold lines stays below 2^64.
const MOST: u64 = 1 << 32;

impl SeedOutcome {
    /// Can a run have come to this?
    pub(super) fn check(&self) -> Result<(), String> {
        let figures = [
            ("events", self.events),
            ("committed", self.committed),
            ("messages", self.messages),
        ];
        let operations = [
            "writes",
            "reads",
            "serializable reads",
            "refused",
            "unknown",
            "repeated",
        ];
        let faults = self
            .faults
            .iter()
            .map(|(name, times)| (name.0.name(), *times));
        let over = figures
            .into_iter()
            .chain(operations.into_iter().zip(self.operations))
            .chain(faults)
            .chain(
                Milestone::ALL
                    .map(Milestone::name)
                    .into_iter()
                    .zip(self.milestones),
            )
            .find(|(_, figure)| *figure > MOST);
        match over {
            None => Ok(()),
            Some((what, figure)) => Err(format!("no run comes to {figure} for {what:?}")),
        }
    }

    /// Does it show a violation?
    pub(super) fn is_violation(&self) -> bool {
        self.violation.is_some()
    }

    /// The report again.
    pub(super) fn into_report(self, seed: u64) -> RunReport {
        let mut coverage = FaultCounts::default();
        for (Name(fault), times) in self.faults {
            coverage.add(fault, times);
        }
        let mut milestones = MilestoneCounts::default();
        for (milestone, times) in Milestone::ALL.into_iter().zip(self.milestones) {
            milestones.add(milestone, times);
        }
        let [
            writes,
            reads,
            serializable_reads,
            refused,
            unknown,
            repeated,
        ] = self.operations;
        let (last_events, verdict) = match self.violation {
            None => (vec![], RunVerdict::Ok),
            Some(broken) => (
                broken.last_events,
                RunVerdict::Violation(Box::new(InvariantViolation {
                    property: broken.property,
                    detail: broken.detail,
                    at: broken.nanoseconds,
                    event: broken.event,
                })),
            ),
        };
        RunReport {
            seed,
            events: self.events,
            simulated: self.nanoseconds,
            hash: self.hash.0,
            coverage,
            milestones,
            operations: OperationCounts {
                writes,
                reads,
                serializable_reads,
                refused,
                unknown,
                repeated,
            },
            traffic: Traffic {
                sent: self.messages,
                ..Traffic::default()
            },
            committed: self.committed,
            undecided: self.undecided,
            last_events,
            verdict,
        }
    }
}
