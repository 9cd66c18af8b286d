//! A disk in memory that holds records, and syncs when it is told to.

use quorate_core::driver::{Disk, Lsn};
use std::io;

/// A log in memory. Its positions count all records ever appended, those deleted at the front too.
#[derive(Clone, Debug)]
pub struct VecDisk<R> {
    /// What is written and not deleted.
    pub records: Vec<R>,
    /// How many records were deleted at the front.
    pub deleted: Lsn,
    /// The position through which all is durable.
    pub synced: Lsn,
    /// How many syncs were done, as the driver counts them.
    pub syncs: u64,
    /// Says that all is durable when it is not.
    pub lies: bool,
}

impl<R> Default for VecDisk<R> {
    fn default() -> Self {
        Self {
            records: vec![],
            deleted: 0,
            synced: 0,
            syncs: 0,
            lies: false,
        }
    }
}

impl<R> Disk<R> for VecDisk<R> {
    fn append(&mut self, records: &mut Vec<R>) -> Lsn {
        self.records.append(records);
        self.end()
    }

    fn durable(&self) -> io::Result<Lsn> {
        Ok(if self.lies { self.end() } else { self.synced })
    }
}

impl<R> VecDisk<R> {
    /// The position of the last record.
    pub fn end(&self) -> Lsn {
        self.deleted + self.records.len() as u64
    }

    /// Makes the records through `lsn` durable, or all if there are fewer.
    pub fn sync(&mut self, lsn: Lsn) {
        self.synced = self.synced.max(lsn.min(self.end()));
    }

    /// The durable records: what recovery would find after a crash now.
    pub fn durable_records(&self) -> &[R] {
        &self.records[..(self.synced - self.deleted) as usize]
    }

    /// Deletes the first `count` records.
    ///
    /// # Panics
    /// If they are not durable.
    pub fn delete(&mut self, count: usize) {
        assert!(count <= self.durable_records().len(), "not durable yet");
        self.records.drain(..count);
        self.deleted += count as u64;
    }

    /// Power fails: of what is not durable, the first `torn` records happen to survive.
    pub fn crash(&mut self, torn: u64) {
        let kept = self.synced.saturating_add(torn).min(self.end()) - self.deleted;
        self.records.truncate(kept as usize);
        self.synced = self.end();
    }
}
