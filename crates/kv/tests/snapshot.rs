//! Snapshots: what comes out is what went in, and nothing else is believed.

#[path = "common/arbitrary.rs"]
mod arbitrary;
#[path = "common/mod.rs"]
mod common;

use arbitrary::{command, range};
use bytes::Bytes;
use common::{compact, delete, put};
use proptest::prelude::*;
use quorate_kv::*;

fn chunks(store: &Store, max_bytes: usize) -> Vec<Bytes> {
    let mut writer = SnapshotWriter::new(store.clone());
    std::iter::from_fn(|| writer.next_chunk(max_bytes)).collect()
}

fn read<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Store, SnapshotError> {
    let mut reader = SnapshotReader::new();
    for chunk in chunks {
        reader.feed(chunk)?;
    }
    reader.finish()
}

fn round_trip(store: &Store, max_bytes: usize) -> Store {
    let chunks = chunks(store, max_bytes);
    read(chunks.iter().map(|chunk| &chunk[..])).expect("a snapshot reads back")
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
        let mut bytes = chunks(&store_of(&commands), usize::MAX).concat();
        let index = index.index(bytes.len());
        bytes[index] ^= flip;
        prop_assert!(read([&bytes[..]]).is_err());
    }

    #[test]
    fn a_snapshot_that_ends_early_or_late_is_refused(
        commands in prop::collection::vec(command(), 0..20),
        index in any::<prop::sample::Index>(),
    ) {
        let mut bytes = chunks(&store_of(&commands), usize::MAX).concat();
        let index = index.index(bytes.len());
        prop_assert_eq!(read([&bytes[..index]]).err(), Some(SnapshotError::Truncated));
        bytes.push(0);
        prop_assert_eq!(read([&bytes[..]]).err(), Some(SnapshotError::TooLong));
    }

    #[test]
    fn arbitrary_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read([&bytes[..]]).is_err());
        let mut headed = b"QKVS\x01".to_vec();
        headed.extend(&bytes);
        prop_assert!(read([&headed[..]]).is_err());
    }

    /// The checksum keeps most damage from the checks behind it: here it is made right again, and
    /// what is then accepted has to be a store that works.
    #[test]
    fn a_snapshot_forged_to_its_checksum_is_refused_or_safe(
        commands in prop::collection::vec(command(), 1..20),
        index in any::<prop::sample::Index>(),
        flip in 1..=255u8,
        later in prop::collection::vec(command(), 0..10),
    ) {
        let mut bytes = chunks(&store_of(&commands), usize::MAX).concat();
        let body = bytes.len() - 8;
        bytes[index.index(body)] ^= flip;
        let checksum = xxhash_rust::xxh3::xxh3_64(&bytes[..body]);
        bytes[body..].copy_from_slice(&checksum.to_le_bytes());
        if let Ok(mut store) = read([&bytes[..]]) {
            for command in &later {
                let _ = store.apply(command);
            }
        }
    }
}

#[test]
fn chunks_have_the_size_asked_for() {
    let mut store = Store::new();
    for key in 0..100 {
        store
            .apply(&Command::Put(put(&format!("key {key}"), &"v".repeat(key))))
            .unwrap();
    }
    let chunks = chunks(&store, 1000);
    let (last, full) = chunks.split_last().unwrap();
    assert!(full.iter().all(|chunk| chunk.len() == 1000));
    assert!((1..=1000).contains(&last.len()));
}

#[test]
fn a_snapshot_is_of_the_moment_of_its_clone() {
    let mut store = store_of(&[Command::Put(put("a", "1")), Command::Put(put("b", "1"))]);
    let digest = store.digest();
    let mut writer = SnapshotWriter::new(store.clone());
    let mut reader = SnapshotReader::new();
    for value in 0.. {
        let Some(chunk) = writer.next_chunk(16) else {
            break;
        };
        reader.feed(&chunk).unwrap();
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
        (100..300).contains(&commands),
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
    let error = read([&b"QKVS\x02"[..]]).unwrap_err();
    assert_eq!(error, SnapshotError::UnknownVersion(2));
    assert!(error.to_string().contains("version 2"), "{error}");
    assert_eq!(read([&b"PK"[..]]).unwrap_err(), SnapshotError::NotASnapshot);
}
