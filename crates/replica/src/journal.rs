//! A replica's records in its write-ahead log.
//!
//! Everything durable is a record in one log, the chunks of snapshots included. A snapshot begins
//! a new segment with a record that holds the complete hard state; once its last record is
//! durable, the segments before are removed, after what is durable was announced. So the log always starts at its very beginning, or
//! with a record that needs nothing before it.

use quorate_core::Hard;
use quorate_core::driver::Lsn;
use quorate_core::replicated::{Replicated, SnapshotPart};
use quorate_wal::{self as wal, SegmentNo, Storage, Wal};
use std::marker::PhantomData;

/// The log of one replica of protocol `P`. Its position counts records, as the log gate does.
#[derive(Debug)]
pub struct Journal<P, S> {
    protocol: PhantomData<fn() -> P>,
    wal: Wal<S>,
    buffer: Vec<u8>,
    /// The snapshot being written and the segment that it began.
    begun: Option<(u64, SegmentNo)>,
    /// Segments before this one may go when the log is durable through the position.
    retire: Option<(wal::Lsn, SegmentNo)>,
}

/// Why the log can't go on. Final for the process.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The log or the disk under it.
    #[error(transparent)]
    Wal(#[from] wal::Error),
    /// A record could not be encoded.
    #[error("a record could not be encoded: {0}")]
    Encode(#[from] postcard::Error),
}

impl<P: Replicated, S: Storage> Journal<P, S> {
    /// Goes on with a recovered log.
    pub fn new(wal: Wal<S>) -> Self {
        Self {
            protocol: PhantomData,
            wal,
            buffer: vec![],
            begun: None,
            retire: None,
        }
    }

    /// Adds a record. It is on its way to the file after [`Journal::write`], and durable after
    /// [`Journal::sync`].
    ///
    /// # Errors
    /// When the log fails, now or earlier.
    pub fn append(&mut self, record: &<P::Hard as Hard>::Record) -> Result<(), JournalError> {
        let part = P::snapshot_part(record);
        if let Some(SnapshotPart::Begin { id }) = part {
            self.begun = Some((id, self.wal.roll()?));
        }
        self.buffer.clear();
        self.buffer = postcard::to_extend(record, std::mem::take(&mut self.buffer))?;
        let lsn = self.wal.append(&self.buffer)?;
        if let Some(SnapshotPart::End { id }) = part
            && let Some((begun, segment)) = self.begun.take()
            && begun == id
        {
            self.retire = Some((lsn, segment));
        }
        Ok(())
    }

    /// Hands what was added to the file.
    ///
    /// # Errors
    /// When the log fails, now or earlier.
    pub fn write(&mut self) -> Result<(), JournalError> {
        Ok(self.wal.write()?)
    }

    /// Makes everything written durable, and returns through which position that is. Say so to
    /// those who wait for it before [`Journal::tidy`].
    ///
    /// # Errors
    /// When the log fails, now or earlier.
    pub fn sync(&mut self) -> Result<Lsn, JournalError> {
        Ok(self.wal.sync()?.0)
    }

    /// Does one piece of the work that nothing waits for: takes segments that a finished snapshot
    /// made superfluous out of the log, removes one of them, or makes the next segment in advance.
    /// Each of these syncs the directory once or twice, or frees the room of one segment. Returns
    /// whether there is more to do.
    ///
    /// # Errors
    /// When the log fails, now or earlier.
    pub fn tidy(&mut self) -> Result<bool, JournalError> {
        if let Some((lsn, segment)) = self.retire
            && lsn <= self.wal.durable()
        {
            self.retire = None;
            self.wal.retire_segments_before(segment)?;
            return Ok(true);
        }
        if self.wal.remove_retired()? {
            return Ok(true);
        }
        self.wal.prepare()?;
        Ok(false)
    }

    /// The log is idle: marks what is durable as such, so that later damage to it can't be taken
    /// for a torn tail.
    ///
    /// # Errors
    /// When the log fails, now or earlier.
    pub fn seal(&mut self) -> Result<(), JournalError> {
        Ok(self.wal.seal()?)
    }

    /// The position of the last record added.
    pub fn last(&self) -> Lsn {
        self.wal.appended().0
    }

    /// The position through which everything is durable.
    pub fn durable(&self) -> Lsn {
        self.wal.durable().0
    }

    /// The log itself.
    pub fn wal(&self) -> &Wal<S> {
        &self.wal
    }

    /// The storage under it, to break it.
    pub fn storage_mut(&mut self) -> &mut S {
        self.wal.storage_mut()
    }

    /// Gives the storage back.
    pub fn into_storage(self) -> S {
        self.wal.into_storage()
    }
}
