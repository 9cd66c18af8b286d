//! Why a quorum system does not hold: two quorums that share too few, or faults that leave none.

use super::figures::{Listing, QuorumOverlap};
use super::system::{QuorumPhase, QuorumSystem};
use serde::Serialize;

/// What a contract asks of its quorums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct QuorumNeeds {
    /// So many replicas a read and a write quorum have to share: 1 among the honest, `f + 1` among
    /// liars, `2f + 1` where data prove nothing themselves (Malkhi and Reiter 1998).
    pub shared: usize,
    /// Two write quorums have to share as many: among liars, for a leader that lies may ask two of them
    /// for different writes.
    pub among_writes: bool,
    /// So many replicas may be faulty, whichever they are, and both kinds of quorum are left.
    pub faults: usize,
    /// Does a write reach all replicas that hold data and are up? Only where a crash is told from a slow
    /// replica (Pâris 1986 assumes it). Else a write quorum has to hold one more copy than may fail.
    pub reaches_all: bool,
}

/// Why a quorum system does not hold. Replicas are named by their ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum QuorumCounterexample {
    /// Two quorums that share too few.
    Apart {
        /// What the first is for; the second writes.
        phase: QuorumPhase,
        /// The two.
        overlap: QuorumOverlap,
        /// How many they would have to share.
        needed: usize,
    },
    /// Faults that leave no quorum.
    NoneLeft {
        /// Of which kind none is left.
        phase: QuorumPhase,
        /// Who is faulty: no more than may be.
        faulty: Vec<u8>,
    },
    /// A write of which no copy is left, though there are votes.
    CopiesLost {
        /// The quorum that took the write.
        write: Vec<u8>,
        /// Who is faulty: all of it that hold data.
        faulty: Vec<u8>,
    },
}

impl QuorumSystem {
    /// Why the system does not meet these needs; empty if it does.
    pub fn counterexamples(&self, needs: &QuorumNeeds) -> Vec<QuorumCounterexample> {
        self.counterexamples_of(&Listing::of(self), needs)
    }

    pub(super) fn counterexamples_of(
        &self,
        listing: &Listing,
        needs: &QuorumNeeds,
    ) -> Vec<QuorumCounterexample> {
        let mut found = vec![];
        let phases: &[QuorumPhase] = match needs.among_writes {
            true => &[QuorumPhase::Read, QuorumPhase::Write],
            false => &[QuorumPhase::Read],
        };
        for &phase in phases {
            let overlap = listing.overlap(self, phase, QuorumPhase::Write);
            let apart = overlap.filter(|overlap| overlap.shared.len() < needs.shared);
            if let Some(overlap) = apart {
                found.push(QuorumCounterexample::Apart {
                    phase,
                    overlap,
                    needed: needs.shared,
                });
                break;
            }
        }
        let n = self.voters().len();
        for phase in [QuorumPhase::Read, QuorumPhase::Write] {
            let fatal = listing.fewest_fatal(n, phase);
            if fatal.count_ones() as usize <= needs.faults {
                found.push(QuorumCounterexample::NoneLeft {
                    phase,
                    faulty: self.ids_of(fatal),
                });
                // One kind is enough to say so.
                return found;
            }
        }
        // Without witnesses every replica of a quorum holds a copy, and quorums that meet after the
        // faults meet in one.
        if !self.witnesses().is_empty() {
            let write = match needs.reaches_all {
                true => Some(self.holders()),
                false => listing.fewest_copies(self),
            };
            let lost =
                write.filter(|set| (set & self.holders()).count_ones() as usize <= needs.faults);
            if let Some(write) = lost {
                found.push(QuorumCounterexample::CopiesLost {
                    write: self.ids_of(write),
                    faulty: self.ids_of(write & self.holders()),
                });
            }
        }
        found
    }
}
