//! Comparing and hashing a log without going through it each time.
//!
//! A search hashes each state that it meets, and a log is the largest part of a state. So the content
//! of a log is summed up: each entry, with its index, counts for 128 bits, and a log for the sum of
//! its entries. A sum can be taken apart: what is cut off in front is subtracted, and how the entries
//! came in batches makes no difference. Each batch remembers the sum through its end once it was asked
//! for, and clones remember it too. What serves never asks, and pays nothing.
//!
//! Two logs are taken for equal if their sums are. The sums are no protection against an adversary;
//! entries that differ by accident have the same sum with a chance of 2^-128.

use super::{Batch, Log};
use crate::raft::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;

/// The sum of all entries through the end of a batch, since some entry that may be gone.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum(OnceLock<u128>);

impl Sum {
    pub(super) fn known(&self) -> Option<u128> {
        self.0.get().copied()
    }
}

fn weight(index: u64, entry: &Entry) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, index, entry).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    (half(0) << 64) | half(1)
}

impl Batch {
    /// The sum of its first entries.
    pub(super) fn weigh(&self, entries: usize) -> u128 {
        let entries = (self.first..).zip(self.entries.iter().take(entries));
        let weights = entries.map(|(index, entry)| weight(index, entry));
        weights.fold(0, u128::wrapping_add)
    }
}

impl Log {
    /// Entries were cut off in front, through which the sum was `sum`, if that is known. If it is
    /// not, no later one is.
    pub(super) fn forget(&mut self, sum: Option<u128>) {
        self.before = sum.unwrap_or(self.before);
    }

    /// The sum of the entries that are here.
    fn sum(&self) -> u128 {
        let known = self.batches.iter().rposition(|it| it.sum.known().is_some());
        let next = known.map_or(0, |at| at + 1);
        let mut sum = known.and_then(|at| self.batches[at].sum.known());
        for batch in self.batches.range(next..) {
            let through = sum
                .unwrap_or(self.before)
                .wrapping_add(batch.weigh(batch.entries.len()));
            sum = Some(*batch.sum.0.get_or_init(|| through));
        }
        sum.map_or(0, |sum| sum.wrapping_sub(self.before))
    }

    fn content(&self) -> impl Eq + Hash {
        let configuration = self.base_configuration.clone();
        (
            self.base,
            self.last,
            self.snapshot,
            configuration,
            self.sum(),
        )
    }
}

impl PartialEq for Log {
    fn eq(&self, other: &Self) -> bool {
        self.content() == other.content()
    }
}

impl Eq for Log {}

impl Hash for Log {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.content().hash(state);
    }
}
