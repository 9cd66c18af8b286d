//! Quorum systems: which sets of replicas are quorums of a read and of a write.

use super::formula::VoteFormula;
use super::size::{majority, quorum_among_liars, quorum_for_masking};
use serde::Serialize;
use std::fmt;

/// The most voters of a system that is not any so many of its voters: its quorums are found among all
/// sets of voters. Thresholds are computed at any size.
pub const MAX_LISTED: usize = 20;

/// How quorums are chosen among the voters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum QuorumKind {
    /// More than half (Thomas 1979; Gifford 1979).
    Majority,
    /// So many to read (phase 1: a new leader asks) and so many to write (phase 2): only the two have
    /// to meet (Howard, Malkhi, Spiegelman, OPODIS 2016).
    Flexible {
        /// How many make a read quorum.
        read: usize,
        /// How many make a write quorum.
        write: usize,
    },
    /// Any two share `f + 1`, one of them honest: enough where data prove themselves (Malkhi and Reiter
    /// 1998).
    Dissemination {
        /// How many replicas may lie.
        liars: usize,
    },
    /// Any two share `2f + 1`, most of them honest: for data that prove nothing (Malkhi and Reiter
    /// 1998).
    Masking {
        /// How many replicas may lie.
        liars: usize,
    },
    /// A read takes one voter of each column, a write a whole column as well (Cheung, Ammar, Ahamad,
    /// IEEE TKDE 1992). Voters fill the grid row by row.
    Grid {
        /// How many rows the grid has.
        rows: usize,
    },
    /// A majority in each of a majority of zones (Kumar 1991).
    Hierarchical,
    /// Each voter has votes, and a quorum has so many of them (Gifford 1979).
    Weighted {
        /// The votes of each voter, in the order of their ids.
        weights: Vec<u32>,
        /// The votes of a read quorum.
        read: u32,
        /// The votes of a write quorum.
        write: u32,
    },
}

impl QuorumKind {
    /// The names in contract files.
    pub const NAMES: [&'static str; 7] = [
        "majority",
        "flexible",
        "dissemination",
        "masking",
        "grid",
        "hierarchical",
        "weighted",
    ];

    /// The name in contract files.
    pub const fn name(&self) -> &'static str {
        match self {
            QuorumKind::Majority => "majority",
            QuorumKind::Flexible { .. } => "flexible",
            QuorumKind::Dissemination { .. } => "dissemination",
            QuorumKind::Masking { .. } => "masking",
            QuorumKind::Grid { .. } => "grid",
            QuorumKind::Hierarchical => "hierarchical",
            QuorumKind::Weighted { .. } => "weighted",
        }
    }

    /// Where it comes from.
    pub const fn citation(&self) -> &'static str {
        match self {
            QuorumKind::Majority | QuorumKind::Weighted { .. } => "Gifford, SOSP 1979",
            QuorumKind::Flexible { .. } => "Howard, Malkhi, Spiegelman, OPODIS 2016",
            QuorumKind::Dissemination { .. } | QuorumKind::Masking { .. } => {
                "Malkhi, Reiter, Distributed Computing 11(4), 1998"
            }
            QuorumKind::Grid { .. } => "Cheung, Ammar, Ahamad, IEEE TKDE 4(6), 1992",
            QuorumKind::Hierarchical => "Kumar, IEEE Transactions on Computers 40(9), 1991",
        }
    }
}

/// What a quorum is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuorumPhase {
    /// To read, or to lead: phase 1 of Paxos, an election of Raft.
    Read,
    /// To write: phase 2 of Paxos, an entry of Raft.
    Write,
}

impl QuorumPhase {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            QuorumPhase::Read => "read",
            QuorumPhase::Write => "write",
        }
    }
}

/// Why there is no such quorum system.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; {remedy}")]
pub struct InvalidQuorums {
    /// The key of a contract's `[quorum]` at fault.
    pub key: &'static str,
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub remedy: String,
}

/// Which sets of `n` replicas are quorums of a read and of a write.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct QuorumSystem {
    #[serde(flatten)]
    kind: QuorumKind,
    replicas: usize,
    zones: Vec<Vec<u8>>,
    witnesses: Vec<u8>,
    learners: Vec<u8>,
    #[serde(skip)]
    voters: Vec<u8>,
    #[serde(skip)]
    read: VoteFormula,
    #[serde(skip)]
    write: VoteFormula,
}

impl QuorumSystem {
    /// A system of voters alone, without zones.
    ///
    /// # Errors
    /// What does not fit together: see [`QuorumSystem::with_roles`].
    pub fn new(kind: QuorumKind, replicas: usize) -> Result<QuorumSystem, InvalidQuorums> {
        QuorumSystem::with_roles(kind, replicas, vec![], vec![], vec![])
    }

    /// A system of `replicas` with the ids `0..n`. Each replica is in one of the `zones`, if there are
    /// any. `witnesses` vote and hold no data (Pâris 1986), `learners` hold data and do not vote.
    ///
    /// # Errors
    /// What does not fit together, by the key of a contract file.
    pub fn with_roles(
        kind: QuorumKind,
        replicas: usize,
        zones: Vec<Vec<u8>>,
        witnesses: Vec<u8>,
        learners: Vec<u8>,
    ) -> Result<QuorumSystem, InvalidQuorums> {
        check_roles(replicas, &zones, &witnesses, &learners)?;
        let voters: Vec<u8> = ids(replicas).filter(|id| !learners.contains(id)).collect();
        let (read, write) = formulas(&kind, &voters, &zones)?;
        let holders: Vec<u8> = (0_u8..)
            .zip(&voters)
            .filter(|(_, id)| !witnesses.contains(id))
            .map(|(place, _)| place)
            .collect();
        // A quorum of witnesses alone would keep nothing.
        let held = |formula: VoteFormula| match witnesses.is_empty() {
            true => formula,
            false => VoteFormula::all(vec![
                formula,
                VoteFormula::threshold(1, holders.iter().copied()),
            ]),
        };
        let system = QuorumSystem {
            read: held(read),
            write: held(write),
            kind,
            replicas,
            zones,
            witnesses,
            learners,
            voters,
        };
        let n = system.voters.len();
        if n > MAX_LISTED && system.sizes().is_none() {
            return Err(InvalidQuorums {
                key: "kind",
                problem: format!(
                    "{} quorums of {n} voters would have to be listed, and {MAX_LISTED} is the most",
                    system.kind.name()
                ),
                remedy:
                    "write `kind = \"majority\"` or `kind = \"flexible\"` without witnesses, or \
                         make voters learners"
                        .to_owned(),
            });
        }
        Ok(system)
    }

    /// How quorums are chosen.
    pub fn kind(&self) -> &QuorumKind {
        &self.kind
    }

    /// `n`: voters and learners.
    pub fn replicas(&self) -> usize {
        self.replicas
    }

    /// The replicas of each zone; empty if the system knows none.
    pub fn zones(&self) -> &[Vec<u8>] {
        &self.zones
    }

    /// Those that vote and hold no data.
    pub fn witnesses(&self) -> &[u8] {
        &self.witnesses
    }

    /// Those that hold data and do not vote.
    pub fn learners(&self) -> &[u8] {
        &self.learners
    }

    /// Those that vote, in the order of their ids.
    pub fn voters(&self) -> &[u8] {
        &self.voters
    }

    /// What makes a quorum of this phase; its leaves are places among [`voters`](Self::voters).
    pub fn formula(&self, phase: QuorumPhase) -> &VoteFormula {
        match phase {
            QuorumPhase::Read => &self.read,
            QuorumPhase::Write => &self.write,
        }
    }

    /// Is this set of replicas a quorum of the phase, or does it hold one?
    pub fn is_quorum(&self, phase: QuorumPhase, replicas: &[u8]) -> bool {
        let places = self.voters.iter().enumerate();
        let set = places
            .filter(|(_, id)| replicas.contains(id))
            .fold(0_u128, |set, (place, _)| set | 1 << place);
        self.formula(phase).is_met_by(set)
    }

    /// Are quorums any `size` replicas, all of which hold data?
    pub fn is_any(&self, size: usize) -> bool {
        let plain = self.witnesses.is_empty() && self.learners.is_empty();
        plain && self.sizes() == Some((size, size))
    }

    /// The sizes of read and write quorums, if they are any so many voters.
    pub(super) fn sizes(&self) -> Option<(usize, usize)> {
        let n = self.voters.len();
        Some((self.read.size_of_any(n)?, self.write.size_of_any(n)?))
    }

    /// The replicas of a set of places among the voters.
    pub(super) fn ids_of(&self, set: u128) -> Vec<u8> {
        let places = self.voters.iter().enumerate();
        places
            .filter(|(place, _)| set >> place & 1 == 1)
            .map(|(_, id)| *id)
            .collect()
    }

    /// The set of places of those voters that hold data.
    pub(super) fn holders(&self) -> u128 {
        let places = self.voters.iter().enumerate();
        places
            .filter(|(_, id)| !self.witnesses.contains(id))
            .fold(0, |set, (place, _)| set | 1 << place)
    }

    /// The voters of each zone that has any, as sets of places.
    pub(super) fn zones_of_voters(&self) -> Vec<u128> {
        in_places(&self.voters, &self.zones)
            .into_iter()
            .map(|zone| zone.into_iter().fold(0, |set, place| set | 1 << place))
            .collect()
    }
}

impl fmt::Display for QuorumSystem {
    /// As `grid 3 × 3` or `flexible: 2 to read, 3 to write, 1 witness`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.voters.len();
        match &self.kind {
            QuorumKind::Majority => write!(f, "majority: {} of {n}", majority(n))?,
            QuorumKind::Flexible { read, write } => {
                write!(f, "flexible: {read} of {n} to read, {write} to write")?;
            }
            QuorumKind::Dissemination { liars } => {
                let size = quorum_among_liars(n, *liars);
                write!(f, "dissemination: {size} of {n}")?;
            }
            QuorumKind::Masking { liars } => {
                write!(f, "masking: {} of {n}", quorum_for_masking(n, *liars))?;
            }
            QuorumKind::Grid { rows } => write!(f, "grid: {rows} × {}", n / rows)?,
            QuorumKind::Hierarchical => {
                let zones: Vec<String> = in_places(&self.voters, &self.zones)
                    .iter()
                    .map(|zone| zone.len().to_string())
                    .collect();
                write!(f, "hierarchical: zones of {}", zones.join(" + "))?;
            }
            QuorumKind::Weighted {
                weights,
                read,
                write,
            } => {
                let votes: Vec<String> = weights.iter().map(u32::to_string).collect();
                write!(f, "weighted: votes {}, ", votes.join(" + "))?;
                match read == write {
                    true => write!(f, "{read} needed")?,
                    false => write!(f, "{read} to read, {write} to write")?,
                }
            }
        }
        for (who, one) in [(&self.witnesses, "witness"), (&self.learners, "learner")] {
            match (who.len(), one) {
                (0, _) => {}
                (1, _) => write!(f, ", 1 {one}")?,
                (n, "witness") => write!(f, ", {n} witnesses")?,
                (n, _) => write!(f, ", {n} {one}s")?,
            }
        }
        Ok(())
    }
}

fn ids(n: usize) -> impl Iterator<Item = u8> {
    (0..n).filter_map(|id| u8::try_from(id).ok())
}

/// The zones by places among the voters; a zone of learners alone is left out.
fn in_places(voters: &[u8], zones: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let place = |id: &u8| (0_u8..).zip(voters).find(|(_, voter)| *voter == id);
    zones
        .iter()
        .map(|zone| zone.iter().filter_map(|id| Some(place(id)?.0)).collect())
        .filter(|zone: &Vec<u8>| !zone.is_empty())
        .collect()
}

fn check_roles(
    n: usize,
    zones: &[Vec<u8>],
    witnesses: &[u8],
    learners: &[u8],
) -> Result<(), InvalidQuorums> {
    let once = format!("write ids from 0 to {}, each once", n.saturating_sub(1));
    let wrong = |key, problem: &str| InvalidQuorums {
        key,
        problem: problem.to_owned(),
        remedy: once.clone(),
    };
    for (key, listed) in [("witnesses", witnesses), ("learners", learners)] {
        let mut sorted = listed.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() != listed.len() {
            return Err(wrong(key, "a replica is listed twice"));
        }
        if listed.iter().any(|id| usize::from(*id) >= n) {
            return Err(wrong(key, "there is no such replica"));
        }
    }
    if let Some(both) = witnesses.iter().find(|id| learners.contains(id)) {
        return Err(InvalidQuorums {
            key: "learners",
            problem: format!(
                "replica {both} is a witness, so it votes, and a learner, so it does not"
            ),
            remedy: "list it once".to_owned(),
        });
    }
    if witnesses.len() + learners.len() >= n {
        let key = if learners.len() >= n {
            "learners"
        } else {
            "witnesses"
        };
        return Err(InvalidQuorums {
            key,
            problem: "no voter holds data".to_owned(),
            remedy: "leave one replica at least that is neither a witness nor a learner".to_owned(),
        });
    }
    if !zones.is_empty() {
        let mut all: Vec<u8> = zones.concat();
        all.sort_unstable();
        if all != ids(n).collect::<Vec<_>>() {
            return Err(InvalidQuorums {
                key: "zones",
                problem: format!(
                    "the zones have {} places, and each of {n} replicas is in one zone",
                    all.len()
                ),
                remedy:
                    "write the number of replicas of each zone, as `zones = [3, 3, 3]`, or their \
                         ids, as `zones = [[0, 3], [1, 4], [2]]`"
                        .to_owned(),
            });
        }
    }
    Ok(())
}

/// What makes a read and a write quorum.
fn formulas(
    kind: &QuorumKind,
    voters: &[u8],
    zones: &[Vec<u8>],
) -> Result<(VoteFormula, VoteFormula), InvalidQuorums> {
    let n = voters.len();
    let any = |size| VoteFormula::threshold(size, ids(n));
    let same = |formula: VoteFormula| (formula.clone(), formula);
    Ok(match kind {
        QuorumKind::Majority => same(any(majority(n))),
        QuorumKind::Dissemination { liars } => same(any(quorum_among_liars(n, *liars))),
        QuorumKind::Masking { liars } => same(any(quorum_for_masking(n, *liars))),
        QuorumKind::Flexible { read, write } => {
            for (key, size) in [("read", *read), ("write", *write)] {
                if size == 0 || size > n {
                    return Err(InvalidQuorums {
                        key,
                        problem: format!("{n} replicas vote, and no quorum has {size}"),
                        remedy: format!("write a number from 1 to {n}"),
                    });
                }
            }
            (any(*read), any(*write))
        }
        QuorumKind::Grid { rows } => grid(*rows, n)?,
        QuorumKind::Hierarchical => {
            let zones = in_places(voters, zones);
            if zones.is_empty() {
                return Err(InvalidQuorums {
                    key: "zones",
                    problem: "is missing: a hierarchy is made of zones".to_owned(),
                    remedy: "write the number of replicas of each zone, as `zones = [3, 3, 3]`"
                        .to_owned(),
                });
            }
            let inside =
                |zone: &Vec<u8>| VoteFormula::threshold(majority(zone.len()), zone.iter().copied());
            let of_zones = zones.iter().map(inside);
            same(VoteFormula::some(majority(zones.len()), of_zones))
        }
        QuorumKind::Weighted {
            weights,
            read,
            write,
        } => weighted(weights, [*read, *write], n)?,
    })
}

fn grid(rows: usize, n: usize) -> Result<(VoteFormula, VoteFormula), InvalidQuorums> {
    if rows == 0 || !n.is_multiple_of(rows) {
        return Err(InvalidQuorums {
            key: "rows",
            problem: format!("{n} voters fill no grid of {rows} rows"),
            remedy: format!("write a number that divides {n}, or change the voters"),
        });
    }
    let width = n / rows;
    let column = |at: usize| ids(n).filter(move |place| usize::from(*place) % width == at);
    let one_of_each = VoteFormula::all(
        (0..width)
            .map(|at| VoteFormula::threshold(1, column(at)))
            .collect(),
    );
    let whole = (0..width).map(|at| VoteFormula::threshold(rows, column(at)));
    let write = VoteFormula::all(vec![one_of_each.clone(), VoteFormula::some(1, whole)]);
    Ok((one_of_each, write))
}

fn weighted(
    weights: &[u32],
    needed: [u32; 2],
    n: usize,
) -> Result<(VoteFormula, VoteFormula), InvalidQuorums> {
    if weights.len() != n {
        return Err(InvalidQuorums {
            key: "weights",
            problem: format!("there are {} weights for {n} voters", weights.len()),
            remedy:
                "write the votes of each voter, in the order of their ids, as `weights = [2, 1, 1]`"
                    .to_owned(),
        });
    }
    let sum = weights.iter().map(|votes| u64::from(*votes)).sum::<u64>();
    for (key, votes) in ["read", "write"].into_iter().zip(needed) {
        if votes == 0 || u64::from(votes) > sum {
            return Err(InvalidQuorums {
                key,
                problem: format!("there are {sum} votes, and no quorum needs {votes}"),
                remedy: match sum {
                    0 => "give one voter a vote at least".to_owned(),
                    _ => format!("write a number from 1 to {sum}"),
                },
            });
        }
    }
    let gate = |needed| VoteFormula::Votes {
        needed,
        of: weights
            .iter()
            .copied()
            .zip(ids(n).map(VoteFormula::Replica))
            .collect(),
    };
    let [read, write] = needed;
    Ok((gate(read), gate(write)))
}
