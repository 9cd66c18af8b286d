//! Forgetting.
//!
//! Compaction at a revision R ends reading before R at once. What no reader at R or later can see
//! is freed by working through the changes before R, oldest first: a change makes the one before
//! it of the same key unreachable, and a tombstone makes itself so. A large compaction must not
//! hold up the commands behind it: the command itself works through a bounded number of changes,
//! and every later command through a few and two for each that it adds.
//!
//! The steps are part of applying a command and nothing else, so that replicas at the same index
//! hold the same changes and have the same digest.

use super::Store;
use crate::error::Error;
use crate::history::{KeyChange, Revision};
use crate::request::CompactRequest;
use crate::response::CompactResponse;

/// How many changes a compaction works through itself: a few milliseconds.
const STEPS_AT_ONCE: usize = 4096;

/// How many changes any command works through while a compaction is unfinished.
const STEPS_PER_COMMAND: usize = 4;

/// And how many more for each change that it adds: more than one, so that the compaction ends.
const STEPS_PER_CHANGE: usize = 2;

impl Store {
    pub(super) fn compact(&mut self, compact: &CompactRequest) -> Result<CompactResponse, Error> {
        if compact.revision <= self.compacted {
            return Err(Error::Compacted);
        }
        if compact.revision > self.revision {
            return Err(Error::FutureRevision);
        }
        self.compacted = compact.revision;
        self.compact_steps(STEPS_AT_ONCE);
        Ok(CompactResponse {
            revision: self.revision,
        })
    }

    /// Whether a compaction still has changes to work through. Reads do not notice.
    pub fn is_compacting(&self) -> bool {
        self.changes
            .front()
            .is_some_and(|change| change.revision.main < self.compacted)
    }

    /// Goes on with an unfinished compaction, at the end of a command.
    pub(super) fn compact_more(&mut self, added: usize) {
        self.compact_steps(STEPS_PER_COMMAND + added.saturating_mul(STEPS_PER_CHANGE));
    }

    fn compact_steps(&mut self, steps: usize) {
        for _ in 0..steps {
            if !self.is_compacting() {
                return;
            }
            let Some(change) = self.changes.pop_front() else {
                return;
            };
            self.floor = Revision {
                main: change.revision.main,
                sub: change.revision.sub + 1,
            };
            self.forget_behind(&change);
        }
    }

    /// Drops what `change` hides. Earlier changes of the key were worked through before, so that
    /// at most one is left.
    fn forget_behind(&mut self, change: &KeyChange) {
        if change.version == 1 {
            // The first change of a life hides at most the tombstone before it, which is gone.
            return;
        }
        let key = change.key.as_slice();
        let Some(history) = self.keys.get_mut(key) else {
            return;
        };
        let is_older = |oldest: &KeyChange| oldest.revision < change.revision;
        let hidden = match history.get(0) {
            Some(oldest) if is_older(oldest) => history.pop_oldest(),
            _ => None,
        };
        let mut tombstone = None;
        if change.is_tombstone() {
            tombstone = history.pop_oldest();
            if tombstone.is_none() {
                tombstone = self
                    .keys
                    .remove(key)
                    .map(|history| history.latest().clone());
            }
        }
        for forgotten in hidden.iter().chain(&tombstone) {
            self.count_out(forgotten);
        }
    }
}
