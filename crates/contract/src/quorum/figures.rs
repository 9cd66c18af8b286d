//! What follows from a quorum system, in numbers.

use super::load::LoadBounds;
use super::system::{QuorumPhase, QuorumSystem};
use super::table::QuorumTable;
use serde::Serialize;

/// What follows from a quorum system, in numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuorumFigures {
    /// Of quorums to read.
    pub read: PhaseFigures,
    /// Of quorums to write.
    pub write: PhaseFigures,
    /// A read and a write quorum that share as few as any do; `None` if there are none.
    pub read_write: Option<QuorumOverlap>,
    /// Two write quorums that share as few as any do.
    pub write_write: Option<QuorumOverlap>,
    /// So many crashes always leave both kinds of quorum; `None` if there are none to begin with.
    pub survives: Option<usize>,
    /// A smallest set of replicas without which one kind of quorum is missing.
    pub fatal: Vec<u8>,
    /// How likely each replica is up, for the figures below: an input.
    pub up: f64,
    /// How likely both kinds of quorum are up, if replicas fail independently.
    pub available: f64,
    /// So many zones that fail as a whole always leave both kinds; `None` without zones.
    pub zones_survived: Option<usize>,
    /// How likely both kinds are up, if zones fail as a whole, as often as replicas would.
    pub available_by_zone: Option<f64>,
    /// How many replicas of a write quorum hold data, at the least.
    pub copies: usize,
}

/// The quorums of one phase, in numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PhaseFigures {
    /// The size of the smallest quorum; more than there are voters if there is none.
    pub smallest: usize,
    /// The size of the largest quorum that holds no smaller one.
    pub largest: usize,
    /// So many crashes always leave one; `None` if there is none to begin with.
    pub survives: Option<usize>,
    /// How likely one is up.
    pub available: f64,
    /// How often the busiest replica is used (Naor and Wool 1998); `None` if there is no quorum.
    pub load: Option<LoadBounds>,
}

/// Two quorums, by the ids of their replicas, and what they share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuorumOverlap {
    /// The first.
    pub first: Vec<u8>,
    /// The second.
    pub second: Vec<u8>,
    /// What both have.
    pub shared: Vec<u8>,
}

/// The quorums of a system in a form that can be asked.
pub(super) enum Listing {
    /// Any so many of the voters: figures are computed.
    Sizes { read: usize, write: usize },
    /// All sets of voters.
    Tables {
        read: QuorumTable,
        write: QuorumTable,
    },
}

impl Listing {
    pub(super) fn of(system: &QuorumSystem) -> Listing {
        match system.sizes() {
            Some((read, write)) => Listing::Sizes { read, write },
            None => Listing::tables(system),
        }
    }

    pub(super) fn tables(system: &QuorumSystem) -> Listing {
        let table = |phase| QuorumTable::new(system.formula(phase), system.voters().len());
        Listing::Tables {
            read: table(QuorumPhase::Read),
            write: table(QuorumPhase::Write),
        }
    }

    /// Two quorums of these phases that share as few as any do.
    pub(super) fn overlap(
        &self,
        system: &QuorumSystem,
        one: QuorumPhase,
        other: QuorumPhase,
    ) -> Option<QuorumOverlap> {
        let n = system.voters().len();
        let (first, second) = match self {
            Listing::Sizes { read, write } => {
                let size = |phase| match phase {
                    QuorumPhase::Read => *read,
                    QuorumPhase::Write => *write,
                };
                let (a, b) = (size(one), size(other));
                if a > n || b > n {
                    return None;
                }
                (low(a), low(n) & !low(n - b))
            }
            Listing::Tables { read, write } => {
                let table = |phase| match phase {
                    QuorumPhase::Read => read,
                    QuorumPhase::Write => write,
                };
                let pair = table(one).least_overlap(table(other))?;
                (pair.first, pair.second)
            }
        };
        Some(QuorumOverlap {
            first: system.ids_of(first),
            second: system.ids_of(second),
            shared: system.ids_of(first & second),
        })
    }

    /// The fewest voters without which no quorum of the phase is left, as places.
    pub(super) fn fewest_fatal(&self, n: usize, phase: QuorumPhase) -> u128 {
        match (self, phase) {
            (Listing::Sizes { read: size, .. }, QuorumPhase::Read)
            | (Listing::Sizes { write: size, .. }, QuorumPhase::Write) => {
                low((n + 1).saturating_sub(*size))
            }
            (Listing::Tables { read: table, .. }, QuorumPhase::Read)
            | (Listing::Tables { write: table, .. }, QuorumPhase::Write) => table.fewest_fatal(),
        }
    }

    /// A minimal write quorum that holds as few copies of the data as any does.
    pub(super) fn fewest_copies(&self, system: &QuorumSystem) -> Option<u128> {
        let n = system.voters().len();
        match self {
            Listing::Sizes { write, .. } => (*write <= n).then(|| low(*write)),
            Listing::Tables { write, .. } => {
                let held = |set: &u128| (set & system.holders()).count_ones();
                write.minimal().into_iter().min_by_key(held)
            }
        }
    }

    fn holds(&self, set: u128, phases: [bool; 2]) -> bool {
        match self {
            Listing::Sizes { read, write } => {
                let up = set.count_ones() as usize;
                (!phases[0] || up >= *read) && (!phases[1] || up >= *write)
            }
            Listing::Tables { read, write } => {
                (!phases[0] || read.holds(set)) && (!phases[1] || write.holds(set))
            }
        }
    }

    /// How likely quorums of these phases are up if each of these disjoint groups of voters is up with
    /// probability `up`, as a whole.
    fn available(&self, groups: &[u128], up: f64, phases: [bool; 2]) -> f64 {
        match self {
            Listing::Sizes { .. } => {
                // How likely so many voters are up.
                let mut likely = vec![1.0];
                for group in groups {
                    let size = group.count_ones() as usize;
                    let mut next = vec![0.0; likely.len() + size];
                    for (count, p) in likely.iter().enumerate() {
                        next[count] += p * (1.0 - up);
                        next[count + size] += p * up;
                    }
                    likely = next;
                }
                let enough = likely.iter().enumerate();
                enough
                    .filter(|(count, _)| self.holds(low(*count), phases))
                    .map(|(_, p)| p)
                    .sum()
            }
            Listing::Tables { .. } => {
                // Sets of groups with the same number up are equally likely.
                let mut counts = vec![0_u32; groups.len() + 1];
                for chosen in 0..1_usize << groups.len() {
                    let members = groups.iter().enumerate();
                    let set = members
                        .filter(|(i, _)| chosen >> i & 1 == 1)
                        .fold(0, |set, (_, group)| set | group);
                    counts[chosen.count_ones() as usize] += u32::from(self.holds(set, phases));
                }
                let each = counts.iter().enumerate().map(|(k, sets)| {
                    f64::from(*sets) * power(up, k) * power(1.0 - up, groups.len() - k)
                });
                each.sum()
            }
        }
    }

    /// So many of these groups always may fail as a whole.
    fn groups_survived(&self, groups: &[u128]) -> Option<usize> {
        let all = groups.iter().fold(0, |set, group| set | group);
        if !self.holds(all, [true, true]) {
            return None;
        }
        let mut fewest = groups.len();
        match self {
            Listing::Sizes { .. } => {
                let mut sizes: Vec<u128> = groups.to_vec();
                sizes.sort_by_key(|group| std::cmp::Reverse(group.count_ones()));
                let mut left = all;
                for (down, group) in sizes.iter().enumerate() {
                    left &= !group;
                    if !self.holds(left, [true, true]) {
                        fewest = down + 1;
                        break;
                    }
                }
            }
            Listing::Tables { .. } => {
                for down in 0..1_usize << groups.len() {
                    let up = groups.iter().enumerate();
                    let left = up
                        .filter(|(i, _)| down >> i & 1 == 0)
                        .fold(0, |set, (_, group)| set | group);
                    if !self.holds(left, [true, true]) {
                        fewest = fewest.min(down.count_ones() as usize);
                    }
                }
            }
        }
        Some(fewest.saturating_sub(1))
    }

    fn phase(&self, n: usize, up: f64, phase: QuorumPhase) -> PhaseFigures {
        let voters: Vec<u128> = (0..n).map(|i| 1 << i).collect();
        let phases = [phase == QuorumPhase::Read, phase == QuorumPhase::Write];
        let (smallest, largest, load) = match (self, phase) {
            (Listing::Sizes { read: size, .. }, QuorumPhase::Read)
            | (Listing::Sizes { write: size, .. }, QuorumPhase::Write) => {
                (*size, *size, LoadBounds::of_threshold(*size, n))
            }
            (Listing::Tables { read: table, .. }, QuorumPhase::Read)
            | (Listing::Tables { write: table, .. }, QuorumPhase::Write) => {
                let minimal = table.minimal();
                let sizes = || minimal.iter().map(|set| set.count_ones() as usize);
                let (smallest, largest) = (sizes().min(), sizes().max());
                let load = LoadBounds::of_quorums(&minimal, n);
                (smallest.unwrap_or(n + 1), largest.unwrap_or(n + 1), load)
            }
        };
        PhaseFigures {
            smallest,
            largest,
            survives: survived(self.fewest_fatal(n, phase)),
            available: self.available(&voters, up, phases),
            load,
        }
    }
}

/// The first so many places.
pub(super) fn low(count: usize) -> u128 {
    match count {
        0..128 => (1 << count) - 1,
        _ => u128::MAX,
    }
}

fn survived(fatal: u128) -> Option<usize> {
    (fatal.count_ones() as usize).checked_sub(1)
}

/// By multiplication alone, so that it gives the same bits everywhere.
fn power(base: f64, exponent: usize) -> f64 {
    (0..exponent).fold(1.0, |product, _| product * base)
}

impl QuorumSystem {
    /// What follows from the system, each replica being up with probability `up`.
    pub fn figures(&self, up: f64) -> QuorumFigures {
        self.figures_of(&Listing::of(self), up)
    }

    pub(super) fn figures_of(&self, listing: &Listing, up: f64) -> QuorumFigures {
        let n = self.voters().len();
        let voters: Vec<u128> = (0..n).map(|i| 1 << i).collect();
        let zones = self.zones_of_voters();
        let by_zone = |_: &u128| listing.available(&zones, up, [true, true]);
        let fatal = [QuorumPhase::Read, QuorumPhase::Write]
            .map(|phase| listing.fewest_fatal(n, phase))
            .into_iter()
            .min_by_key(|set| set.count_ones())
            .unwrap_or_default();
        let copies = listing
            .fewest_copies(self)
            .map_or(0, |set| (set & self.holders()).count_ones() as usize);
        QuorumFigures {
            read: listing.phase(n, up, QuorumPhase::Read),
            write: listing.phase(n, up, QuorumPhase::Write),
            read_write: listing.overlap(self, QuorumPhase::Read, QuorumPhase::Write),
            write_write: listing.overlap(self, QuorumPhase::Write, QuorumPhase::Write),
            survives: survived(fatal),
            fatal: self.ids_of(fatal),
            up,
            available: listing.available(&voters, up, [true, true]),
            zones_survived: (!zones.is_empty())
                .then(|| listing.groups_survived(&zones))
                .flatten(),
            available_by_zone: zones.first().map(by_zone),
            copies,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::counterexample::QuorumNeeds;
    use super::super::system::QuorumKind;
    use super::*;

    /// What is computed from sizes is what is found among all sets.
    #[test]
    fn sizes_and_tables_agree() {
        for n in 1..=7 {
            for read in 1..=n {
                for write in 1..=n {
                    let zones = vec![(0..n as u8 / 2).collect(), (n as u8 / 2..n as u8).collect()];
                    let system = QuorumSystem::with_roles(
                        QuorumKind::Flexible { read, write },
                        n,
                        zones,
                        vec![],
                        vec![],
                    )
                    .expect("sizes from 1 to n");
                    let computed = system.figures_of(&Listing::of(&system), 0.9);
                    let listed = system.figures_of(&Listing::tables(&system), 0.9);
                    let counts = |it: &QuorumFigures| {
                        let shared = |overlap: &Option<QuorumOverlap>| {
                            overlap.as_ref().map(|overlap| overlap.shared.len())
                        };
                        (
                            (it.read.smallest, it.read.largest, it.read.survives),
                            (it.write.smallest, it.write.largest, it.write.survives),
                            (shared(&it.read_write), shared(&it.write_write)),
                            (it.survives, it.fatal.len(), it.zones_survived, it.copies),
                        )
                    };
                    assert_eq!(counts(&computed), counts(&listed), "{n} {read} {write}");
                    let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
                    assert!(near(computed.available, listed.available));
                    let by_zone = |it: &QuorumFigures| it.available_by_zone.expect("zones");
                    assert!(near(by_zone(&computed), by_zone(&listed)));
                    let load = |it: &QuorumFigures| it.write.load.expect("a quorum").at_most;
                    assert!(near(load(&computed), load(&listed)));
                    for (shared, faults) in [(1, 0), (1, 1), (2, 1), (3, 2)] {
                        let needs = QuorumNeeds {
                            shared,
                            among_writes: true,
                            faults,
                            reaches_all: false,
                        };
                        let found = [Listing::of(&system), Listing::tables(&system)]
                            .map(|listing| system.counterexamples_of(&listing, &needs).len());
                        assert_eq!(found[0], found[1], "{n} {read} {write} {needs:?}");
                    }
                }
            }
        }
    }
}
