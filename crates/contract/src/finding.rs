//! What stands in the way of a contract, why, and what would lift it.

use crate::impossibility::Impossibility;
use crate::wrap::write_beside;
use serde::{Serialize, Serializer};
use std::fmt;

/// A rule that applies, and why, and what would lift it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is broken.
    pub rule: Rule,
    /// Why it applies to this contract.
    pub because: String,
    /// What to change.
    pub remedy: String,
}

/// What a contract can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A theorem.
    Impossible(Impossibility),
    /// The chosen protocol does not fit the contract.
    ChosenProtocol,
    /// Two quorums share too few replicas.
    QuorumIntersection,
    /// The faults that are tolerated leave no quorum.
    QuorumAvailability,
}

impl Rule {
    /// The name used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Rule::Impossible(rule) => rule.name(),
            Rule::ChosenProtocol => "chosen-protocol",
            Rule::QuorumIntersection => "quorum-intersection",
            Rule::QuorumAvailability => "quorum-availability",
        }
    }

    /// Where the theorem is proved; nothing for rules that are no theorems.
    pub const fn citation(self) -> Option<&'static str> {
        match self {
            Rule::Impossible(rule) => Some(rule.citation()),
            Rule::ChosenProtocol | Rule::QuorumIntersection | Rule::QuorumAvailability => None,
        }
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut rule = serializer.serialize_struct("Rule", 3)?;
        rule.serialize_field("name", self.name())?;
        rule.serialize_field(
            "statement",
            &match self {
                Rule::Impossible(rule) => Some(rule.statement()),
                _ => None,
            },
        )?;
        rule.serialize_field("citation", &self.citation())?;
        rule.end()
    }
}

impl fmt::Display for Finding {
    /// A few indented lines: the rule and why it applies, the theorem, the way out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, true)
    }
}

impl Finding {
    /// As [`fmt::Display`], with the way out or without it.
    pub(crate) fn write(&self, f: &mut fmt::Formatter<'_>, way_out: bool) -> fmt::Result {
        let because = format!("{}: {}.", self.rule.name(), self.because);
        write_beside(f, "", 2, &because)?;
        if let Rule::Impossible(rule) = self.rule {
            let theorem = format!("{} ({}).", rule.statement(), rule.citation());
            write_beside(f, "", 4, &theorem)?;
        }
        match way_out {
            true => write_beside(f, "", 4, &format!("→ {}.", self.remedy)),
            false => Ok(()),
        }
    }
}
