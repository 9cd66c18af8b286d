//! The least disk there is: records in memory, durable once a sync is through.

use quorate_core::driver::{Disk, Lsn};
use std::io;

/// A log of records. What is not durable at a crash is kept up to some point, and lost from there.
#[derive(Clone, Debug)]
pub(super) struct MemoryDisk<R> {
    records: Vec<R>,
    durable: usize,
    /// How far the sync that is under way will get.
    syncing: Option<usize>,
    /// Syncs take no time.
    instant: bool,
}

impl<R> MemoryDisk<R> {
    pub(super) fn new(instant: bool) -> Self {
        Self {
            records: vec![],
            durable: 0,
            syncing: None,
            instant,
        }
    }

    pub(super) fn records(&self) -> &[R] {
        &self.records
    }

    /// Begins a sync if one is due; says whether it did.
    #[inline]
    pub(super) fn begin_sync(&mut self) -> bool {
        let due = self.syncing.is_none() && self.durable < self.records.len();
        if due {
            self.syncing = Some(self.records.len());
        }
        due
    }

    pub(super) fn complete_sync(&mut self) {
        if let Some(through) = self.syncing.take() {
            self.durable = through;
        }
    }

    /// How many records may be lost.
    pub(super) fn unsynced(&self) -> usize {
        self.records.len() - self.durable
    }

    /// The power fails: this many of the unsynced records are lost.
    pub(super) fn lose(&mut self, lost: usize) {
        self.records
            .truncate(self.records.len().saturating_sub(lost).max(self.durable));
        self.durable = self.records.len();
        self.syncing = None;
    }
}

impl<R> Disk<R> for MemoryDisk<R> {
    #[inline]
    fn append(&mut self, records: &mut Vec<R>) -> Lsn {
        self.records.append(records);
        if self.instant {
            self.durable = self.records.len();
        }
        self.records.len() as Lsn
    }

    #[inline]
    fn durable(&self) -> io::Result<Lsn> {
        Ok(self.durable as Lsn)
    }
}
