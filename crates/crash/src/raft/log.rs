//! The log: entries from somewhere on, and what came before as a snapshot.

mod digest;
mod discarded;

use super::{Configuration, Entries, Entry, Position, SnapshotMeta};
use digest::Sum;
use discarded::Discarded;
use std::collections::VecDeque;
use std::sync::Arc;

/// A replicated log whose beginning may have been cut off. Entries are held in the batches in
/// which they came; a clone copies references to those only. Compares and hashes by content, at a
/// cost that does not grow with what was compared or hashed before.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// The entry before the first one that is here.
    base: Position,
    last: Position,
    snapshot: SnapshotMeta,
    /// In order, gapless, none empty.
    batches: VecDeque<Batch>,
    /// Where each term begins, among the entries that are here: few, however long the log.
    terms: VecDeque<Position>,
    /// The configuration as of `base`; `None` as long as only the founding one is known, which is
    /// not the log's to say.
    base_configuration: Option<Arc<Configuration>>,
    /// The configurations among the entries that are here, by index: few, however long the log.
    configurations: VecDeque<(u64, Arc<Configuration>)>,
    /// The sum of what is no longer here, as far as it is in the sums of the batches.
    before: u128,
    discarded: Discarded,
}

#[derive(Clone, Debug)]
struct Batch {
    first: u64,
    entries: Entries,
    sum: Sum,
}

impl Batch {
    fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }
}

impl Log {
    /// An empty log that begins after `base`, where `configuration` is in force.
    pub(super) fn after(base: Position, configuration: Option<Arc<Configuration>>) -> Self {
        Self {
            base,
            last: base,
            base_configuration: configuration,
            ..Self::default()
        }
    }

    /// The latest configuration in the log, committed or not: the one in force (Raft §6). `None` as
    /// long as the log says nothing, and the founding configuration counts.
    pub fn configuration(&self) -> Option<&Arc<Configuration>> {
        match self.configurations.back() {
            Some((_, configuration)) => Some(configuration),
            None => self.base_configuration.as_ref(),
        }
    }

    /// The index of the entry that holds [`Log::configuration`]; the base if none does.
    pub fn configured_at(&self) -> u64 {
        let last = self.configurations.back();
        last.map_or(self.base.index, |(index, _)| *index)
    }

    /// The index from which on the log knows the configuration.
    pub(super) fn first_configured(&self) -> Option<u64> {
        match &self.base_configuration {
            Some(_) => Some(self.base.index),
            None => self.configurations.front().map(|(index, _)| *index),
        }
    }

    /// The configuration in force after the entry at `index`, which is not before the base.
    pub fn configuration_at(&self, index: u64) -> Option<&Arc<Configuration>> {
        let after = self.configurations.partition_point(|(at, _)| *at <= index);
        match after.checked_sub(1) {
            Some(before) => Some(&self.configurations[before].1),
            None => self.base_configuration.as_ref(),
        }
    }

    /// The configuration as of the base is written down with a snapshot. Returns false if the log
    /// knows another one.
    #[must_use]
    pub(super) fn restate(&mut self, base: Position, configuration: &Arc<Configuration>) -> bool {
        if !self.holds(base) {
            return true; // the snapshot of a leader that is ahead
        }
        match self.configuration_at(base.index) {
            Some(known) => known == configuration,
            None => {
                self.base_configuration = Some(configuration.clone());
                true
            }
        }
    }

    /// The position before the first entry that is here. All up to it can only be had as part of
    /// the snapshot.
    pub fn base(&self) -> Position {
        self.base
    }

    /// The position of the last entry.
    pub fn last(&self) -> Position {
        self.last
    }

    /// The last snapshot, zero if there is none; never before [`Log::base`] once it is complete.
    pub fn snapshot(&self) -> SnapshotMeta {
        self.snapshot
    }

    /// The term of an entry, as far as it is known.
    pub fn term_at(&self, index: u64) -> Option<u64> {
        if index > self.last.index || index < self.base.index {
            return None;
        }
        match self.terms.back() {
            Some(run) if index >= run.index => Some(run.term),
            _ if index == self.base.index => Some(self.base.term),
            _ => {
                let after = self.terms.partition_point(|run| run.index <= index);
                Some(self.terms[after - 1].term)
            }
        }
    }

    /// Whether the log has this very entry.
    pub fn holds(&self, at: Position) -> bool {
        self.term_at(at.index) == Some(at.term)
    }

    /// The last position, at or before `index`, whose term is at most `term`; the base if all
    /// terms after it are higher. Two logs that part before `(term, index)` share nothing after
    /// it, which is what makes back-up fast (Raft §5.3).
    pub fn last_at_most(&self, term: u64, index: u64) -> Position {
        let index = index.clamp(self.base.index, self.last.index);
        if self.term_at(index).is_some_and(|mine| mine <= term) {
            return Position {
                term: self.term_at(index).unwrap_or(0),
                index,
            };
        }
        // Entries with higher terms form the end of the log: step over them.
        let after = self.terms.partition_point(|run| run.term <= term);
        match after.checked_sub(1).map(|before| self.terms[before].term) {
            Some(term) => Position {
                term,
                index: self.terms[after].index - 1,
            },
            None => self.base,
        }
    }

    /// Up to `max_bytes` of entries, one at least if there is one at `from`.
    pub fn slice(&self, from: u64, max_bytes: usize) -> Entries {
        let Some(at) = self.batch_at(from) else {
            return Entries::default();
        };
        let batch = &self.batches[at];
        let start = (from - batch.first) as usize;
        let rest = batch.entries.len() - start;
        if at + 1 == self.batches.len() && start == 0 && batch.entries.bytes() <= max_bytes {
            return batch.entries.clone();
        }
        let mut room = max_bytes;
        let mut fits = |entry: &Entry| match room.checked_sub(entry.bytes()) {
            Some(left) => {
                room = left;
                true
            }
            None => false,
        };
        let fitting = batch.entries[start..]
            .iter()
            .take_while(|e| fits(e))
            .count();
        let within = fitting.max(1);
        let following = self.batches.range(at + 1..).flat_map(|b| b.entries.iter());
        if within < rest
            || fitting == 0
            || !self
                .batches
                .get(at + 1)
                .is_some_and(|b| fits(&b.entries[0]))
        {
            return batch.entries.slice(start..start + within);
        }
        // Several small batches become one message.
        let mut first = true;
        let following = following.take_while(|e| std::mem::take(&mut first) || fits(e));
        let all: Vec<Entry> = batch.entries[start..]
            .iter()
            .chain(following)
            .cloned()
            .collect();
        Entries::sorted(all.into())
    }

    /// Entries from `from` to at most `to` that lie in one allocation; none if there is none.
    pub(super) fn piece(&self, from: u64, to: u64) -> Entries {
        let Some(at) = self.batch_at(from) else {
            return Entries::default();
        };
        let batch = &self.batches[at];
        let end = batch.end().min(to.saturating_add(1)).max(from);
        batch
            .entries
            .slice((from - batch.first) as usize..(end - batch.first) as usize)
    }

    /// The entries that are here, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.batches.iter().flat_map(|batch| batch.entries.iter())
    }

    /// The entry at an index, if it is here.
    pub fn entry(&self, index: u64) -> Option<&Entry> {
        let batch = &self.batches[self.batch_at(index)?];
        batch.entries.get((index - batch.first) as usize)
    }

    /// The earliest position at which the log may begin so that it keeps at most `entries` entries
    /// and `bytes` bytes up to `index`. Looks at whole batches.
    pub(super) fn earliest_base(&self, index: u64, entries: u64, bytes: usize) -> Position {
        let floor = index.saturating_sub(entries).max(self.base.index);
        let mut room = bytes;
        let mut keep = index.clamp(self.base.index, self.last.index);
        let before = self.batches.partition_point(|batch| batch.first <= index);
        for batch in self.batches.range(..before).rev() {
            if keep <= floor || batch.entries.bytes() > room {
                break;
            }
            room -= batch.entries.bytes();
            keep = (batch.first - 1).max(floor);
        }
        Position {
            term: self.term_at(keep).unwrap_or(0),
            index: keep,
        }
    }

    /// Puts entries at `at`, dropping what is there from `at` on. Returns false, and changes
    /// nothing, when they do not fit on what is here.
    #[must_use]
    pub(super) fn append(&mut self, at: u64, entries: &Entries) -> bool {
        let Some(first) = entries.first() else {
            return true;
        };
        if at != self.last.index + 1 {
            if at <= self.base.index || at > self.last.index {
                return false;
            }
            let before = self.term_at(at - 1).unwrap_or(0);
            if first.term < before {
                return false;
            }
            self.truncate_from(at);
        }
        if first.term < self.last.term {
            return false;
        }
        let last = entries.last().map_or(0, |entry| entry.term);
        self.note_term(first.term, at);
        if last != first.term {
            for (offset, entry) in entries.iter().enumerate() {
                self.note_term(entry.term, at + offset as u64);
            }
        }
        self.last = Position {
            term: last,
            index: at + entries.len() as u64 - 1,
        };
        for (offset, configuration) in entries.configurations() {
            let configured = (at + offset as u64, configuration.clone());
            self.configurations.push_back(configured);
        }
        self.batches.push_back(Batch {
            first: at,
            entries: entries.clone(),
            sum: Sum::default(),
        });
        // So a log that is replayed is never more than twice as large as it was written.
        self.discarded.free(2 * entries.len());
        true
    }

    fn note_term(&mut self, term: u64, index: u64) {
        if self.terms.back().is_none_or(|run| run.term != term) {
            self.terms.push_back(Position { term, index });
        }
    }

    fn truncate_from(&mut self, at: u64) {
        while self.batches.back().is_some_and(|batch| batch.first >= at) {
            self.batches.pop_back();
        }
        if let Some(batch) = self.batches.back_mut()
            && batch.end() > at
        {
            batch.sum = Sum::default();
            batch.entries = batch.entries.slice(0..(at - batch.first) as usize);
        }
        self.last = Position {
            term: self.term_at(at - 1).unwrap_or(0),
            index: at - 1,
        };
        while self.terms.back().is_some_and(|run| run.index >= at) {
            self.terms.pop_back();
        }
        while self
            .configurations
            .back()
            .is_some_and(|(index, _)| *index >= at)
        {
            self.configurations.pop_back();
        }
    }

    /// Replaces what leads up to `base` by the snapshot: keeps what follows `base` if the log
    /// holds it, otherwise nothing. `configuration` is the one as of the snapshot's last entry.
    /// Returns false, and changes nothing, when it is not the one that the log has there.
    #[must_use]
    pub(super) fn compact(
        &mut self,
        snapshot: SnapshotMeta,
        base: Position,
        configuration: &Arc<Configuration>,
    ) -> bool {
        if self.holds(base) {
            let known = self.configuration_at(snapshot.at.index);
            if snapshot.at.index > self.last.index || known.is_some_and(|it| it != configuration) {
                return false;
            }
            self.base_configuration = self.configuration_at(base.index).cloned();
            while self
                .configurations
                .front()
                .is_some_and(|(index, _)| *index <= base.index)
            {
                self.configurations.pop_front();
            }
        } else if base == snapshot.at {
            let mut discarded = std::mem::take(&mut self.discarded);
            discarded.add(std::mem::take(&mut self.batches));
            *self = Self::after(base, Some(configuration.clone()));
            self.discarded = discarded;
        } else {
            return false;
        }
        self.snapshot = snapshot;
        let gone = self.batches.partition_point(|b| b.end() <= base.index + 1);
        let kept = self.batches.split_off(gone);
        let gone = std::mem::replace(&mut self.batches, kept);
        // No batch knows its sum unless those before it do.
        let known = gone.iter().rev().find_map(|batch| batch.sum.known());
        self.forget(known);
        self.discarded.add(gone);
        if let Some(batch) = self.batches.front()
            && batch.first <= base.index
        {
            let gone = (base.index + 1 - batch.first) as usize;
            let sum = batch.sum.known().is_some();
            let sum = sum.then(|| self.before.wrapping_add(batch.weigh(gone)));
            self.forget(sum);
        }
        if let Some(batch) = self.batches.front_mut()
            && batch.first <= base.index
        {
            let gone = (base.index + 1 - batch.first) as usize;
            batch.entries = batch.entries.slice(gone..batch.entries.len());
            batch.first = base.index + 1;
        }
        while self
            .terms
            .get(1)
            .is_some_and(|run| run.index <= base.index + 1)
        {
            self.terms.pop_front();
        }
        if self.batches.is_empty() {
            self.terms.clear();
        } else if let Some(run) = self.terms.front_mut() {
            run.index = run.index.max(base.index + 1);
        }
        self.base = base;
        true
    }

    /// Gives back the memory of so many entries that were cut off.
    pub(super) fn tidy(&mut self, entries: usize) {
        self.discarded.free(entries);
    }

    /// Which batch has the entry at `index`.
    fn batch_at(&self, index: u64) -> Option<usize> {
        if index <= self.base.index || index > self.last.index {
            return None;
        }
        // No batch is empty, so it is at most as many batches from the end as entries; with single
        // entries, or near the end, that is nearly exact. A search through the whole log would
        // miss the cache at each step.
        let (mut low, mut high) = (0, self.batches.len());
        if let Some(bound) = high.checked_sub((self.last.index - index) as usize + 1) {
            low = bound;
            if self.batches[low].end() > index {
                return Some(low);
            }
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.batches[middle].first <= index {
                low = middle;
            } else {
                high = middle;
            }
        }
        Some(low)
    }
}
