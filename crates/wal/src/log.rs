//! [`Wal`]: appending, group commit, rolling and trimming.

use std::collections::VecDeque;

use crate::config::Config;
use crate::error::Error;
use crate::format::{
    BATCH_HEADER, BatchHeader, RECORD_HEADER, SEGMENT_HEADER, SegmentHeader, salt, segment_name,
};
use crate::ids::{Lsn, SegmentNo};
use crate::span::{Span, remove_segment};
use crate::storage::{FileId, Storage};

/// A log that is open for appending. [`Recovery`](crate::Recovery) makes one.
///
/// A record goes through three states: *appended* to the batch in memory, *written* to the file,
/// *durable* after a sync. Several writes may share one sync; that is group commit. Only what is
/// durable may be acknowledged, to anyone.
///
/// The first failure of the storage is final: it is returned now and by every later call, and the
/// log writes nothing more. Only a new recovery, from what the disk really holds, can go on.
#[derive(Debug)]
pub struct Wal<S> {
    storage: S,
    config: Config,
    /// Live segments, oldest first; the last one is active. Never empty.
    segments: Vec<SegmentStub>,
    /// Segments that are no part of the log any more and still have to be removed, oldest first.
    retired: VecDeque<SegmentNo>,
    active: Active,
    /// The segments that the directory says are there: the live ones and the spare.
    span: Span,
    /// The next segment, made in advance: it has its room and its name, and no header.
    spare: Option<FileId>,
    /// Making the spare has failed for want of space; it is made when it is needed.
    spare_must_wait: bool,
    /// Room for a header, then the records of the batch that is being gathered.
    batch: Vec<u8>,
    count: u32,
    chain: u32,
    written: Lsn,
    durable: Lsn,
    failed: Option<Error>,
}

/// A live segment: its number and the LSN its first record has or would have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentStub {
    pub(crate) segment: SegmentNo,
    pub(crate) first: Lsn,
}

/// The segment that is written to.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) file: FileId,
    pub(crate) salt: u32,
    pub(crate) sector: u64,
    /// Where the next batch goes.
    pub(crate) end: u64,
    /// Whether something was written since the last sync.
    pub(crate) dirty: bool,
    /// Whether the last batch is a seal.
    pub(crate) sealed: bool,
}

impl Active {
    fn is_empty(&self) -> bool {
        self.end == self.sector
    }
}

impl<S: Storage> Wal<S> {
    /// Takes up a log whose records up to `last` are durable.
    pub(crate) fn resume(
        storage: S,
        config: Config,
        segments: Vec<SegmentStub>,
        active: Active,
        (span, spare): (Span, Option<FileId>),
        (last, chain): (Lsn, u32),
    ) -> Self {
        Wal {
            storage,
            config,
            segments,
            retired: VecDeque::new(),
            active,
            span,
            spare,
            spare_must_wait: false,
            batch: Vec::new(),
            count: 0,
            chain,
            written: last,
            durable: last,
            failed: None,
        }
    }

    /// Begins a log in a directory that holds none. `spare` is its first segment, if it is made
    /// already and listed in `span`.
    pub(crate) fn begin(
        mut storage: S,
        config: Config,
        made: Option<(Span, FileId)>,
    ) -> Result<Self, Error> {
        let stub = SegmentStub {
            segment: SegmentNo(1),
            first: Lsn(1),
        };
        let (span, file) = match made {
            Some(made) => made,
            None => make_segment(&mut storage, &config, (None, stub.segment))?,
        };
        let active = begin_segment(&mut storage, &config, (file, stub), 0)?;
        Ok(Self::resume(
            storage,
            config,
            vec![stub],
            active,
            (span, None),
            (Lsn(0), 0),
        ))
    }

    /// Adds a record to the batch and returns its LSN. Nothing is promised about it yet.
    ///
    /// A batch that the record would make larger than [`Config::max_batch`] is written first. A
    /// record over [`Config::max_record`] is refused and changes nothing.
    pub fn append(&mut self, record: &[u8]) -> Result<Lsn, Error> {
        self.check()?;
        if record.len() > self.config.max_record as usize {
            let limit = u64::from(self.config.max_record);
            return Err(Error::RecordTooLarge {
                len: record.len() as u64,
                limit,
            });
        }
        let grown = self.batch.len() + RECORD_HEADER + record.len();
        if self.count > 0 && grown > self.config.max_batch as usize {
            self.write()?;
        }
        if self.count == 0 {
            self.batch.resize(BATCH_HEADER, 0);
        }
        self.batch
            .extend_from_slice(&(record.len() as u32).to_le_bytes());
        self.batch.extend_from_slice(record);
        self.count += 1;
        Ok(self.appended())
    }

    /// Hands the batch to the file, in one write. Without a batch it does nothing.
    ///
    /// When the batch does not fit, what was written before is synced and a segment is begun.
    pub fn write(&mut self) -> Result<(), Error> {
        self.check()?;
        if self.count == 0 {
            return Ok(());
        }
        let end = self.active.end.saturating_add(self.batch.len() as u64);
        let result = if end > self.config.segment_bytes && !self.active.is_empty() {
            self.begin_segment().and_then(|()| self.put_batch())
        } else {
            self.put_batch()
        };
        self.final_if_failed(result)
    }

    /// Makes all that was written durable and returns the LSN up to which that is so. Records that
    /// are only appended are not included.
    pub fn sync(&mut self) -> Result<Lsn, Error> {
        self.check()?;
        let result = self.sync_active();
        self.final_if_failed(result)?;
        Ok(self.durable)
    }

    /// Writes a marker behind the last record that proves it durable, so that later damage to it
    /// cannot be taken for a torn tail. Worth it when the log falls idle, and before it is closed.
    /// The marker itself needs no sync.
    ///
    /// Does nothing while records wait for a write or a sync, or when the marker is there already.
    pub fn seal(&mut self) -> Result<(), Error> {
        self.check()?;
        let due = self.count == 0 && self.durable == self.written;
        let full = self.active.end + BATCH_HEADER as u64 > self.config.segment_bytes;
        if !due || full || self.active.sealed || self.active.is_empty() {
            return Ok(());
        }
        self.batch.resize(BATCH_HEADER, 0);
        let result = self.put_batch();
        self.final_if_failed(result)
    }

    /// Makes everything appended so far durable and begins a segment, which it returns: what comes
    /// next is the first thing in it. If the active segment holds nothing, it stays.
    ///
    /// This is the first half of compaction: roll, write what supersedes the older segments, sync,
    /// then [`remove_segments_before`](Self::remove_segments_before).
    pub fn roll(&mut self) -> Result<SegmentNo, Error> {
        self.write()?;
        if !self.active.is_empty() {
            let result = self.begin_segment();
            self.final_if_failed(result)?;
        }
        Ok(self.active_segment())
    }

    /// Removes all segments before this one, but never the active one. The caller has made
    /// durable, in the segments that stay, all that is needed from those that go.
    pub fn remove_segments_before(&mut self, segment: SegmentNo) -> Result<(), Error> {
        self.retire_segments_before(segment)?;
        while self.remove_retired()? {}
        Ok(())
    }

    /// Says durably that all segments before this one are no part of the log any more, but never
    /// the active one. They go one by one with [`remove_retired`](Self::remove_retired), so that
    /// what waits for the log need not wait for all of them; the next recovery removes the rest.
    pub fn retire_segments_before(&mut self, segment: SegmentNo) -> Result<(), Error> {
        self.check()?;
        let first = segment.min(self.active_segment());
        if first <= self.segments[0].segment {
            return Ok(());
        }
        let span = Span { first, ..self.span };
        let result = span.write(&mut self.storage, Some(self.span));
        self.final_if_failed(result)?;
        self.span = span;
        let retired = self.segments.partition_point(|stub| stub.segment < first);
        let retired = self.segments.drain(..retired);
        self.retired.extend(retired.map(|stub| stub.segment));
        Ok(())
    }

    /// Removes one segment that was retired. Returns whether there are more. The removal needs no
    /// sync: what comes back after a crash is passed over.
    pub fn remove_retired(&mut self) -> Result<bool, Error> {
        self.check()?;
        if let Some(&segment) = self.retired.front() {
            let result = remove_segment(&mut self.storage, segment);
            self.final_if_failed(result)?;
            self.retired.pop_front();
        }
        Ok(!self.retired.is_empty())
    }

    /// Makes the next segment in advance, so that beginning it costs one write and one sync. Worth
    /// it while nothing waits for the log: it sets room aside and syncs the directory. Does nothing
    /// if the next segment is there already, while the active one has more than half of its room
    /// left, or if there is no room on the disk: the segment is made when it is needed then.
    pub fn prepare(&mut self) -> Result<(), Error> {
        self.check()?;
        let is_near = self.active.end > self.config.segment_bytes / 2;
        if self.spare.is_some() || self.spare_must_wait || !is_near {
            return Ok(());
        }
        let segment = SegmentNo(self.active_segment().0 + 1);
        let result = make_segment(&mut self.storage, &self.config, (Some(self.span), segment));
        match result {
            Ok((span, file)) => {
                (self.span, self.spare) = (span, Some(file));
                Ok(())
            }
            Err(error) => {
                // What is left of it, the next recovery removes; here the name must be free.
                if matches!(error, Error::Full { .. }) && self.unmake(segment) {
                    self.spare_must_wait = true;
                    return Ok(());
                }
                self.final_if_failed(Err(error))
            }
        }
    }

    /// The LSN of the last record appended.
    pub fn appended(&self) -> Lsn {
        Lsn(self.written.0 + u64::from(self.count))
    }

    /// The LSN up to which records were handed to the file.
    pub fn written(&self) -> Lsn {
        self.written
    }

    /// The LSN up to which records are durable.
    pub fn durable(&self) -> Lsn {
        self.durable
    }

    /// The segment that is written to.
    pub fn active_segment(&self) -> SegmentNo {
        self.stub().segment
    }

    /// The live segment that holds a written record; `None` if it is not written yet or not live
    /// any more.
    pub fn segment_of(&self, lsn: Lsn) -> Option<SegmentNo> {
        if lsn > self.written {
            return None;
        }
        let after = self.segments.partition_point(|stub| stub.first <= lsn);
        Some(self.segments[after.checked_sub(1)?].segment)
    }

    /// The numbers of all live segments, oldest first.
    pub fn segments(&self) -> impl Iterator<Item = SegmentNo> {
        self.segments.iter().map(|stub| stub.segment)
    }

    /// The storage below.
    pub fn storage(&self) -> &S {
        &self.storage
    }

    /// The storage below, for those who simulate it. Writing to segments through it is damage.
    pub fn storage_mut(&mut self) -> &mut S {
        &mut self.storage
    }

    /// Closes the file and gives the storage back. Nothing is written and nothing synced, as in a
    /// crash.
    pub fn into_storage(mut self) -> S {
        // An error here says nothing about what is durable, and nothing goes on from here.
        for file in [Some(self.active.file), self.spare].into_iter().flatten() {
            let _ = self.storage.close(file);
        }
        self.storage
    }

    fn stub(&self) -> SegmentStub {
        *self
            .segments
            .last()
            .expect("a log always has an active segment")
    }

    fn check(&self) -> Result<(), Error> {
        match &self.failed {
            None => Ok(()),
            Some(error) => Err(error.clone()),
        }
    }

    fn final_if_failed<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &result {
            self.failed = Some(error.clone());
        }
        result
    }

    fn put_batch(&mut self) -> Result<(), Error> {
        let Active {
            file,
            salt,
            end,
            sector,
            ..
        } = self.active;
        let chain = BatchHeader::complete(
            &mut self.batch,
            (salt, end),
            (self.written.next(), self.count),
            self.durable,
            self.chain,
        );
        self.storage
            .write_at(file, end, &self.batch)
            .map_err(|e| Error::from_io("write", &segment_name(self.active_segment()), e))?;
        self.active.end = (end + self.batch.len() as u64).next_multiple_of(sector);
        self.active.dirty = true;
        self.active.sealed = self.count == 0;
        self.chain = chain;
        self.written = self.appended();
        self.count = 0;
        self.batch.clear();
        // One huge record must not hold its memory for the life of the log.
        self.batch.shrink_to(self.config.max_batch as usize);
        Ok(())
    }

    fn sync_active(&mut self) -> Result<(), Error> {
        if self.active.dirty {
            self.storage
                .sync(self.active.file)
                .map_err(|e| Error::from_io("sync", &segment_name(self.active_segment()), e))?;
            self.active.dirty = false;
        }
        self.durable = self.written;
        Ok(())
    }

    /// Syncs the active segment, then begins the next. The order is a promise that recovery leans
    /// on: while a later segment has a header, every byte of an earlier one was durable.
    fn begin_segment(&mut self) -> Result<(), Error> {
        self.sync_active()?;
        let full = self.stub();
        let stub = SegmentStub {
            segment: SegmentNo(full.segment.0 + 1),
            first: self.written.next(),
        };
        let file = match self.spare.take() {
            Some(file) => file,
            None => {
                let made = (Some(self.span), stub.segment);
                let (span, file) = make_segment(&mut self.storage, &self.config, made)?;
                self.span = span;
                file
            }
        };
        self.spare_must_wait = false;
        let active = begin_segment(&mut self.storage, &self.config, (file, stub), self.chain)?;
        self.segments.push(stub);
        let old = std::mem::replace(&mut self.active, active);
        self.storage
            .close(old.file)
            .map_err(|e| Error::from_io("close", &segment_name(full.segment), e))
    }

    /// Takes back a segment whose making has failed. Returns whether that has worked.
    fn unmake(&mut self, segment: SegmentNo) -> bool {
        let span = Span {
            last: segment,
            ..self.span
        };
        // The span must not be there without the segment.
        let names = self.storage.list().unwrap_or_default();
        if names.contains(&span.name()) {
            return false;
        }
        !names.contains(&segment_name(segment))
            || remove_segment(&mut self.storage, segment).is_ok()
    }
}

/// Makes a segment that holds nothing yet, not even a header: its room and its name are durable, and
/// the span counts it. A segment without a valid header is therefore one without records.
fn make_segment<S: Storage>(
    storage: &mut S,
    config: &Config,
    (old, segment): (Option<Span>, SegmentNo),
) -> Result<(Span, FileId), Error> {
    let name = segment_name(segment);
    let file = storage
        .create(&name, config.segment_bytes)
        .map_err(|e| Error::from_io("creation", &name, e))?;
    storage
        .sync(file)
        .map_err(|e| Error::from_io("sync", &name, e))?;
    storage
        .sync_dir()
        .map_err(|e| Error::from_io("sync after creation", &name, e))?;
    let span = Span {
        first: old.map_or(segment, |old| old.first),
        last: segment,
    };
    span.write(storage, old)?;
    Ok((span, file))
}

/// Begins a segment that was made: its header is durable before any record goes in.
fn begin_segment<S: Storage>(
    storage: &mut S,
    config: &Config,
    (file, SegmentStub { segment, first }): (FileId, SegmentStub),
    chain: u32,
) -> Result<Active, Error> {
    let name = segment_name(segment);
    let header = SegmentHeader {
        segment,
        identity: config.identity,
        first,
        chain,
        sector: config.sector,
    };
    storage
        .write_at(file, 0, &header.encode())
        .map_err(|e| Error::from_io("write", &name, e))?;
    storage
        .sync(file)
        .map_err(|e| Error::from_io("sync", &name, e))?;
    let sector = u64::from(config.sector);
    debug_assert!(sector >= SEGMENT_HEADER as u64);
    Ok(Active {
        file,
        salt: salt(config.identity, segment),
        sector,
        end: sector,
        dirty: false,
        sealed: false,
    })
}
