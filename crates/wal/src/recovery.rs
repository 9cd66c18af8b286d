//! [`Recovery`]: reads a log back and decides what its end means.

mod survey;
mod tail;

use crate::config::Config;
use crate::error::Error;
use crate::format::{
    BATCH_HEADER, BatchHeader, RECORD_HEADER, SegmentHeader, record_at, salt, segment_name,
};
use crate::ids::{Lsn, SegmentNo};
use crate::log::Wal;
use crate::log::{Active, SegmentStub};
use crate::span::{Span, remove, remove_segment};
use crate::storage::{FileId, Storage};
use crate::window::Window;
use tail::{erase, write_again};

/// A log being read back: [`next`](Self::next) streams its records, [`finish`](Self::finish) makes
/// it ready for appending.
///
/// Reading changes nothing on disk; a log that is refused is left as it was found. The records may
/// be acted on towards others only after `finish`, which makes them durable: after a process crash
/// they may so far be in the page cache only.
///
/// # What the end of a log means
///
/// Reading stops where no valid batch follows. What lies behind decides:
///
/// - *zeros*: a clean end;
/// - *a later segment that was begun, or a batch whose durable mark covers the record that is
///   missing*: the missing record had been synced, so this is damage: [`Error::Corrupt`]. A segment
///   is begun only after the one before was synced, and a batch carries the LSN up to which all was
///   synced when it was written;
/// - *anything else*: a torn tail. A disk may persist the sectors of unsynced writes in any order, so
///   damage followed by batches of the same sync says nothing was lost that was promised. It is cut,
///   what follows it is overwritten with zeros, so that it cannot come back to life, and that is made
///   durable before anything else is written.
///
/// A last segment without a valid header, and with nothing in it, was made in advance; it is kept
/// for use, or removed if its making was cut short. It proves nothing about the one before.
///
/// Which segments there must be, an empty file says that is durable before the last of them holds a
/// record (`span.rs`): one that is missing in the middle or at either end is
/// [`Error::MissingSegment`]. That there must be a log at all, [`Config::must_exist`] says.
///
/// **What cannot be told apart.** Damage to the batches of the very last sync, with nothing written
/// behind them, looks like a torn write, and a last sync that reads as zeros looks like a clean end.
/// No log can tell (Alagappan et al., Protocol-Aware Recovery, FAST'18), so one replica may
/// forget its last sync if its disk decays in just that place. [`Wal::seal`] closes the gap for an
/// idle log, and `finish` seals what it recovered. Nor can a directory that was replaced by an older
/// copy of itself.
#[derive(Debug)]
pub struct Recovery<S> {
    storage: S,
    config: Config,
    phase: Phase,
    segments: Vec<Found>,
    /// A last segment without a header.
    unborn: Option<SegmentNo>,
    /// Whether the span counts it: its making was not cut short.
    is_unborn_counted: bool,
    /// The segments that the log has.
    span: Option<Span>,
    /// The names of all files that say so.
    spans: Vec<String>,
    /// Segments that the log has no more.
    superseded: Vec<SegmentNo>,
    /// Index in `segments` of the one being read.
    current: usize,
    file: Option<FileId>,
    window: Window,
    /// Where in the current segment the next batch is.
    end: u64,
    /// From here to `end`, nothing read so far proves that the bytes were synced.
    unproven: u64,
    batch: Cursor,
    /// The last record handed out.
    last: Lsn,
    chain: u32,
    sealed: bool,
    progress: Progress,
    summary: Summary,
    failed: Option<Error>,
}

/// How far a recovery is, in bytes. `read` reaches `total`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes looked at.
    pub read: u64,
    /// Bytes of all segments; known after the first call of [`Recovery::next`].
    pub total: u64,
}

/// What a recovery found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The first record in the log; `None` if it holds no records.
    pub first: Option<Lsn>,
    /// Number of records.
    pub records: u64,
    /// The torn tail that was cut, if there was one.
    pub torn: Option<TornTail>,
    /// A segment whose making a crash had cut short, now removed.
    pub removed: Option<SegmentNo>,
}

/// Where a log was cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The last segment.
    pub segment: SegmentNo,
    /// Offset of the cut in its file.
    pub offset: u64,
    /// Bytes from the cut to the last byte that was not zero.
    pub bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Survey,
    Reading,
    Done,
}

#[derive(Clone, Copy, Debug)]
struct Found {
    header: SegmentHeader,
    len: u64,
}

/// The records of a valid batch that were not handed out yet.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    offset: u64,
    /// Of the next record, from the start of the batch.
    at: usize,
    /// Bytes of the batch, header included.
    size: usize,
    remaining: u32,
}

impl<S: Storage> Recovery<S> {
    /// Prepares to read the log in this storage. Nothing is touched yet.
    pub fn new(storage: S, config: Config) -> Self {
        Recovery {
            storage,
            config: config.in_range(),
            phase: Phase::Survey,
            segments: Vec::new(),
            unborn: None,
            is_unborn_counted: false,
            span: None,
            spans: Vec::new(),
            superseded: Vec::new(),
            current: 0,
            file: None,
            window: Window::default(),
            end: 0,
            unproven: 0,
            batch: Cursor::default(),
            last: Lsn(0),
            chain: 0,
            sealed: false,
            progress: Progress::default(),
            summary: Summary::default(),
            failed: None,
        }
    }

    /// The next record, in order; `None` after the last. An error is final.
    #[expect(
        clippy::should_implement_trait,
        reason = "the record is lent, an Iterator cannot"
    )]
    pub fn next(&mut self) -> Result<Option<(Lsn, &[u8])>, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        match self.advance() {
            Ok(true) => self.take_record().map(Some),
            Ok(false) => Ok(None),
            Err(error) => {
                self.failed = Some(error.clone());
                Err(error)
            }
        }
    }

    /// How far reading is.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Reads what is left, cuts a torn tail, makes durable what was recovered, and opens the log
    /// for appending. A crash on the way is survived: the next recovery comes to the same records.
    ///
    /// The batches of the last sync are written again, byte for byte, before they are synced: if the
    /// process ended because that sync failed, they may be in the page cache, marked clean, and not
    /// on disk, and a sync alone would succeed and do nothing (Rebello et al., Can Applications
    /// Recover from fsync Failures?, ATC'20).
    pub fn finish(mut self) -> Result<(Wal<S>, Summary), Error> {
        while self.next()?.is_some() {}
        self.tidy()?;
        let spare = self.open_spare()?;
        let Some(found) = self.segments.last() else {
            let made = self.span.zip(spare);
            return Ok((Wal::begin(self.storage, self.config, made)?, self.summary));
        };
        let span = self.span.ok_or(Error::MissingSpan)?;
        let (header, len) = (found.header, found.len);
        let name = segment_name(header.segment);
        let file = self.open(&name)?;
        if self.summary.torn.is_some() {
            erase(&mut self.storage, file, self.end, len)
                .map_err(|e| Error::from_io("erasure of the torn tail", &name, e))?;
        }
        write_again(&mut self.storage, file, self.unproven, self.end.min(len))
            .map_err(|e| Error::from_io("write", &name, e))?;
        self.storage
            .sync(file)
            .map_err(|e| Error::from_io("sync", &name, e))?;
        self.sync_dir()?;
        let active = Active {
            file,
            salt: salt(self.config.identity, header.segment),
            sector: u64::from(header.sector),
            end: self.end,
            dirty: false,
            sealed: self.sealed,
        };
        let stubs = self.segments.iter().map(|found| SegmentStub {
            segment: found.header.segment,
            first: found.header.first,
        });
        let stubs = stubs.collect();
        let mut wal = Wal::resume(
            self.storage,
            self.config,
            stubs,
            active,
            (span, spare),
            (self.last, self.chain),
        );
        wal.seal()?;
        Ok((wal, self.summary))
    }

    /// Removes what crashes have left: a segment that was not made to the end, segments that are
    /// superseded, and all files but one that say which segments there are. Before anything else is
    /// written, that one is durable: a process crash may have left it in the page cache only.
    fn tidy(&mut self) -> Result<(), Error> {
        self.sync_dir()?;
        if let Some(segment) = self.unborn.filter(|_| !self.is_unborn_counted) {
            remove_segment(&mut self.storage, segment)?;
            self.summary.removed = Some(segment);
            self.unborn = None;
        }
        let Some(span) = self.span else {
            return Ok(());
        };
        let name = span.name();
        if !self.spans.contains(&name) {
            // The largest numbers come from two files.
            span.write(&mut self.storage, None)?;
        }
        for old in self.spans.iter().filter(|old| **old != name) {
            remove(&mut self.storage, old)?;
        }
        for segment in self.superseded.drain(..) {
            remove_segment(&mut self.storage, segment)?;
        }
        Ok(())
    }

    /// Opens the segment that was made in advance, and makes sure that it was.
    fn open_spare(&mut self) -> Result<Option<FileId>, Error> {
        let Some(segment) = self.unborn else {
            return Ok(None);
        };
        let name = segment_name(segment);
        let file = self.open(&name)?;
        self.storage
            .sync(file)
            .map_err(|e| Error::from_io("sync", &name, e))?;
        Ok(Some(file))
    }

    /// The storage back, for those who must not lose it with a log that is refused.
    pub fn into_storage(mut self) -> S {
        if let Some(file) = self.file.take() {
            // What was to be said about the log is said already.
            let _ = self.storage.close(file);
        }
        self.storage
    }

    /// Moves to the next record; false if there is none.
    fn advance(&mut self) -> Result<bool, Error> {
        loop {
            match self.phase {
                Phase::Survey => self.survey()?,
                Phase::Reading if self.batch.remaining > 0 => return Ok(true),
                Phase::Reading => self.read_batch()?,
                Phase::Done => return Ok(false),
            }
        }
    }

    fn take_record(&mut self) -> Result<(Lsn, &[u8]), Error> {
        let Cursor {
            offset, at, size, ..
        } = self.batch;
        let batch = &self.window.held(offset)[..size];
        let record = record_at(batch, at).expect("the batch was checked when it was read");
        let limit = u64::from(self.config.max_record);
        if record.len() as u64 > limit {
            let error = Error::RecordTooLarge {
                len: record.len() as u64,
                limit,
            };
            self.failed = Some(error.clone());
            return Err(error);
        }
        self.batch.at += RECORD_HEADER + record.len();
        self.batch.remaining -= 1;
        self.last = self.last.next();
        self.summary.records += 1;
        self.summary.first.get_or_insert(self.last);
        Ok((self.last, record))
    }

    /// Takes the batch at `end`, or decides what it means that there is none.
    fn read_batch(&mut self) -> Result<(), Error> {
        if let Some(next) = self.segments.get(self.current + 1)
            && (next.header.first, next.header.chain) == (self.last.next(), self.chain)
        {
            self.progress.read += self.segments[self.current].len.saturating_sub(self.end);
            self.close_current()?;
            self.current += 1;
            return self.open_current();
        }
        let place = (self.salt(), self.end);
        let Some(header) = BatchHeader::decode(self.bytes(self.end, BATCH_HEADER)?, place) else {
            return self.end_segment();
        };
        if (header.first, header.previous) != (self.last.next(), self.chain) {
            return self.end_segment();
        }
        if header.length > self.config.max_body() {
            let limit = u64::from(self.config.max_body());
            return Err(Error::RecordTooLarge {
                len: u64::from(header.length),
                limit,
            });
        }
        let size = BATCH_HEADER + header.length as usize;
        let mutant = self.config.mutant;
        match self.bytes(self.end, size)?.get(..size) {
            Some(batch) if header.holds(batch, mutant) => {}
            _ => return self.end_segment(),
        }
        self.batch = Cursor {
            offset: self.end,
            at: BATCH_HEADER,
            size,
            remaining: header.count,
        };
        let sector = u64::from(self.header().sector);
        let end = (self.end + size as u64).next_multiple_of(sector);
        self.progress.read += end
            .min(self.segments[self.current].len)
            .saturating_sub(self.end);
        if header.durable == self.last {
            // The first batch after a sync: what lies before it was durable.
            self.unproven = self.end;
        }
        self.end = end;
        self.chain = header.chain;
        self.sealed = header.count == 0;
        Ok(())
    }

    /// No valid batch at `end`. See the type's documentation for the cases.
    fn end_segment(&mut self) -> Result<(), Error> {
        let later = self.segments.get(self.current + 1);
        let later = later.map(|next| next.header.segment);
        let rest = self.scan_rest()?;
        match (later, rest.proof) {
            (Some(later), _) => Err(self.corrupt(format!(
                "segment {later} exists, which was begun after all of this was durable"
            ))),
            (_, Some((offset, durable))) => Err(self.corrupt(format!(
                "the batch at byte {offset} was written when all records up to {durable} were \
                 durable"
            ))),
            _ => {
                if rest.bytes > 0 {
                    let segment = self.header().segment;
                    self.summary.torn = Some(TornTail {
                        segment,
                        offset: self.end,
                        bytes: rest.bytes,
                    });
                }
                self.close_current()?;
                self.phase = Phase::Done;
                Ok(())
            }
        }
    }

    fn header(&self) -> &SegmentHeader {
        &self.segments[self.current].header
    }

    fn salt(&self) -> u32 {
        salt(self.config.identity, self.header().segment)
    }

    fn corrupt(&self, why: String) -> Error {
        Error::Corrupt {
            file: segment_name(self.header().segment),
            offset: self.end,
            lsn: Some(self.last.next()),
            why,
        }
    }

    fn bytes(&mut self, offset: u64, wanted: usize) -> Result<&[u8], Error> {
        let Found { header, len } = self.segments[self.current];
        let file = self.file.expect("a segment is open while it is read");
        self.window
            .at(&self.storage, (file, len), offset, wanted)
            .map_err(|e| Error::from_io("read", &segment_name(header.segment), e))
    }

    fn open(&mut self, name: &str) -> Result<FileId, Error> {
        self.storage
            .open(name)
            .map_err(|e| Error::from_io("opening", name, e))
    }

    fn open_current(&mut self) -> Result<(), Error> {
        self.window.reset();
        self.end = u64::from(self.header().sector);
        self.unproven = 0;
        self.sealed = false;
        self.progress.read += self.end.min(self.segments[self.current].len);
        self.file = Some(self.open(&segment_name(self.header().segment))?);
        Ok(())
    }

    fn close_current(&mut self) -> Result<(), Error> {
        match self.file.take() {
            None => Ok(()),
            Some(file) => self
                .storage
                .close(file)
                .map_err(|e| Error::from_io("close", &segment_name(self.header().segment), e)),
        }
    }

    fn sync_dir(&mut self) -> Result<(), Error> {
        self.storage
            .sync_dir()
            .map_err(|e| Error::from_io("sync", "the directory", e))
    }
}
