//! Snapshots: what comes out is what went in, and nothing else is believed.

#[path = "common/arbitrary.rs"]
mod arbitrary;
#[path = "common/mod.rs"]
mod common;

use arbitrary::{command, range};
use common::{compact, delete, put};
use proptest::prelude::*;
use quorate_kv::*;

/// The blocks of a store, of about `bytes` each.
fn blocks(store: &Store, bytes: usize) -> Vec<Vec<u8>> {
    let mut writer = SnapshotWriter::new(store.clone());
    let next = || {
        let mut block = vec![];
        writer.next_block(bytes, &mut block).then_some(block)
    };
    std::iter::from_fn(next).collect()
}

fn read<'a>(blocks: impl IntoIterator<Item = &'a [u8]>) -> Result<Store, SnapshotError> {
    let mut reader = SnapshotReader::new();
    for block in blocks {
        reader.feed(block)?;
    }
    reader.finish()
}

fn read_all(blocks: &[Vec<u8>]) -> Result<Store, SnapshotError> {
    read(blocks.iter().map(|block| &block[..]))
}

fn round_trip(store: &Store, bytes: usize) -> Store {
    read_all(&blocks(store, bytes)).expect("a snapshot reads back")
}

fn store_of(commands: &[Command]) -> Store {
    let mut store = Store::new();
    for command in commands {
        let _ = store.apply(command);
    }
    store
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn a_store_read_back_is_the_same_now_and_ever_after(
        commands in prop::collection::vec(command(), 0..40),
        later in prop::collection::vec(command(), 0..20),
        ranges in prop::collection::vec(range(), 1..5),
        max_bytes in 1..300usize,
    ) {
        let mut store = store_of(&commands);
        let mut copy = round_trip(&store, max_bytes);
        prop_assert_eq!(copy.digest(), store.digest());
        for command in &later {
            prop_assert_eq!(copy.apply(command), store.apply(command));
            prop_assert_eq!(copy.digest(), store.digest());
            prop_assert_eq!(copy.size_bytes(), store.size_bytes());
        }
        for range in &ranges {
            prop_assert_eq!(copy.range(range), store.range(range));
        }
    }

    #[test]
    fn a_damaged_snapshot_is_refused(
        commands in prop::collection::vec(command(), 0..20),
        index in any::<prop::sample::Index>(),
        flip in 1..=255u8,
    ) {
        let mut blocks = blocks(&store_of(&commands), usize::MAX);
        let index = index.index(blocks.iter().map(Vec::len).sum());
        let byte = blocks.iter_mut().flatten().nth(index).expect("it is in one of them");
        *byte ^= flip;
        prop_assert!(read_all(&blocks).is_err());
    }

    #[test]
    fn a_snapshot_that_ends_early_or_late_is_refused(
        commands in prop::collection::vec(command(), 1..20),
        bytes in 1..300usize,
        index in any::<prop::sample::Index>(),
    ) {
        let blocks = blocks(&store_of(&commands), bytes);
        let whole = index.index(blocks.len());
        prop_assert_eq!(read_all(&blocks[..whole]).err(), Some(SnapshotError::Truncated));
        let mut cut = blocks.clone();
        cut[whole].pop();
        prop_assert!(read_all(&cut).is_err());
        let mut more = blocks;
        more.push(vec![0]);
        prop_assert_eq!(read_all(&more).err(), Some(SnapshotError::TooLong));
    }

    #[test]
    fn arbitrary_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read([&bytes[..]]).is_err());
        let mut headed = b"QKVS\x02".to_vec();
        headed.extend(&bytes);
        prop_assert!(read([&headed[..]]).is_err());
    }

    /// The bytes are a function of the state: however it came about, and wherever the writer
    /// starts again.
    #[test]
    fn the_same_state_has_the_same_bytes(
        commands in prop::collection::vec(command(), 0..40),
        bytes in 1..300usize,
        resume in any::<prop::sample::Index>(),
    ) {
        let store = store_of(&commands);
        let all = blocks(&store, bytes);
        prop_assert_eq!(&blocks(&round_trip(&store, 70), bytes), &all);
        let mut writer = SnapshotWriter::new(store.clone());
        let resume = resume.index(all.len());
        for _ in 0..resume {
            writer.next_block(bytes, &mut vec![]);
        }
        let mut writer = SnapshotWriter::resume(store, writer.cursor().clone());
        for block in &all[resume..] {
            prop_assert!(!writer.cursor().is_end());
            let mut again = vec![];
            prop_assert!(writer.next_block(bytes, &mut again));
            prop_assert_eq!(&again, block);
        }
        prop_assert!(writer.cursor().is_end());
        prop_assert!(!writer.next_block(bytes, &mut vec![]));
    }

    /// The digest keeps most damage from the checks behind it: here it is made right again, and
    /// what is then accepted has to be a store that works.
    #[test]
    fn a_snapshot_forged_to_its_digest_is_refused_or_safe(
        commands in prop::collection::vec(command(), 1..20),
        index in any::<prop::sample::Index>(),
        flip in 1..=255u8,
        later in prop::collection::vec(command(), 0..10),
    ) {
        let mut blocks = blocks(&store_of(&commands), usize::MAX);
        if let [header, records] = &mut blocks[..] {
            let at = index.index(41 + records.len());
            match at.checked_sub(41) {
                Some(at) => records[at] ^= flip,
                None => header[at] ^= flip,
            }
            forge_digest(header, records);
        }
        if let Ok(mut store) = read_all(&blocks) {
            for command in &later {
                let _ = store.apply(command);
            }
        }
    }
}

/// Makes the digest of a header right for the records: the sum of the hashes of the records, then
/// the hash of that and of the header's numbers.
fn forge_digest(header: &mut [u8], records: &[u8]) {
    use xxhash_rust::xxh3::xxh3_64;
    let number = |bytes: &[u8]| {
        let mut all = [0; 8];
        all[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(all)
    };
    let hash = |words: &[u64]| {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        xxh3_64(&bytes)
    };
    let (mut rest, mut sum) = (records, 0u64);
    while rest.len() >= 44 {
        let (key, value) = (
            number(&rest[36..40]) as usize,
            number(&rest[40..44]) as usize,
        );
        let Some((record, more)) = rest.split_at_checked(44 + key + value) else {
            break;
        };
        sum = sum.wrapping_add(hash(&[
            xxh3_64(&record[44..44 + key]),
            number(&record[..8]),
            number(&record[8..12]),
            number(&record[12..20]),
            number(&record[20..28]),
            number(&record[28..36]),
            xxh3_64(&record[44 + key..]),
        ]));
        rest = more;
    }
    let digest = hash(&[
        sum,
        number(&header[33..41]),
        number(&header[5..13]),
        number(&header[13..21]),
        number(&header[21..29]),
        number(&header[29..33]),
    ]);
    header[41..].copy_from_slice(&digest.to_le_bytes());
}

#[test]
fn blocks_hold_whole_records_of_about_the_size_asked_for() {
    let mut store = Store::new();
    for key in 0..100 {
        store
            .apply(&Command::Put(put(&format!("key {key}"), &"v".repeat(key))))
            .unwrap();
    }
    let blocks = blocks(&store, 1000);
    let (last, full) = blocks[1..].split_last().unwrap();
    assert!(full.len() > 5);
    assert!(full.iter().all(|block| (1000..1160).contains(&block.len())));
    assert!((1..1160).contains(&last.len()));
}

#[test]
fn a_snapshot_is_of_the_moment_of_its_clone() {
    let mut store = store_of(&[Command::Put(put("a", "1")), Command::Put(put("b", "1"))]);
    let digest = store.digest();
    let mut writer = SnapshotWriter::new(store.clone());
    let mut reader = SnapshotReader::new();
    for value in 0.. {
        let mut block = vec![];
        if !writer.next_block(16, &mut block) {
            break;
        }
        reader.feed(&block).unwrap();
        store
            .apply(&Command::Put(put("a", &value.to_string())))
            .unwrap();
        store.apply(&Command::DeleteRange(delete("b", ""))).unwrap();
    }
    let copy = reader.finish().unwrap();
    assert_eq!((copy.digest(), copy.revision()), (digest, 3));
    assert_ne!(store.digest(), digest);
}

#[test]
fn a_copy_taken_in_the_middle_of_a_compaction_goes_on_like_the_original() {
    let mut store = Store::new();
    for i in 0..10_000 {
        let key = (i * 7 % 113).to_string();
        let command = match i % 5 {
            4 => Command::DeleteRange(delete(&key, "")),
            _ => Command::Put(put(&key, &i.to_string())),
        };
        store.apply(&command).unwrap();
    }
    store.apply(&compact(store.revision() - 10)).unwrap();
    assert!(
        store.is_compacting(),
        "a compaction of this size takes more than one command"
    );
    let mut copy = round_trip(&store, 4096);
    assert!(copy.is_compacting());
    let mut commands = 0;
    while store.is_compacting() {
        let command = Command::Put(put("x", &commands.to_string()));
        store.apply(&command).unwrap();
        copy.apply(&command).unwrap();
        assert_eq!(copy.digest(), store.digest());
        commands += 1;
    }
    assert!(
        (500..2000).contains(&commands),
        "it took {commands} more commands"
    );
    // What is left: one change for each of at most 114 keys, and those from the revision on.
    assert!(
        store.retained_changes() < 114 + 11 + commands,
        "{}",
        store.retained_changes()
    );
}

#[test]
fn the_digest_tells_states_apart() {
    let base = store_of(&[Command::Put(put("a", "1")), Command::Put(put("b", "1"))]);
    let others = [
        store_of(&[Command::Put(put("b", "1")), Command::Put(put("a", "1"))]),
        store_of(&[Command::Put(put("a", "1")), Command::Put(put("b", "2"))]),
        store_of(&[Command::Put(put("a", "1"))]),
        store_of(&[
            Command::Put(put("a", "1")),
            Command::Put(put("b", "1")),
            compact(2),
        ]),
        Store::new(),
    ];
    for other in &others {
        assert_ne!(other.digest(), base.digest());
    }
}

#[test]
fn an_unknown_version_is_refused_by_its_number() {
    let error = read([&b"QKVS\x03"[..]]).unwrap_err();
    assert_eq!(error, SnapshotError::UnknownVersion(3));
    assert!(error.to_string().contains("version 3"), "{error}");
    assert_eq!(
        read([&b"PK\x03\x04\x05"[..]]).unwrap_err(),
        SnapshotError::NotASnapshot
    );
}

#[test]
fn a_copy_taken_in_the_middle_of_a_large_transaction_goes_on_like_the_original() {
    let mut store = Store::new();
    for key in 0..2500 {
        store
            .apply(&Command::Put(put(&key.to_string(), "")))
            .unwrap();
    }
    store
        .apply(&Command::DeleteRange(delete("\0", "\0")))
        .unwrap();
    let revision = store.apply(&Command::Put(put("x", ""))).unwrap().revision();
    store.apply(&compact(revision)).unwrap();
    assert!(store.is_compacting());
    let mut copy = round_trip(&store, 4096);
    while store.is_compacting() {
        for store in [&mut store, &mut copy] {
            store.apply(&Command::Put(put("x", ""))).unwrap();
        }
        assert_eq!(copy.digest(), store.digest());
    }
    assert_eq!(copy.retained_changes(), store.retained_changes());
}

/// A snapshot written by hand.
struct Forged {
    revision: i64,
    compacted: i64,
    floor: (i64, u32),
    records: Vec<Vec<u8>>,
}

fn record(key: &str, revision: (i64, u32), create: i64, version: i64) -> Vec<u8> {
    let mut record = revision.0.to_le_bytes().to_vec();
    record.extend(revision.1.to_le_bytes());
    record.extend(create.to_le_bytes());
    record.extend(version.to_le_bytes());
    record.extend(0i64.to_le_bytes());
    record.extend((key.len() as u32).to_le_bytes());
    record.extend(0u32.to_le_bytes());
    record.extend(key.as_bytes());
    record
}

impl Forged {
    fn read(self) -> SnapshotError {
        let mut header = b"QKVS\x02".to_vec();
        header.extend(self.revision.to_le_bytes());
        header.extend(self.compacted.to_le_bytes());
        header.extend(self.floor.0.to_le_bytes());
        header.extend(self.floor.1.to_le_bytes());
        header.extend((self.records.len() as u64).to_le_bytes());
        header.extend(0xbad_u64.to_le_bytes());
        let mut blocks = vec![header];
        blocks.extend(self.records);
        read_all(&blocks).expect_err("its digest is made up")
    }
}

#[test]
fn what_no_store_would_write_is_refused() {
    use SnapshotError::{Malformed, WrongContents};
    let forged = |records| {
        Forged {
            revision: 9,
            compacted: 6,
            floor: (5, 1),
            records,
        }
        .read()
    };
    // All is as it can be but for the digest, which is looked at last.
    let a = || record("a", (4, 0), 3, 2);
    assert_eq!(forged(vec![a(), record("a", (5, 1), 3, 3)]), WrongContents);
    assert_eq!(forged(vec![a(), record("a", (5, 1), 0, 0)]), WrongContents);
    assert_eq!(forged(vec![a(), record("b", (6, 0), 6, 1)]), WrongContents);

    let unfit = Malformed("a change that cannot follow the last one");
    let cases = [
        (vec![record("", (4, 0), 4, 1)], Malformed("an empty key")),
        (
            vec![record("b", (4, 0), 4, 1), a()],
            Malformed("keys out of order"),
        ),
        (
            vec![a(), record("a", (5, 0), 3, 3)],
            Malformed("a change that compaction has forgotten"),
        ),
        (
            vec![record("a", (10, 0), 4, 1)],
            Malformed("a change at a revision out of bounds"),
        ),
        (
            vec![record("a", (1, 0), 1, 1)],
            Malformed("a change at a revision out of bounds"),
        ),
        (vec![a(), record("b", (4, 0), 4, 1)], WrongContents),
        (
            vec![record("a", (6, 0), 6, 1), record("b", (6, 0), 6, 1)],
            Malformed("two changes with one revision"),
        ),
        // A version or a create revision that the one before does not lead to.
        (vec![a(), record("a", (6, 0), 3, 2)], unfit),
        (vec![a(), record("a", (6, 0), 6, 3)], unfit),
        (vec![record("a", (6, 0), 5, 1)], unfit),
        (vec![record("a", (6, 0), 6, 2)], unfit),
        (vec![record("a", (4, 0), 5, 1)], unfit),
        (vec![record("a", (4, 0), 1, 1)], unfit),
        (vec![record("a", (4, 0), 4, 5)], unfit),
        (vec![record("a", (4, 0), 4, -1)], unfit),
        // Deletions of what is not there, and a life after one that does not begin anew.
        (vec![record("a", (4, 0), 0, 0)], unfit),
        (
            vec![a(), record("a", (6, 0), 0, 0), record("a", (7, 0), 0, 0)],
            unfit,
        ),
        (
            vec![a(), record("a", (6, 0), 0, 0), record("a", (7, 0), 3, 3)],
            unfit,
        ),
        (
            vec![a(), record("a", (6, 0), 0, 0), record("a", (6, 0), 6, 1)],
            unfit,
        ),
        (vec![a(), record("a", (6, 0), 3, 0)], unfit),
    ];
    for (index, (records, error)) in cases.into_iter().enumerate() {
        assert_eq!(forged(records), error, "case {index}");
    }

    let headed = |revision, compacted, floor| {
        Forged {
            revision,
            compacted,
            floor,
            records: vec![],
        }
        .read()
    };
    assert_eq!(headed(9, 6, (0, 0)), WrongContents);
    for (revision, compacted) in [(0, -1), (-1, -1), (9, 10), (9, -2), (i64::MAX, 1)] {
        let error = headed(revision, compacted, (0, 0));
        assert_eq!(error, Malformed("a revision out of bounds"));
    }
    for floor in [(6, 0), (7, 1), (-1, 0), (0, 1)] {
        let error = headed(9, 6, floor);
        assert_eq!(
            error,
            Malformed("compaction got further than it was asked to")
        );
    }
}
