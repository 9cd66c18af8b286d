//! What a caller sees of a log that works.

mod common;

use common::{FIRST, Model, Op, config};
use quorate_wal::testing::{Crash, MemStorage};
use quorate_wal::{Config, Error, Lsn, Recovery, SegmentNo, Storage, Wal};

fn new(config: Config) -> Wal<MemStorage> {
    Recovery::new(MemStorage::new(), config).finish().unwrap().0
}

#[test]
fn a_record_is_appended_then_written_then_durable() {
    let mut wal = new(config());
    let stages = |wal: &Wal<MemStorage>| (wal.appended().0, wal.written().0, wal.durable().0);
    wal.append(b"one").unwrap();
    assert_eq!(stages(&wal), (1, 0, 0));
    assert_eq!(
        wal.sync().unwrap(),
        Lsn(0),
        "a sync covers what was written"
    );
    wal.write().unwrap();
    wal.append(b"two").unwrap();
    assert_eq!(stages(&wal), (2, 1, 0));
    assert_eq!(wal.sync().unwrap(), Lsn(1));
    wal.write().unwrap();
    assert_eq!(stages(&wal), (2, 2, 1));
    assert_eq!(wal.sync().unwrap(), Lsn(2));
}

#[test]
fn a_batch_is_one_write_and_many_batches_may_share_one_sync() {
    let mut wal = new(config());
    let before = wal.storage().ops();
    for _ in 0..3 {
        for _ in 0..10 {
            wal.append(b"record").unwrap();
        }
        wal.write().unwrap();
    }
    wal.sync().unwrap();
    assert_eq!(wal.storage().ops() - before, 3 + 1);
    // Nothing to do costs nothing.
    wal.write().unwrap();
    wal.sync().unwrap();
    assert_eq!(wal.storage().ops() - before, 3 + 1);
}

#[test]
fn the_batch_in_memory_is_bounded() {
    let mut wal = new(config());
    for _ in 0..100 {
        wal.append(&[1; 100]).unwrap();
        // Header, then 104 bytes a record, up to 1500.
        assert!(wal.appended().0 - wal.written().0 <= 14);
    }
    assert_eq!(wal.written(), Lsn(98));
}

#[test]
fn a_batch_that_does_not_fit_begins_a_segment_and_one_that_never_fits_has_its_own() {
    let mut wal = new(config());
    for (len, segment) in [
        (1000, 1),
        (1000, 1),
        (1200, 2),
        (4096, 3),
        (4000, 4),
        (10, 5),
    ] {
        let lsn = wal.append(&vec![1; len]).unwrap();
        wal.write().unwrap();
        assert_eq!(wal.segment_of(lsn), Some(SegmentNo(segment)), "{len} bytes");
        assert!(
            wal.durable().0 + 1 >= lsn.0 || segment == 1,
            "beginning a segment syncs the last"
        );
    }
    wal.sync().unwrap();
    let mut recovery = Recovery::new(wal.into_storage(), config());
    let mut lens = vec![];
    while let Some((_, record)) = recovery.next().unwrap() {
        lens.push(record.len());
    }
    assert_eq!(lens, [1000, 1000, 1200, 4096, 4000, 10]);
    let progress = recovery.progress();
    assert_eq!(progress.read, progress.total);
}

#[test]
fn compaction_rolls_then_removes_what_is_superseded() {
    let mut wal = new(config());
    for _ in 0..20 {
        wal.append(&[1; 900]).unwrap();
        wal.write().unwrap();
    }
    let segment = wal.roll().unwrap();
    assert_eq!(wal.durable(), Lsn(20));
    assert_eq!(wal.roll().unwrap(), segment, "it is empty, so it stays");
    let snapshot = wal.append(b"snapshot of all that").unwrap();
    wal.write().unwrap();
    wal.sync().unwrap();
    assert_eq!(wal.segment_of(snapshot), Some(segment));
    wal.remove_segments_before(segment).unwrap();
    assert_eq!(wal.segments().collect::<Vec<_>>(), [segment]);
    assert_eq!(
        (wal.segment_of(Lsn(20)), wal.segment_of(Lsn(22))),
        (None, None)
    );
    wal.remove_segments_before(SegmentNo(u64::MAX)).unwrap();
    assert_eq!(
        wal.active_segment(),
        segment,
        "the active one is never removed"
    );

    let (mut wal, summary) = Recovery::new(wal.into_storage(), config())
        .finish()
        .unwrap();
    assert_eq!(
        (summary.first, summary.records, wal.durable()),
        (Some(Lsn(21)), 1, Lsn(21))
    );
    assert_eq!(wal.append(b"on").unwrap(), Lsn(22));
}

#[test]
fn opening_again_and_again_writes_nothing_more() {
    let mut wal = new(config());
    wal.append(b"one").unwrap();
    wal.write().unwrap();
    wal.sync().unwrap();
    let mut storage = wal.into_storage();
    let mut images = vec![];
    for _ in 0..4 {
        storage.crash(Crash::Process);
        storage = Recovery::new(storage, config())
            .finish()
            .unwrap()
            .0
            .into_storage();
        let mut image = storage.file(FIRST).unwrap().to_vec();
        image.resize(4096, 0);
        images.push(image);
    }
    assert!(images.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_seal_is_written_once_and_only_when_nothing_waits() {
    let mut wal = new(config());
    wal.seal().unwrap();
    wal.append(b"one").unwrap();
    wal.seal().unwrap();
    wal.write().unwrap();
    let before = wal.storage().bytes_written();
    wal.seal().unwrap();
    assert_eq!(
        wal.storage().bytes_written(),
        before,
        "it would say nothing yet"
    );
    wal.sync().unwrap();
    wal.seal().unwrap();
    wal.seal().unwrap();
    assert_eq!(wal.storage().bytes_written(), before + 40);
    assert_eq!(wal.append(b"two").unwrap(), Lsn(2));
}

#[test]
fn opening_writes_again_only_what_no_mark_proves_durable() {
    let mut wal = new(Config {
        segment_bytes: 1 << 20,
        ..config()
    });
    for _ in 0..100 {
        wal.append(&[1; 1000]).unwrap();
        wal.write().unwrap();
        wal.sync().unwrap();
    }
    let mut storage = wal.into_storage();
    storage.crash(Crash::LoseAll);
    let before = storage.bytes_written();
    Recovery::new(&mut storage, config()).finish().unwrap();
    // The last batch, and a seal behind it.
    assert!(storage.bytes_written() - before <= 1536 + 40);
}

#[test]
fn files_that_are_not_segments_are_left_alone() {
    let mut storage = MemStorage::new();
    let others = [
        "lock",
        "1.wal",
        "000000000000000A.wal",
        "0000000000000000.wal",
        "+000000000000001.wal",
    ];
    for name in others {
        storage.put_file(name, b"not a segment");
    }
    let (wal, _) = Recovery::new(storage, config()).finish().unwrap();
    for name in others {
        assert_eq!(wal.storage().file(name), Some(&b"not a segment"[..]));
    }
}

#[test]
fn a_full_disk_is_said_and_loses_nothing() {
    for capacity in (0..20_000).step_by(300) {
        let (mut storage, mut model) = (MemStorage::new(), Model::default());
        storage.set_capacity(capacity);
        let error = match model.recover(&mut storage, &config()) {
            Err(error) => error,
            Ok((mut wal, _)) => loop {
                let ops = [Op::Append(700), Op::Write, Op::Sync];
                if let Some(error) = ops.iter().find_map(|op| model.step(&mut wal, op).err()) {
                    assert_eq!(wal.sync().unwrap_err().to_string(), error.to_string());
                    break error;
                }
            },
        };
        assert!(matches!(error, Error::Full { .. }), "{error}");
        assert!(error.to_string().contains("no space left"), "{error}");
        // Someone makes room.
        storage.crash(Crash::LoseAll);
        storage.set_capacity(100_000);
        let (mut wal, _) = model.recover(&mut storage, &config()).unwrap();
        model.step(&mut wal, &Op::Append(700)).unwrap();
        model.step(&mut wal, &Op::Roll).unwrap();
    }
}

#[test]
fn a_full_disk_still_opens_if_the_log_has_a_segment() {
    let mut wal = new(config());
    wal.append(&[5; 500]).unwrap();
    wal.write().unwrap();
    wal.sync().unwrap();
    let mut storage = wal.into_storage();
    storage.crash(Crash::LoseAll);
    storage.set_capacity(0);
    let (wal, _) = Recovery::new(storage, config()).finish().unwrap();
    assert_eq!(wal.durable(), Lsn(1));
}

#[test]
fn sizes_outside_their_range_are_taken_as_the_nearest_inside() {
    let mad = Config {
        segment_bytes: 0,
        sector: 700,
        max_record: u32::MAX,
        max_batch: u32::MAX,
        ..config()
    };
    let mut wal = new(mad.clone());
    wal.append(&[5; 5000]).unwrap();
    wal.write().unwrap();
    wal.sync().unwrap();
    let (wal, summary) = Recovery::new(wal.into_storage(), mad).finish().unwrap();
    assert_eq!((wal.durable(), summary.torn), (Lsn(1), None));
}

#[test]
fn a_segment_made_in_advance_costs_one_write_and_one_sync_to_begin() {
    let mut wal = new(config());
    let append = |wal: &mut Wal<MemStorage>, len| {
        wal.append(&vec![1; len]).unwrap();
        wal.write().unwrap();
        wal.sync().unwrap();
    };
    append(&mut wal, 1000);
    let before = wal.storage().ops();
    wal.prepare().unwrap();
    assert_eq!(wal.storage().ops(), before, "there is room for long");
    append(&mut wal, 1200);
    wal.prepare().unwrap();
    let names = wal.storage().list().unwrap();
    assert_eq!(
        names.len(),
        3,
        "two segments and the file that counts them: {names:?}"
    );
    let before = wal.storage().ops();
    wal.prepare().unwrap();
    assert_eq!(wal.storage().ops(), before, "one is enough");
    assert_eq!(wal.roll().unwrap(), SegmentNo(2));
    // Header, sync, and the old file is closed.
    assert_eq!(wal.storage().ops() - before, 3);
    append(&mut wal, 10);
    let (wal, summary) = Recovery::new(wal.into_storage(), config())
        .finish()
        .unwrap();
    assert_eq!((wal.durable(), summary.removed), (Lsn(3), None));
}

#[test]
fn a_disk_that_has_no_room_for_a_segment_in_advance_serves_until_it_is_needed() {
    let mut wal = new(config());
    wal.append(&[1; 2500]).unwrap();
    wal.write().unwrap();
    wal.sync().unwrap();
    wal.storage_mut().set_capacity(5000);
    for _ in 0..3 {
        wal.prepare().unwrap();
    }
    wal.append(&[1; 100]).unwrap();
    wal.write().unwrap();
    assert_eq!(wal.sync().unwrap(), Lsn(2));
    let names = wal.storage().list().unwrap();
    assert_eq!(names.len(), 2, "nothing is left of it: {names:?}");
    // Room is made before it is needed.
    wal.storage_mut().set_capacity(u64::MAX);
    assert_eq!(wal.roll().unwrap(), SegmentNo(2));
}

#[test]
fn retired_segments_are_no_part_of_the_log_before_they_are_gone() {
    let mut wal = new(config());
    for _ in 0..4 {
        wal.append(&[1; 900]).unwrap();
        wal.roll().unwrap();
    }
    let kept = SegmentNo(4);
    wal.retire_segments_before(kept).unwrap();
    assert_eq!(wal.segments().next(), Some(kept));
    assert!(wal.storage().file(FIRST).is_some(), "it is still there");
    assert!(wal.remove_retired().unwrap(), "one is gone, there are more");
    assert!(wal.storage().file(FIRST).is_none());
    let mut storage = wal.into_storage();
    storage.crash(Crash::LoseAll);
    // The removal was not synced, and means nothing to recovery.
    assert!(storage.file(FIRST).is_some());
    let (mut wal, summary) = Recovery::new(storage, config()).finish().unwrap();
    assert_eq!((summary.first, wal.durable()), (Some(Lsn(4)), Lsn(4)));
    assert!(wal.storage().file(FIRST).is_none());
    assert!(!wal.remove_retired().unwrap());
}
