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
    /// Says that all is durable, and makes nothing so.
    lying: bool,
}

impl<R> MemoryDisk<R> {
    pub(super) fn new(instant: bool) -> Self {
        Self {
            records: vec![],
            durable: 0,
            syncing: None,
            instant,
            lying: false,
        }
    }

    pub(super) fn records(&self) -> &[R] {
        &self.records
    }

    /// Begins a sync if one is due; says whether it did.
    #[inline]
    pub(super) fn begin_sync(&mut self) -> bool {
        let due = self.syncing.is_none() && !self.lying && self.durable < self.records.len();
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

    /// The sync that is under way never ends: it was another copy's.
    pub(super) fn interrupt(&mut self) {
        self.syncing = None;
    }

    /// From now on, or no longer, it lies about syncs.
    pub(super) fn lie(&mut self, lying: bool) {
        self.lying = lying;
    }

    /// What it calls durable and is not.
    pub(super) fn lied_about(&self) -> usize {
        if self.lying { self.unsynced() } else { 0 }
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

    /// Everything is lost.
    pub(super) fn wipe(&mut self) {
        self.records.clear();
        self.durable = 0;
        self.syncing = None;
    }
}

impl<R> Disk<R> for MemoryDisk<R> {
    #[inline]
    fn append(&mut self, records: &mut Vec<R>) -> Lsn {
        self.records.append(records);
        if self.instant && !self.lying {
            self.durable = self.records.len();
        }
        self.records.len() as Lsn
    }

    #[inline]
    fn durable(&self) -> io::Result<Lsn> {
        Ok(if self.lying {
            self.records.len()
        } else {
            self.durable
        } as Lsn)
    }
}
