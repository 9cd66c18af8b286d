//! A log beside a model of what it owes.
#![allow(dead_code, reason = "each test binary uses its part")]

use quorate_wal::testing::MemStorage;
use quorate_wal::{Config, Error, Identity, Lsn, Recovery, SegmentNo, Storage, Summary, Wal};

pub(crate) const ME: Identity = Identity {
    cluster: 0xC1,
    replica: 2,
};

/// Small enough that a few records fill a segment.
pub(crate) fn config() -> Config {
    Config {
        segment_bytes: 4096,
        sector: 512,
        max_record: 4096,
        max_batch: 1500,
        ..Config::new(ME)
    }
}

/// A record that says which one it is, so that a mix-up shows.
pub(crate) fn record(id: u64, len: usize) -> Vec<u8> {
    (0..len)
        .map(|i| (id as u8).wrapping_mul(31).wrapping_add(i as u8) | 1)
        .collect()
}

/// The name of the file that says which segments there are.
pub(crate) fn span(first: u64, last: u64) -> String {
    format!("{first:016x}-{last:016x}.live")
}

/// A directory that holds a first segment with these bytes, and says so.
pub(crate) fn first_segment(bytes: &[u8]) -> MemStorage {
    let mut storage = MemStorage::new();
    storage.put_file(FIRST, bytes);
    storage.put_file(&span(1, 1), b"");
    storage
}

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Append(usize),
    Write,
    Sync,
    Seal,
    Roll,
    /// Make the next segment in advance.
    Prepare,
    /// Remove all segments but this many.
    Trim(usize),
}

/// What was appended and what was promised.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    /// Record `n` is at index `n - 1`.
    pub(crate) records: Vec<Vec<u8>>,
    /// Records up to here were reported durable.
    pub(crate) durable: u64,
    /// Records up to here were durable before the last sync, so something written later says so.
    pub(crate) settled: u64,
    /// Records from here on were never asked to be removed.
    pub(crate) kept_from: u64,
    pub(crate) ids: u64,
}

impl Model {
    /// Carries out one operation on the log and notes what it promised.
    pub(crate) fn step<S: Storage>(&mut self, wal: &mut Wal<S>, op: &Op) -> Result<(), Error> {
        match *op {
            Op::Append(len) => {
                self.ids += 1;
                let record = record(self.ids, len);
                // A record whose append failed may not be there; noting it is enough.
                let lsn = wal.append(&record)?;
                self.records.push(record);
                assert_eq!(lsn, Lsn(self.records.len() as u64));
            }
            Op::Write => wal.write()?,
            Op::Sync => {
                let before = wal.durable().0;
                self.durable = wal.sync()?.0;
                if self.durable > before {
                    self.settled = before;
                }
            }
            Op::Seal => wal.seal()?,
            Op::Prepare => wal.prepare()?,
            Op::Roll => {
                wal.roll()?;
                assert_eq!(wal.durable(), wal.appended());
                self.durable = wal.durable().0;
            }
            Op::Trim(keep) => {
                let live: Vec<SegmentNo> = wal.segments().collect();
                let first_kept = live[live.len().saturating_sub(keep.max(1))];
                let kept = (1..=wal.written().0)
                    .find(|&lsn| wal.segment_of(Lsn(lsn)).is_some_and(|s| s >= first_kept));
                self.kept_from = self.kept_from.max(kept.unwrap_or(wal.written().0 + 1));
                // One by one; a crash may come between.
                wal.retire_segments_before(first_kept)?;
                while wal.remove_retired()? {}
            }
        }
        // Writing and rolling may sync on their own; the log's word counts.
        self.durable = self.durable.max(wal.durable().0);
        Ok(())
    }

    /// Recovers and holds the log to its promises. What was recovered is what there is from now on.
    pub(crate) fn recover<S: Storage>(
        &mut self,
        storage: S,
        config: &Config,
    ) -> Result<(Wal<S>, Summary), Error> {
        let mut recovery = Recovery::new(storage, config.clone());
        let mut expected: Option<u64> = None;
        let mut seen = None;
        while let Some((lsn, bytes)) = recovery.next()? {
            if let Some(expected) = expected {
                assert_eq!(lsn, Lsn(expected), "a gap");
            }
            let appended = self.records.get(lsn.0 as usize - 1);
            assert_eq!(
                Some(bytes),
                appended.map(Vec::as_slice),
                "record {lsn} is not what was appended"
            );
            seen.get_or_insert(lsn.0);
            expected = Some(lsn.0 + 1);
        }
        let (wal, summary) = recovery.finish()?;
        let last = wal.durable().0;
        assert!(
            last >= self.durable,
            "lost: {} was durable, {last} is left",
            self.durable
        );
        if self.kept_from.max(1) <= last {
            let first = seen.expect("there are records to keep");
            assert!(
                first <= self.kept_from.max(1),
                "{first} is the first, {} kept",
                self.kept_from
            );
        }
        self.records.truncate(last as usize);
        self.durable = last;
        Ok((wal, summary))
    }
}

/// A log of three synced batches in one segment, closed, and the offsets of the batches.
pub(crate) fn three_batches() -> (MemStorage, Model, [u64; 4]) {
    let mut model = Model::default();
    let (mut wal, _) = model.recover(MemStorage::new(), &config()).unwrap();
    for _ in 0..3 {
        for op in [Op::Append(600), Op::Append(10), Op::Write, Op::Sync] {
            model.step(&mut wal, &op).unwrap();
        }
    }
    let mut storage = wal.into_storage();
    storage.crash(quorate_wal::testing::Crash::LoseAll);
    (storage, model, [512, 512 + 1024, 512 + 2048, 512 + 3072])
}

pub(crate) const FIRST: &str = "0000000000000001.wal";
