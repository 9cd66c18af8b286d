//! What a storm showed, as values and in words.

use std::fmt;
use std::path::PathBuf;

use quorate_check::{History, Outcome, Verdict};
use serde::Serialize;

use crate::fault_report::FaultReport;
use crate::gaps::{Gaps, LeaderGaps};

/// Everything that one storm showed.
#[derive(Clone, Debug, Serialize)]
pub struct StormReport {
    /// What decided the plan.
    pub seed: u64,
    /// How long clients ran, in seconds.
    pub seconds: f64,
    /// What they asked.
    pub operations: OperationTotals,
    /// What was done to the replicas, in order.
    pub faults: Vec<FaultReport>,
    /// For how long no client got an acknowledgement.
    pub gaps: Gaps,
    /// The same for the leader alone, by what was done to it; only where that was asked for.
    pub leader_gaps: Vec<LeaderGaps>,
    /// What the history says.
    pub judgement: StormVerdict,
    /// Whatever else was wrong: a replica that ended by itself, an invariant that it found violated.
    pub complaints: Vec<String>,
    /// Where the history lies.
    pub history: Option<PathBuf>,
    /// Where the replicas' data and logs lie, if they were kept.
    pub data: Option<PathBuf>,
}

/// OperationTotals by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OperationTotals {
    /// Answered.
    pub answered: usize,
    /// Those of the answered that say that the store was changed.
    pub acknowledged_writes: usize,
    /// Refused: without effect.
    pub refused: usize,
    /// Of unknown outcome.
    pub unknown: usize,
}

/// What the history says about the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum StormVerdict {
    /// Linearizable, and nothing acknowledged is lost.
    Holds {
        /// The last revision.
        revision: i64,
        /// OperationTotals of unknown outcome that took effect.
        unknown_applied: usize,
        /// Serializable reads of an older state.
        stale_reads: usize,
    },
    /// Not so.
    Violated {
        /// The property.
        property: &'static str,
        /// What happened.
        explanation: String,
        /// Lines of the history that show it, counted from 1.
        lines: Vec<usize>,
    },
    /// It could not be decided within the bound on the work.
    Undecided {
        /// What was tried.
        explanation: String,
    },
    /// There was not enough to judge.
    Unjudged {
        /// Why.
        explanation: String,
    },
}

impl From<Verdict> for StormVerdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Violated(violation) => Self::Violated {
                property: violation.property.name(),
                explanation: violation.explanation,
                lines: violation.operations.iter().map(|index| index + 1).collect(),
            },
            Verdict::GaveUp(gave_up) => Self::Undecided {
                explanation: gave_up.explanation,
            },
            Verdict::Holds(summary) => Self::Holds {
                revision: summary.revision,
                unknown_applied: summary.unknown_applied,
                stale_reads: summary.stale_reads,
            },
        }
    }
}

impl OperationTotals {
    pub(crate) fn of(history: &History, acknowledged_writes: usize) -> Self {
        let mut counts = Self {
            acknowledged_writes,
            ..Self::default()
        };
        for operation in &history.operations {
            match operation.outcome {
                Outcome::Done { .. } => counts.answered += 1,
                Outcome::Refused { .. } => counts.refused += 1,
                Outcome::Unknown => counts.unknown += 1,
            }
        }
        counts
    }
}

impl StormReport {
    /// Why the store does not pass, in one line; `None` if it does.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        let judged = match &self.judgement {
            StormVerdict::Holds { .. } => None,
            StormVerdict::Violated { property, .. } => Some(format!("{property} is violated")),
            StormVerdict::Undecided { .. } => Some("the history could not be decided".to_owned()),
            StormVerdict::Unjudged { .. } => Some("the history could not be judged".to_owned()),
        };
        judged.or_else(|| (!self.complaints.is_empty()).then(|| "a replica misbehaved".to_owned()))
    }
}

impl fmt::Display for FaultReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.replicas.iter().map(|id| format!("n{id}")).collect();
        write!(
            f,
            "{:>8.3} s  {:<7} {}{}, took {:.0} ms, settled {:.0} ms later; gap {:.0} ms; {} unknown \
             so far",
            self.at_ms / 1e3,
            self.kind,
            names.join(" "),
            if self.hit_leader { " (leader)" } else { "" },
            self.down_ms,
            self.settled_ms,
            self.gap_ms,
            self.unknown
        )
    }
}

impl fmt::Display for StormReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OperationTotals {
            answered,
            acknowledged_writes,
            refused,
            unknown,
        } = self.operations;
        let of = |kind: &str| self.faults.iter().filter(|f| f.kind == kind).count();
        write!(
            f,
            "faults      {} kills, {} pauses",
            of("kill"),
            of("pause")
        )?;
        if of("stall") > 0 {
            write!(f, ", {} stalled disks", of("stall"))?;
        }
        writeln!(f, " in {:.1} s (seed {})", self.seconds, self.seed)?;
        let changes = ["add", "promote", "remove", "replace"].map(of);
        if changes != [0; 4] {
            let [added, promoted, removed, replaced] = changes;
            writeln!(
                f,
                "members     {added} added, {promoted} promoted, {removed} removed, {replaced} \
                 replaced with an empty directory"
            )?;
        }
        writeln!(
            f,
            "operations  {answered} answered ({acknowledged_writes} writes acknowledged), {refused} \
             refused, {unknown} unknown"
        )?;
        let gaps = &self.gaps;
        writeln!(
            f,
            "gaps        in acknowledgements; the election timeout is {:.0} ms",
            gaps.election_timeout_ms
        )?;
        writeln!(
            f,
            "  no fault       longest {:.0} ms",
            gaps.longest_before_faults_ms
        )?;
        for (name, gap) in [("leader hit", gaps.leader), ("others hit", gaps.others)] {
            if gap.faults > 0 {
                writeln!(f, "  {name} {:>4}x {gap}", gap.faults)?;
            }
        }
        for LeaderGaps { kind, gaps } in &self.leader_gaps {
            writeln!(f, "  leader {kind:<6} {:>2}x {gaps}", gaps.faults)?;
        }
        if let Some(history) = &self.history {
            writeln!(f, "history     {}", history.display())?;
        }
        if let Some(data) = &self.data {
            writeln!(f, "data        {}", data.display())?;
        }
        for complaint in &self.complaints {
            writeln!(f, "complaint   {complaint}")?;
        }
        match &self.judgement {
            StormVerdict::Holds {
                revision,
                unknown_applied,
                stale_reads,
            } => write!(
                f,
                "verdict     linearizable, nothing acknowledged is lost, replicas converged at \
                 revision {revision}; {unknown_applied} of unknown outcome took effect, \
                 {stale_reads} serializable reads were stale"
            ),
            StormVerdict::Violated {
                property,
                explanation,
                lines,
            } => write!(
                f,
                "verdict     {property} VIOLATED: {explanation} (lines {lines:?} of the history)"
            ),
            StormVerdict::Undecided { explanation } => {
                write!(f, "verdict     undecided: {explanation}")
            }
            StormVerdict::Unjudged { explanation } => write!(f, "verdict     none: {explanation}"),
        }
    }
}
