//! What the disk promises, and what it takes away; and the real log on it.

use super::{FaultKind, SimStorage};
use crate::decisions::Decisions;
use quorate_wal::{Config, FileId, Identity, Recovery, Storage};
use std::collections::BTreeSet;

const IDENTITY: Identity = Identity {
    cluster: 1,
    replica: 1,
};

fn read(storage: &SimStorage, file: FileId, offset: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let got = storage.read_at(file, offset, &mut bytes).expect("reads");
    bytes.truncate(got);
    bytes
}

#[test]
fn what_was_synced_stays_and_what_was_not_may_go_sector_by_sector() {
    let mut outcomes = BTreeSet::new();
    for seed in 0..200 {
        let mut storage = SimStorage::default();
        let file = storage.create("f", 8192).expect("creates");
        storage.write_at(file, 0, &[1; 1024]).expect("writes");
        storage.sync(file).expect("syncs");
        storage.sync_dir().expect("syncs");
        storage.write_at(file, 512, &[2; 1024]).expect("writes");
        let damage = storage.power_fails(true, &mut Decisions::from_seed(seed));
        assert_eq!(damage.kept + damage.lost + damage.torn, 2);
        let file = storage.open("f").expect("the name was synced");
        assert_eq!(read(&storage, file, 0, 512), [1; 512], "synced");
        let (first, second) = (
            read(&storage, file, 512, 512),
            read(&storage, file, 1024, 512),
        );
        let all = |bytes: &[u8], value| bytes.iter().all(|&byte| byte == value);
        outcomes.insert((
            all(&first, 1),
            all(&first, 2),
            all(&second, 0),
            all(&second, 2),
        ));
    }
    // Kept, lost or torn: each of two sectors by itself.
    assert_eq!(outcomes.len(), 9, "{outcomes:?}");
}

#[test]
fn a_process_that_dies_loses_nothing_that_it_wrote() {
    let mut storage = SimStorage::default();
    let file = storage.create("f", 0).expect("creates");
    storage.write_at(file, 0, &[1; 700]).expect("writes");
    storage.process_dies(&mut Decisions::from_seed(1));
    let file = storage.open("f").expect("is there");
    assert_eq!(read(&storage, file, 0, 1000), [1; 700]);
    // But it is still not durable.
    storage.power_fails(true, &mut Decisions::replay(vec![1, 1, 1, 1, 1, 1]));
    assert!(storage.open("f").is_err(), "the name was never synced");
}

#[test]
fn after_a_failed_sync_a_later_one_makes_nothing_good() {
    let mut storage = SimStorage::default();
    let file = storage.create("f", 4096).expect("creates");
    storage.sync_dir().expect("syncs");
    storage.write_at(file, 0, &[1; 512]).expect("writes");
    storage.plan(0, FaultKind::Error);
    assert!(storage.sync(file).is_err());
    storage.write_at(file, 512, &[2; 512]).expect("writes");
    assert!(storage.sync(file).is_ok(), "as Linux has it");
    storage.power_fails(true, &mut Decisions::replay(vec![1; 9]));
    let file = storage.open("f").expect("is there");
    assert_eq!(read(&storage, file, 0, 512), [0; 512], "forsaken");
    assert_eq!(read(&storage, file, 512, 512), [2; 512]);
}

#[test]
fn a_sync_that_lies_a_write_astray_a_full_disk() {
    let mut storage = SimStorage::default();
    let file = storage.create("f", 4096).expect("creates");
    storage.sync_dir().expect("syncs");
    storage.lie(1);
    storage.write_at(file, 0, &[1; 512]).expect("writes");
    storage.sync(file).expect("says that it synced");
    storage.power_fails(true, &mut Decisions::replay(vec![1; 9]));
    let file = storage.open("f").expect("is there");
    assert_eq!(read(&storage, file, 0, 512), [0; 512]);
    storage.misdirect(2);
    storage.write_at(file, 0, &[1; 512]).expect("writes");
    assert_eq!(read(&storage, file, 1024, 512), [1; 512]);
    storage.set_capacity(8192);
    let full = storage.create("g", 8192).expect_err("too large");
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    assert!(storage.used() <= 4096);
}

/// The log's promise, on this disk: power fails at every call in turn, also during recovery, and
/// what was reported durable is there.
#[test]
fn the_log_keeps_its_promise_wherever_the_power_fails() {
    let config = Config {
        segment_bytes: 4096,
        sector: 512,
        ..Config::new(IDENTITY)
    };
    let mut halts = 0;
    for seed in 0..300 {
        let mut decisions = Decisions::from_seed(seed);
        let mut storage = SimStorage::default();
        let mut promised = 0;
        for _ in 0..6 {
            storage.plan(decisions.below(60), FaultKind::Halt);
            let mut recovery = Recovery::new(&mut storage, config.clone());
            let mut last = 0;
            let read = loop {
                match recovery.next() {
                    Ok(Some((lsn, record))) => {
                        last = lsn.0;
                        let number = record.first_chunk::<8>().expect("8 bytes");
                        assert_eq!(u64::from_le_bytes(*number), last);
                    }
                    other => break other.map(|_| ()),
                }
            };
            assert!(read.is_ok(), "seed {seed}: {read:?}");
            assert!(last >= promised, "seed {seed}: {last} of {promised}");
            if let Ok((mut log, _)) = recovery.finish() {
                promised = last;
                for next in last + 1..last + 41 {
                    let mut record = vec![0; 8 + decisions.below(900) as usize];
                    record[..8].copy_from_slice(&next.to_le_bytes());
                    let wrote = log.append(&record).and_then(|_| log.write());
                    let synced = match decisions.below(3) {
                        0 => log.sync().map(|lsn| promised = lsn.0),
                        _ => Ok(()),
                    };
                    if wrote.is_err() || synced.is_err() {
                        break;
                    }
                }
            }
            halts += u64::from(storage.halted());
            storage.power_fails(true, &mut decisions);
        }
    }
    assert!(halts > 500, "{halts}");
}
