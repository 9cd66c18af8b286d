//! The control: what becomes of a failing run when faults that it shows are taken away.
//!
//! One run without a fault proves little: the decisions after it mean something else then, and what
//! is rare would hardly happen again anyway. So other histories of the same world are run as well,
//! with the faults and without.

use super::candidates::CandidateRuns;
use crate::fault::Fault;
use crate::report::{RunReport, RunVerdict};
use crate::run_limits::{RunLimits, kinds_shown};
use crate::streams::{Choices, StreamKind, Streams};
use std::fmt;

/// Without which faults the same run holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MinimisedControl {
    /// The smallest set of kinds of fault that was found; `None` if the run fails without all of its
    /// faults. Empty if it shows none.
    pub without: Option<Vec<Fault>>,
    /// Other histories of the same world, with no kinds of fault but those of the small run.
    pub others: u64,
    /// How many of those violate the property as well.
    pub fail: u64,
}

impl fmt::Display for MinimisedControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { others, fail, .. } = self;
        match &self.without {
            None => f.write_str("without any of its faults the run still fails"),
            Some(faults) if faults.is_empty() => f.write_str("the run shows no fault, and fails"),
            Some(faults) => {
                let names: Vec<&str> = faults.iter().map(|fault| fault.name()).collect();
                let names = names.join(" and ");
                write!(f, "without {names} the same run holds")?;
                match fail {
                    0 => write!(
                        f,
                        "; it is rare: no other of {others} histories of this world fails either way"
                    ),
                    _ => write!(
                        f,
                        ", and so do {others} other histories of this world, of which {fail} fail with it"
                    ),
                }
            }
        }
    }
}

/// Other histories to run, with each set of faults.
const OTHERS: u64 = 60;

/// Sets of kinds are tried from the smallest up to this size, then all kinds together.
const LARGEST: usize = 2;

pub(super) fn run(
    worlds: &CandidateRuns<'_>,
    drawn: &Choices,
    caps: &RunLimits,
    report: &RunReport,
    property: &str,
) -> MinimisedControl {
    let kinds = kinds_shown(&report.coverage);
    let holds = |without: &[Fault]| {
        let streams = Streams::replay(drawn.clone());
        let (report, _) = worlds.run(streams, &caps.and_without(without));
        report.verdict == RunVerdict::Ok
    };
    let absent: Vec<Fault> = Fault::ALL
        .into_iter()
        .filter(|fault| !kinds.contains(fault))
        .collect();
    // As long and as busy as the world was drawn: rare things need room.
    let world = RunLimits {
        replicas: caps.replicas,
        ..RunLimits::default()
    };
    let world = world.and_without(&absent);
    let fails = |without: &[Fault], seed: u64| {
        let streams = Streams::fork(drawn.clone(), 0, seed, |kind| kind == StreamKind::Mix);
        let (report, _) = worlds.run(streams, &world.and_without(without));
        let violation = report.verdict.violation();
        violation.is_some_and(|violation| violation.property == property)
    };
    let fail = (0..OTHERS).filter(|seed| fails(&[], *seed)).count() as u64;
    let sets = (1..=LARGEST.min(kinds.len()))
        .flat_map(|size| subsets(&kinds, size))
        .chain([kinds.clone()]);
    let mut sets = sets.filter(|set| holds(set));
    let without = if kinds.is_empty() {
        Some(vec![])
    } else {
        sets.find(|set| fail == 0 || !(0..OTHERS).any(|seed| fails(set, seed)))
    };
    MinimisedControl {
        without,
        others: OTHERS,
        fail,
    }
}

/// All subsets of this size, in order.
fn subsets(kinds: &[Fault], size: usize) -> Vec<Vec<Fault>> {
    if size == 0 {
        return vec![vec![]];
    }
    let mut all = vec![];
    for (at, first) in kinds.iter().enumerate() {
        for mut rest in subsets(&kinds[at + 1..], size - 1) {
            rest.insert(0, *first);
            all.push(rest);
        }
    }
    all
}
