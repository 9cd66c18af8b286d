//! Bad bytes are an input: whatever the files hold, the log opens or says why not.

mod common;

use common::{Model, Op, config};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::RngSeed;
use quorate_wal::testing::{Crash, MemStorage, fit_checks};
use quorate_wal::{Config, Recovery, SegmentNo};

/// Names and bytes.
type Files = Vec<(String, Vec<u8>)>;

/// The files of a log of several segments, and its records.
fn image() -> (Files, Vec<Vec<u8>>) {
    use Op::*;
    let (mut storage, mut model) = (MemStorage::new(), Model::default());
    let (mut wal, _) = model.recover(&mut storage, &config()).unwrap();
    let ops = [
        Append(40),
        Append(600),
        Write,
        Sync,
        Append(700),
        Write,
        Append(1),
        Write,
        Sync,
        Seal,
        Append(2000),
        Write,
        Append(30),
        Write,
        Sync,
        Roll,
        Append(900),
        Write,
        Append(900),
        Write,
        Sync,
        Append(4000),
        Write,
        Append(1),
        Write,
        Append(0),
        Write,
        Append(70),
        Write,
    ];
    for op in ops {
        model.step(&mut wal, &op).unwrap();
    }
    let segments: Vec<u64> = wal.segments().map(|segment| segment.0).collect();
    assert!(segments.len() > 3);
    storage.crash(Crash::Process);
    let files = segments.iter().map(|segment| {
        let name = format!("{segment:016x}.wal");
        let bytes = storage.file(&name).unwrap().to_vec();
        (name, bytes)
    });
    (files.collect(), model.records)
}

/// Opens what is there, goes on with it if that is possible, and returns what was recovered. A panic
/// is the failure looked for.
fn open(files: &[(String, Vec<u8>)], config: &Config) -> Vec<Vec<u8>> {
    let mut storage = MemStorage::new();
    for (name, bytes) in files {
        storage.put_file(name, bytes);
    }
    // What says which segments there are: here as many as there were.
    let last = files
        .last()
        .map_or(1, |(name, _)| u64::from_str_radix(&name[..16], 16).unwrap());
    storage.put_file(&common::span(1, last), b"");
    let mut records = vec![];
    let mut recovery = Recovery::new(&mut storage, config.clone());
    loop {
        match recovery.next() {
            Ok(Some((_, record))) => records.push(record.to_vec()),
            Ok(None) => break,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return records;
            }
        }
    }
    let progress = recovery.progress();
    assert_eq!(progress.read, progress.total);
    let (mut wal, _) = recovery.finish().unwrap();
    let before = wal.durable();
    for len in [1, 4000] {
        wal.append(&vec![9; len]).unwrap();
        wal.write().unwrap();
    }
    assert_eq!(wal.sync().unwrap().0, before.0 + 2);
    storage.crash(Crash::LoseAll);
    let (wal, summary) = Recovery::new(&mut storage, config.clone())
        .finish()
        .unwrap();
    assert_eq!((wal.durable().0, summary.torn), (before.0 + 2, None));
    records
}

#[derive(Clone, Debug)]
enum Change {
    Flip(Index, Index, u8),
    Fill(Index, Index, usize, u8),
    Cut(Index, Index),
    Move(Index, Index, Index, usize),
    Drop(Index),
    Replace(Index, Index),
    /// A word of a header, at the start of a sector.
    Field(Index, Index, usize, u64),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), at(), 1u8..).prop_map(|(f, b, x)| Change::Flip(f, b, x)),
        2 => (at(), at(), 0usize..2048, any::<u8>()).prop_map(|(f, b, n, x)| Change::Fill(f, b, n, x)),
        1 => (at(), at()).prop_map(|(f, b)| Change::Cut(f, b)),
        2 => (at(), at(), at(), 0usize..2048).prop_map(|(f, a, b, n)| Change::Move(f, a, b, n)),
        1 => at().prop_map(Change::Drop),
        1 => (at(), at()).prop_map(|(f, g)| Change::Replace(f, g)),
        4 => (at(), at(), 1usize..8, word()).prop_map(|(f, s, w, x)| Change::Field(f, s, w, x)),
    ]
}

/// Numbers that headers trip over: small ones, huge ones, two small or huge ones in one word.
fn word() -> impl Strategy<Value = u64> {
    let edge = prop_oneof![
        0u64..4,
        Just(512),
        Just(u64::MAX),
        Just(u64::MAX >> 1),
        any::<u64>()
    ];
    (edge, 0u32..64).prop_map(|(edge, by)| edge.rotate_left(by & 0x30))
}

fn apply(files: &mut Files, change: &Change) {
    let live: Vec<usize> = (0..files.len())
        .filter(|&f| !files[f].1.is_empty())
        .collect();
    if live.is_empty() {
        return;
    }
    let pick = |f: &Index| live[f.index(live.len())];
    match change {
        Change::Flip(f, at, x) => {
            let bytes = &mut files[pick(f)].1;
            let at = at.index(bytes.len());
            bytes[at] ^= x;
        }
        Change::Fill(f, at, n, x) => {
            let bytes = &mut files[pick(f)].1;
            let at = at.index(bytes.len());
            let end = (at + n).min(bytes.len());
            bytes[at..end].fill(*x);
        }
        Change::Cut(f, at) => {
            let bytes = &mut files[pick(f)].1;
            bytes.truncate(at.index(bytes.len()));
        }
        Change::Move(f, from, to, n) => {
            // Whole sectors, so that batches land where batches may be.
            let bytes = &mut files[pick(f)].1;
            let sectors = bytes.len().div_ceil(512);
            let (from, to) = (from.index(sectors) * 512, to.index(sectors) * 512);
            let n = (*n).min(bytes.len() - from.max(to));
            bytes.copy_within(from..from + n, to);
        }
        Change::Drop(f) => drop(files.remove(pick(f))),
        Change::Field(f, sector, word, value) => {
            let bytes = &mut files[pick(f)].1;
            let at = sector.index(bytes.len().div_ceil(512)) * 512 + word * 8;
            if let Some(field) = bytes.get_mut(at..at + 8) {
                field.copy_from_slice(&value.to_le_bytes());
            }
        }
        Change::Replace(f, g) => files[pick(f)].1 = files[pick(g)].1.clone(),
    }
}

/// Makes the checks fit the bytes again, so that what is behind them is reached.
fn repair_checks(files: &mut [(String, Vec<u8>)]) {
    for (name, bytes) in files {
        let segment = SegmentNo(u64::from_str_radix(&name[..16], 16).unwrap());
        fit_checks(bytes, segment, common::ME);
    }
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    }
}

#[test]
fn repairing_the_checks_of_a_whole_log_changes_nothing() {
    let (files, records) = image();
    let mut repaired = files.clone();
    repair_checks(&mut repaired);
    assert_eq!(repaired, files);
    assert_eq!(open(&files, &config()), records);
}

proptest! {
    #![proptest_config(cases(20_000))]

    /// Any damage leaves a prefix of what was appended, or a refusal, and never something else: a
    /// segment that is dropped is missed, unless it is the last.
    #[test]
    fn damage_never_makes_up_a_record(changes in proptest::collection::vec(change(), 1..6)) {
        let (mut files, appended) = image();
        for change in &changes {
            apply(&mut files, change);
        }
        let found = open(&files, &config());
        prop_assert!(appended.starts_with(&found));
    }
}

proptest! {
    #![proptest_config(cases(20_000))]

    /// Also bytes that pass every check are only bytes.
    #[test]
    fn bytes_behind_valid_checks_are_not_believed_either(
        changes in proptest::collection::vec(change(), 1..6),
        max_record in 0u32..5000,
    ) {
        let (mut files, _) = image();
        for change in &changes {
            apply(&mut files, change);
        }
        repair_checks(&mut files);
        open(&files, &Config { max_record: max_record.max(4000), ..config() });
    }

    /// Bytes from nowhere, also with checks that fit.
    #[test]
    fn noise_is_refused_or_empty(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..3000),
        start in 0usize..3,
    ) {
        if start > 0 && bytes.len() > 64 {
            bytes[..12].copy_from_slice(b"quoraWAL\x01\0\0\0");
            bytes[52..64].copy_from_slice(&[0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        }
        if start > 1 && bytes.len() > 600 {
            bytes[24..40].copy_from_slice(&[common::ME.cluster, common::ME.replica].map(u64::to_le_bytes).concat());
            bytes[16..24].copy_from_slice(&1u64.to_le_bytes());
            bytes[512..516].copy_from_slice(b"QBAT");
        }
        let mut files = vec![("0000000000000001.wal".to_owned(), bytes)];
        open(&files, &config());
        repair_checks(&mut files);
        open(&files, &config());
    }
}
