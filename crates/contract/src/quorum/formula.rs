//! What makes a set of replicas a quorum, as a monotone formula of gates that count votes.

use serde::Serialize;

/// Which sets are quorums: a replica, or so many votes of the parts below.
///
/// Monotone: whatever holds a quorum is one. A majority is one gate; a grid and a hierarchy are gates
/// of gates (Kumar 1991), and weights are votes (Gifford 1979).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VoteFormula {
    /// This voter, by its place among the voters.
    Replica(u8),
    /// Parts that together have so many votes.
    Votes {
        /// How many votes are needed.
        needed: u32,
        /// The parts, each with its votes.
        of: Vec<(u32, VoteFormula)>,
    },
}

impl VoteFormula {
    /// So many of these voters.
    pub fn threshold(needed: usize, voters: impl IntoIterator<Item = u8>) -> VoteFormula {
        VoteFormula::some(needed, voters.into_iter().map(VoteFormula::Replica))
    }

    /// So many of these parts.
    pub fn some(needed: usize, parts: impl IntoIterator<Item = VoteFormula>) -> VoteFormula {
        VoteFormula::Votes {
            needed: u32::try_from(needed).unwrap_or(u32::MAX),
            of: parts.into_iter().map(|part| (1, part)).collect(),
        }
    }

    /// All of these parts.
    pub fn all(parts: Vec<VoteFormula>) -> VoteFormula {
        VoteFormula::some(parts.len(), parts)
    }

    /// Does a set hold a quorum? Bit `i` is the voter in place `i`.
    pub fn is_met_by(&self, set: u128) -> bool {
        match self {
            VoteFormula::Replica(place) => set >> place & 1 == 1,
            VoteFormula::Votes { needed, of } => {
                let votes = of.iter().filter(|(_, part)| part.is_met_by(set));
                let sum: u64 = votes.map(|(votes, _)| u64::from(*votes)).sum();
                sum >= u64::from(*needed)
            }
        }
    }

    /// The number needed, if it is any so many of all `n` voters.
    pub(super) fn size_of_any(&self, n: usize) -> Option<usize> {
        match self {
            VoteFormula::Votes { needed, of } if of.len() == n => {
                let plain = |(i, part): (usize, &(u32, VoteFormula))| {
                    part.0 == 1
                        && matches!(part.1, VoteFormula::Replica(place) if usize::from(place) == i)
                };
                let plain = of.iter().enumerate().all(plain);
                plain.then_some(*needed as usize)
            }
            _ => None,
        }
    }
}
