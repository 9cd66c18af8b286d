//! What was cut off a log, given back little by little.
//!
//! A log of millions of entries is cut at once, and each entry is an allocation: freeing them all in
//! one step stopped a leader for longer than an election timeout.

use super::Batch;
use std::collections::VecDeque;

/// Batches that belong to no log any more. No part of any state: a copy has nothing.
#[derive(Debug, Default)]
pub(super) struct Discarded(VecDeque<Batch>);

impl Clone for Discarded {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Discarded {
    pub(super) fn add(&mut self, mut batches: VecDeque<Batch>) {
        if self.0.is_empty() {
            self.0 = batches;
        } else {
            self.0.append(&mut batches);
        }
    }

    /// Frees so many entries, or a little more.
    pub(super) fn free(&mut self, entries: usize) {
        let mut left = entries;
        while left > 0
            && let Some(batch) = self.0.pop_front()
        {
            left = left.saturating_sub(batch.entries.len());
        }
        if self.0.is_empty() && self.0.capacity() > 0 {
            self.0 = VecDeque::new();
        }
    }

    #[cfg(test)]
    pub(super) fn entries(&self) -> usize {
        self.0.iter().map(|batch| batch.entries.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Log, Position};
    use quorate_core::replicated::{Configuration, Entries, Entry, SnapshotMeta};
    use std::sync::Arc;

    /// 1,000 entries that are cut are freed some at a time, also by a log that is only replayed; and
    /// make no difference to what the log is.
    #[test]
    fn what_is_cut_is_freed_little_by_little() {
        let entry = Entry {
            term: 1,
            payload: "x".into(),
        };
        let ten = Entries::new(vec![entry; 10]).expect("one term");
        let mut log = Log::after(Position::default(), None);
        for at in (1..=1000).step_by(10) {
            assert!(log.append(at, &ten));
        }
        let at = Position {
            term: 1,
            index: 1000,
        };
        let meta = SnapshotMeta {
            at,
            ..SnapshotMeta::default()
        };
        let configuration = Arc::new(Configuration::founding(3));
        assert!(log.compact(meta, at, &configuration));
        assert_eq!(log.discarded.entries(), 1000);
        let copy = log.clone();
        assert_eq!(copy.discarded.entries(), 0);
        log.tidy(300);
        assert_eq!(log.discarded.entries(), 700);
        assert!(log.append(1001, &ten));
        assert_eq!(log.discarded.entries(), 680);
        let mut copy = copy;
        assert!(copy.append(1001, &ten));
        assert_eq!(log, copy);
        log.tidy(1000);
        assert_eq!(log.discarded.entries(), 0);
    }
}
