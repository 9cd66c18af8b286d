//! What a checker says about a history.

use std::fmt;

/// The judgement on a history.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Every property holds; a witness order was found and replayed.
    Holds(HistorySummary),
    /// A property is violated, whatever the operations of unknown outcome did.
    Violated(Box<Violation>),
    /// The bound on the work was reached before an answer was found.
    GaveUp(GaveUp),
}

/// Figures of a history that holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistorySummary {
    /// Operations answered.
    pub answered: usize,
    /// Operations refused.
    pub refused: usize,
    /// Operations of unknown outcome.
    pub unknown: usize,
    /// Those among the unknown that took effect in the witness order.
    pub unknown_applied: usize,
    /// The last revision of the witness order.
    pub revision: i64,
    /// Serializable reads answered from an older state than a linearizable read could have been.
    pub stale_reads: usize,
    /// The most revisions that such a read was behind.
    pub most_revisions_behind: i64,
    /// Dead ends met while placing the unknown; mostly 0.
    pub dead_ends: u64,
}

/// A property that does not hold, with the operations that show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The property.
    pub property: Property,
    /// What happened, in words, ready to be printed.
    pub explanation: String,
    /// Indices of the operations concerned in [`crate::History::operations`].
    pub operations: Vec<usize>,
}

/// The properties judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Property {
    /// There is one order of the operations, consistent with real time, that explains every answer
    /// (Herlihy and Wing, TOPLAS 1990).
    Linearizability,
    /// A serializable read shows a state that did exist, of the revision that it names.
    PrefixRead,
    /// What was acknowledged is in the store at the end.
    Durability,
    /// What was refused has no effect, and what took effect was asked for, once.
    Integrity,
    /// All replicas end with the same contents.
    Convergence,
}

/// The search stopped at its bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GaveUp {
    /// The bound, in steps.
    pub bound: u64,
    /// What was tried and what remains possible, in words.
    pub explanation: String,
}

impl Verdict {
    /// Whether everything holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        matches!(self, Self::Holds(_))
    }

    /// The violation, if there is one.
    #[must_use]
    pub fn violation(&self) -> Option<&Violation> {
        match self {
            Self::Violated(violation) => Some(violation),
            _ => None,
        }
    }
}

impl Property {
    /// The name used in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Linearizability => "linearizability",
            Self::PrefixRead => "prefix-read",
            Self::Durability => "durability",
            Self::Integrity => "integrity",
            Self::Convergence => "convergence",
        }
    }
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} violated: {}", self.property, self.explanation)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Holds(summary) => write!(
                f,
                "holds: {} answered, {} refused, {} unknown ({} took effect), up to revision {}",
                summary.answered,
                summary.refused,
                summary.unknown,
                summary.unknown_applied,
                summary.revision
            ),
            Self::Violated(violation) => violation.fmt(f),
            Self::GaveUp(gave_up) => {
                write!(
                    f,
                    "undecided after {} steps: {}",
                    gave_up.bound, gave_up.explanation
                )
            }
        }
    }
}
