//! A replica's log on a simulated disk, with the latency of its syncs left to the world.

use super::SharedStorage;
use crate::serving::{Journal, Simulated};
use quorate_core::driver::{Disk, Lsn};
use quorate_core::replicated::SnapshotPart;
use quorate_core::{Hard, Mutant};
use quorate_replica::JournalError;
use std::{io, mem};

/// The log of a running replica. Writes as the serving process does: what has gathered while a
/// sync was under way goes to the file together and shares the next sync.
#[derive(Debug)]
pub struct ReplicaDisk<P: Simulated> {
    journal: Journal<P, SharedStorage>,
    waiting: Vec<Record<P>>,
    appended: Lsn,
    durable: Lsn,
    syncing: bool,
    /// A sync has begun since the world last looked.
    began: bool,
    failed: Option<String>,
    mutant: Mutant,
    /// What became of the protocol's log since the observers last looked.
    changes: Vec<P::Change>,
    /// Snapshots that began since the world last looked.
    snapshots: u64,
}

type Record<P> = <<P as quorate_core::Protocol>::Hard as Hard>::Record;

impl<P: Simulated> ReplicaDisk<P> {
    /// Goes on with a recovered log.
    pub fn new(journal: Journal<P, SharedStorage>, mutant: Mutant) -> Self {
        Self {
            appended: journal.last(),
            durable: journal.durable(),
            journal,
            waiting: vec![],
            syncing: false,
            began: false,
            failed: None,
            mutant,
            changes: vec![],
            snapshots: 0,
        }
    }

    /// Whether a sync has begun since this was last asked: the world decides how long it takes,
    /// then calls [`ReplicaDisk::complete_sync`].
    pub fn take_began(&mut self) -> bool {
        mem::take(&mut self.began)
    }

    /// The sync is through.
    pub fn complete_sync(&mut self) {
        if !mem::take(&mut self.syncing) || self.failed.is_some() {
            return;
        }
        match self.journal.sync() {
            Ok(durable) => self.durable = durable,
            Err(error) => return self.fail(&error),
        }
        loop {
            match self.journal.tidy() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return self.fail(&error),
            }
        }
        if !self.waiting.is_empty() {
            let mut records = mem::take(&mut self.waiting);
            self.write(&mut records);
            self.waiting = records;
        }
    }

    /// Is nothing under way?
    pub fn is_idle(&self) -> bool {
        !self.syncing && self.waiting.is_empty()
    }

    /// Marks the log as durable up to its end, as the serving process does when it is idle.
    pub fn seal(&mut self) {
        if self.is_idle()
            && self.failed.is_none()
            && let Err(error) = self.journal.seal()
        {
            self.fail(&error);
        }
    }

    /// Records that wait for a sync to end.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The position of the last record that the log was given.
    pub fn appended(&self) -> Lsn {
        self.appended
    }

    /// The position up to which the log is really durable.
    pub fn synced(&self) -> Lsn {
        self.durable
    }

    /// Takes out what became of the protocol's log.
    pub fn take_changes(&mut self) -> Vec<P::Change> {
        mem::take(&mut self.changes)
    }

    /// How many snapshots began since this was last asked.
    pub fn take_snapshots(&mut self) -> u64 {
        mem::take(&mut self.snapshots)
    }

    /// Gives an emptied list back, so that its memory is used again.
    pub fn put_back(&mut self, changes: Vec<P::Change>) {
        self.changes = changes;
    }

    fn write(&mut self, records: &mut Vec<Record<P>>) {
        let mut wrote = Ok(());
        for record in records.drain(..) {
            if wrote.is_ok() {
                wrote = self.journal.append(&record);
            }
        }
        match wrote.and_then(|()| self.journal.write()) {
            Ok(()) => (self.syncing, self.began) = (true, true),
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&mut self, error: &JournalError) {
        self.failed = Some(error.to_string());
    }

    fn note(&mut self, records: &[Record<P>]) {
        let begins = |record: &&Record<P>| {
            matches!(P::snapshot_part(record), Some(SnapshotPart::Begin { .. }))
        };
        self.snapshots += records.iter().filter(begins).count() as u64;
        self.changes.extend(records.iter().filter_map(P::change));
    }
}

impl<P: Simulated> Disk<Record<P>> for ReplicaDisk<P> {
    fn append(&mut self, records: &mut Vec<Record<P>>) -> Lsn {
        self.appended += records.len() as u64;
        self.note(records);
        if self.failed.is_some() {
            records.clear();
        } else if self.syncing {
            self.waiting.append(records);
        } else if !records.is_empty() {
            self.write(records);
        }
        self.appended
    }

    fn durable(&self) -> io::Result<Lsn> {
        match &self.failed {
            Some(error) => Err(io::Error::other(error.clone())),
            // The defect: what was written counts as durable, and the sync may come when it may.
            None if self.mutant.is(Mutant::NoSyncBeforeAck) => Ok(self.appended),
            None => Ok(self.durable),
        }
    }
}
