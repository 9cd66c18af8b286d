//! All sets of up to [`MAX_LISTED`](super::MAX_LISTED) voters, and which of them are quorums.

use super::formula::VoteFormula;

/// The quorums of one phase: bit `i` of a set is the voter in place `i`.
#[derive(Clone, Debug)]
pub(super) struct QuorumTable {
    voters: usize,
    is_quorum: Vec<bool>,
}

/// Two quorums, and how many voters they share.
pub(super) struct Pair {
    pub(super) first: u128,
    pub(super) second: u128,
}

/// More than any distance in a table: no quorum is within reach.
const NEVER: u8 = u8::MAX;

impl QuorumTable {
    pub(super) fn new(formula: &VoteFormula, voters: usize) -> QuorumTable {
        QuorumTable {
            voters,
            is_quorum: (0..1_u128 << voters)
                .map(|set| formula.is_met_by(set))
                .collect(),
        }
    }

    pub(super) fn holds(&self, set: u128) -> bool {
        self.is_quorum[set as usize]
    }

    fn all(&self) -> u128 {
        (1 << self.voters) - 1
    }

    fn sets(&self) -> impl Iterator<Item = u128> {
        0..1_u128 << self.voters
    }

    /// The quorums that hold no smaller one.
    pub(super) fn minimal(&self) -> Vec<u128> {
        let within = |set: u128, place: usize| set >> place & 1 == 1;
        let is_minimal = |set: &u128| {
            let smaller = (0..self.voters).filter(|&i| within(*set, i));
            self.holds(*set) && !smaller.into_iter().any(|i| self.holds(set & !(1 << i)))
        };
        self.sets().filter(is_minimal).collect()
    }

    /// How many voters each set lacks to hold a quorum.
    fn distances(&self) -> Vec<u8> {
        let mut distances = vec![NEVER; self.is_quorum.len()];
        for set in (0..self.is_quorum.len()).rev() {
            distances[set] = if self.is_quorum[set] {
                0
            } else {
                let absent = (0..self.voters).filter(|i| set >> i & 1 == 0);
                let nearest = absent.map(|i| distances[set | 1 << i]).min();
                nearest.unwrap_or(NEVER).saturating_add(1)
            };
        }
        distances
    }

    /// Two quorums, of this table and of the other, that share as few voters as any two do.
    ///
    /// A second quorum takes what the first leaves for nothing; what it lacks then is shared. So the
    /// distance from the complement is the least overlap, and no pair has to be tried.
    pub(super) fn least_overlap(&self, other: &QuorumTable) -> Option<Pair> {
        let distances = other.distances();
        let first = self
            .sets()
            .filter(|&set| self.holds(set))
            .min_by_key(|&set| {
                (
                    distances[(self.all() & !set) as usize],
                    set.count_ones(),
                    set,
                )
            })?;
        let mut second = self.all() & !first;
        if distances[second as usize] > other.voters as u8 {
            return None;
        }
        while distances[second as usize] > 0 {
            let nearer =
                |i: &usize| distances[(second | 1 << i) as usize] < distances[second as usize];
            let place = (0..self.voters).find(nearer)?;
            second |= 1 << place;
        }
        for place in (0..self.voters).rev() {
            let without = second & !(1 << place);
            if without != second && other.holds(without) {
                second = without;
            }
        }
        Some(Pair { first, second })
    }

    /// The fewest voters without which no quorum is left.
    pub(super) fn fewest_fatal(&self) -> u128 {
        let fatal = |set: &u128| !self.holds(self.all() & !set);
        let fewest = self.sets().filter(fatal).min_by_key(|set| set.count_ones());
        // Without any voter there is no quorum.
        fewest.unwrap_or(self.all())
    }
}
