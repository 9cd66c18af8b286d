//! The smallest changes that make an impossible contract possible: found by trying, never by rule.

use crate::admission::NotRunnable;
use crate::behaviour::Behaviour;
use crate::cluster::{Cluster, MAX_MEMBERS};
use crate::contract::Contract;
use crate::failure::{FailureModel, FaultCount};
use crate::links::LinkModel;
use crate::problem::Problem;
use crate::quorum::QuorumSystem;
use crate::storage::StorageModel;
use crate::timing::{Bounds, DetectorClass, Stabilization, Synchrony, Timing};
use serde::Serialize;
use std::time::Duration;

/// What to change in a contract, and where it then stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SmallestChange {
    /// What to write, as in the file.
    pub write: Vec<String>,
    /// Who then solves the contract's problem: a protocol of the catalogue, or one of the literature.
    pub solved_by: String,
}

/// No more pairs of changes than these are told.
const MOST_PAIRS: usize = 3;
/// Bounds on time that are proposed where the contract has none.
const BOUNDS: Bounds = Bounds {
    delta: Duration::from_millis(50),
    phi: Duration::from_millis(10),
    drift_ppm: 100,
};

/// A changed contract, and what was written to change it.
#[derive(Clone)]
struct Edit {
    write: String,
    contract: Contract,
}

impl Contract {
    /// The smallest changes after which some protocol is known to solve the contract's problem.
    ///
    /// One thing is changed, each in its turn and as little as will do; where that is never enough, two
    /// are. Each proposal was checked. Empty for a contract that is possible already, and where two
    /// changes are not enough.
    pub fn smallest_changes(&self) -> Vec<SmallestChange> {
        if self.solved_by().is_some() {
            return vec![];
        }
        let kinds: Vec<Vec<Edit>> = kinds(self);
        let alone = kinds.iter().filter_map(|edits| {
            edits.iter().find_map(|edit| {
                Some(SmallestChange {
                    write: vec![edit.write.clone()],
                    solved_by: edit.contract.solved_by()?,
                })
            })
        });
        let alone: Vec<SmallestChange> = alone.collect();
        match alone.is_empty() {
            true => pairs(&kinds),
            false => alone,
        }
    }

    /// Who is known to solve the contract's problem under it.
    fn solved_by(&self) -> Option<String> {
        match self.runnable() {
            Ok(protocol) => Some(protocol.name().to_owned()),
            Err(NotRunnable::NotServed { protocols }) => {
                protocols.first().map(|protocol| protocol.name().to_owned())
            }
            Err(NotRunnable::NothingHere { known }) => {
                let known = known.first()?;
                Some(format!("{} ({})", known.what, known.citation))
            }
            Err(NotRunnable::Contradictory(_)) => None,
        }
    }
}

/// Two changes of different kinds, the first that will do of each two kinds.
fn pairs(kinds: &[Vec<Edit>]) -> Vec<SmallestChange> {
    let mut found = vec![];
    let firsts = kinds.iter().enumerate();
    for (at, first) in firsts.flat_map(|(at, edits)| edits.iter().map(move |edit| (at, edit))) {
        for seconds in kinds_after(&first.contract, at) {
            let done = seconds.iter().find_map(|second| {
                Some(SmallestChange {
                    write: vec![first.write.clone(), second.write.clone()],
                    solved_by: second.contract.solved_by()?,
                })
            });
            let known = |change: &SmallestChange| {
                found
                    .iter()
                    .any(|other: &SmallestChange| other.write[0] == change.write[0])
            };
            found.extend(done.filter(|change| !known(change)));
            if found.len() == MOST_PAIRS {
                return found;
            }
        }
    }
    found
}

/// Every kind of change, the cheapest first; in each the changes from the least on.
fn kinds(c: &Contract) -> Vec<Vec<Edit>> {
    KINDS.iter().map(|kind| kind(c)).collect()
}

/// The kinds of change behind one, so that two are not tried twice.
fn kinds_after(c: &Contract, at: usize) -> Vec<Vec<Edit>> {
    KINDS[at + 1..].iter().map(|kind| kind(c)).collect()
}

const KINDS: [fn(&Contract) -> Vec<Edit>; 14] = [
    quorums,
    replicas,
    fewer_faults,
    signatures,
    links,
    chance,
    storage,
    counted,
    recovering,
    model,
    timing,
    detector,
    problem,
    protocol,
];

fn edit(c: &Contract, write: impl Into<String>, change: impl FnOnce(&mut Contract)) -> Edit {
    let mut contract = c.clone();
    change(&mut contract);
    Edit {
        write: write.into(),
        contract,
    }
}

fn replicas(c: &Contract) -> Vec<Edit> {
    let most = (5 * c.tolerate() + 2).min(MAX_MEMBERS);
    let more = c.replicas() + 1..=most;
    more.filter_map(|n| {
        let quorums = match &c.quorums {
            Some(quorums) => Some(QuorumSystem::new(quorums.kind().clone(), n).ok()?),
            None => None,
        };
        Some(edit(c, format!("[cluster] replicas = {n}"), |c| {
            c.cluster = Cluster::loopback(&c.cluster.name, n);
            c.quorums = quorums;
        }))
    })
    .collect()
}

/// Without quorums of its own choice a contract has those that it calls for.
fn quorums(c: &Contract) -> Vec<Edit> {
    let usual = edit(c, "no `[quorum]`", |c| c.quorums = None);
    if c.quorums.is_some() {
        vec![usual]
    } else {
        vec![]
    }
}

fn fewer_faults(c: &Contract) -> Vec<Edit> {
    let (crashes, liars) = (c.failures.crash_only, c.failures.liars());
    if crashes > 0 {
        let fewer_liars = (1..liars).rev().map(|liars| (crashes, liars));
        let fewer_crashes = (0..crashes).rev().map(|crashes| (crashes, liars));
        return fewer_liars
            .chain(fewer_crashes)
            .map(|(crashes, liars)| {
                let write = format!("[failures] crash = {crashes}, byzantine = {liars}");
                edit(c, write, |c| {
                    c.failures.crash_only = crashes;
                    c.failures.tolerate = crashes + liars;
                })
            })
            .collect();
    }
    // To tolerate nothing is no way out.
    (1..c.tolerate())
        .rev()
        .map(|f| {
            edit(c, format!("[failures] tolerate = {f}"), |c| {
                c.failures.tolerate = f;
            })
        })
        .collect()
}

fn signatures(c: &Contract) -> Vec<Edit> {
    let signed = edit(c, "[links] signatures = true", |c| {
        c.links.signatures = true;
    });
    if c.links.signatures {
        vec![]
    } else {
        vec![signed]
    }
}

fn links(c: &Contract) -> Vec<Edit> {
    let better = LinkModel::ALL.into_iter();
    better
        .filter(|model| *model > c.links.model)
        .map(|model| {
            edit(c, format!("[links] model = \"{model}\""), |c| {
                c.links.model = model;
            })
        })
        .collect()
}

fn chance(c: &Contract) -> Vec<Edit> {
    let random = edit(c, "[protocol] deterministic = false", |c| {
        c.deterministic = false;
    });
    if c.deterministic {
        vec![random]
    } else {
        vec![]
    }
}

fn storage(c: &Contract) -> Vec<Edit> {
    let mut edits = vec![];
    if c.storage.model == StorageModel::Amnesiac {
        edits.push(edit(c, "[storage] model = \"durable\"", |c| {
            c.storage.model = StorageModel::Durable;
        }));
    }
    if c.storage.may_lie_about_sync {
        edits.push(edit(c, "[storage] may_lie_about_sync = false", |c| {
            c.storage.may_lie_about_sync = false;
        }));
    }
    edits
}

fn counted(c: &Contract) -> Vec<Edit> {
    let kinder = [FaultCount::AtATime, FaultCount::InTotal].into_iter();
    kinder
        .filter(|counted| *counted < c.failures.counted)
        .map(|counted| {
            edit(c, format!("[failures] counted = \"{counted}\""), |c| {
                c.failures.counted = counted;
                if c.failures.is_lasting() {
                    c.failures.always_up = 0;
                    c.failures.counts_recovering = false;
                }
            })
        })
        .collect()
}

fn recovering(c: &Contract) -> Vec<Edit> {
    if c.failures.is_lasting() || !c.failures.model.behaviours().contains(Behaviour::Restart) {
        return vec![];
    }
    let mut edits = vec![];
    if !c.failures.counts_recovering {
        edits.push(edit(c, "[failures] counts_recovering = true", |c| {
            c.failures.counts_recovering = true;
        }));
    }
    let most = c.replicas().saturating_sub(c.tolerate());
    edits.extend((c.failures.always_up + 1..=most).map(|up| {
        edit(c, format!("[failures] always_up = {up}"), |c| {
            c.failures.always_up = up;
        })
    }));
    edits
}

fn model(c: &Contract) -> Vec<Edit> {
    if c.failures.crash_only > 0 {
        return vec![];
    }
    let weaker = FailureModel::ALL.into_iter().rev();
    weaker
        .filter(|model| *model != c.failures.model && model.is_within(c.failures.model))
        .map(|model| {
            edit(c, format!("[failures] model = \"{model}\""), |c| {
                c.failures.model = model;
                if !model.behaviours().contains(Behaviour::Restart) {
                    c.failures.counted = FaultCount::InTotal;
                    c.failures.always_up = 0;
                    c.failures.counts_recovering = false;
                }
            })
        })
        .collect()
}

fn timing(c: &Contract) -> Vec<Edit> {
    let bounds = c.timing.bounds().copied().unwrap_or(BOUNDS);
    let better = [
        Timing::PartiallySynchronous(Stabilization::Unknown),
        Timing::Synchronous(bounds),
    ];
    let mut edits: Vec<Edit> = better
        .into_iter()
        .filter(|timing| timing.synchrony() > c.timing.synchrony())
        .map(|timing| {
            let write = format!("[timing] model = \"{}\"", timing.synchrony());
            edit(c, write, |c| {
                c.timing = timing;
                if c.steps.is_some_and(|steps| steps >= timing.synchrony()) {
                    c.steps = None;
                }
            })
        })
        .collect();
    // Deadlines are void over links that lose: less is promised, and it holds.
    if c.timing.synchrony() == Synchrony::Synchronous && c.links.model == LinkModel::FairLoss {
        edits.push(edit(c, "[timing] model = \"partially-synchronous\"", |c| {
            c.timing = Timing::PartiallySynchronous(Stabilization::Gst(bounds));
            c.steps = None;
        }));
    }
    if let Some(steps) = c.steps
        && steps < c.timing.synchrony()
    {
        let write = format!("[timing] steps = \"{}\"", c.timing.synchrony());
        edits.push(edit(c, write, |c| c.steps = None));
    }
    edits
}

fn detector(c: &Contract) -> Vec<Edit> {
    let mut edits = vec![];
    if c.detector.is_some() {
        edits.push(edit(c, "[timing] no `detector`", |c| c.detector = None));
    }
    let of_oracle = match c.declared_synchrony() {
        Synchrony::Asynchronous => vec![
            DetectorClass::EventualLeader,
            DetectorClass::Quorum,
            DetectorClass::Trusting,
            DetectorClass::LeaderAndQuorum,
            DetectorClass::Perfect,
        ],
        _ if c.detector.is_some() => vec![DetectorClass::EventualLeader],
        _ => vec![],
    };
    let others = of_oracle
        .into_iter()
        .filter(|class| Some(*class) != c.detector);
    edits.extend(others.map(|class| {
        edit(c, format!("[timing] detector = \"{class}\""), |c| {
            c.detector = Some(class);
        })
    }));
    edits
}

fn problem(c: &Contract) -> Vec<Edit> {
    let asked = c.problem();
    if let Problem::KSet(k) = asked {
        let most = u8::try_from(c.replicas()).unwrap_or(u8::MAX);
        return (k + 1..=most)
            .map(|k| {
                edit(c, format!("k = {k}"), |c| {
                    c.problem = Some(Problem::KSet(k))
                })
            })
            .collect();
    }
    let less: &[Problem] = match asked {
        Problem::UniformConsensus => &[Problem::Consensus],
        Problem::UniformReliableBroadcast | Problem::TerminatingBroadcast => {
            &[Problem::ReliableBroadcast]
        }
        Problem::Log => &[Problem::TerminatingBroadcast, Problem::Register],
        _ => &[],
    };
    less.iter()
        .map(|less| {
            edit(c, format!("problem = \"{}\"", less.name()), |c| {
                c.problem = Some(*less);
                c.protocol = None;
            })
        })
        .collect()
}

fn protocol(c: &Contract) -> Vec<Edit> {
    if c.protocol.is_none() {
        return vec![];
    }
    let mut open = c.clone();
    open.problem = Some(c.problem());
    open.protocol = None;
    let fitting = open.fitting();
    fitting
        .into_iter()
        .map(|name| {
            edit(
                &open,
                format!("[protocol] name = \"{}\"", name.name()),
                |c| {
                    c.protocol = Some(name);
                },
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failures;

    /// Among five replicas a crash and a lie are one too many, and over these links no sender is known.
    #[test]
    fn where_one_change_is_not_enough_two_are_told() {
        let contract = Contract {
            cluster: Cluster::loopback("five", 5),
            failures: Failures::mixed(1, 1),
            ..Contract::default()
        };
        let changes = contract.smallest_changes();
        assert!(!changes.is_empty() && changes.len() <= MOST_PAIRS);
        assert!(changes.iter().all(|change| change.write.len() == 2));
        let signed = ["[cluster] replicas = 6", "[links] signatures = true"];
        let found = changes.iter().find(|change| change.write == signed);
        let solved = found.map(|change| change.solved_by.starts_with("UpRight"));
        assert_eq!(solved, Some(true), "{changes:?}");
    }
}
