//! A disk that changes its mind: what is a torn tail, what is damage, and who is told.

mod common;

use common::{FIRST, Model, Op, config, first_segment, span, three_batches};
use quorate_wal::testing::{Crash, MemStorage};
use quorate_wal::{Config, Error, Identity, Lsn, Recovery, SegmentNo, Summary, TornTail, Wal};

const SECOND: &str = "0000000000000002.wal";

fn open(storage: &mut MemStorage) -> Result<(Wal<&mut MemStorage>, Summary), Error> {
    Recovery::new(storage, config()).finish()
}

/// Carries out operations on a new log and closes it.
fn log_of(ops: &[Op]) -> (MemStorage, Model) {
    let (mut storage, mut model) = (MemStorage::new(), Model::default());
    let (mut wal, _) = model.recover(&mut storage, &config()).unwrap();
    for op in ops {
        model.step(&mut wal, op).unwrap();
    }
    storage.crash(Crash::Process);
    (storage, model)
}

#[track_caller]
fn assert_corrupt(storage: &mut MemStorage, file: &str, offset: u64, lsn: Option<u64>) {
    let before = storage.clone();
    match open(storage) {
        Err(Error::Corrupt {
            file: f,
            offset: o,
            lsn: l,
            why,
        }) => {
            assert_eq!((f.as_str(), o, l), (file, offset, lsn.map(Lsn)), "{why}");
        }
        Err(other) => panic!("refused for another reason: {other}"),
        Ok((wal, summary)) => panic!("accepted up to {}: {summary:?}", wal.durable()),
    }
    for name in [FIRST, SECOND] {
        assert_eq!(
            storage.file(name),
            before.file(name),
            "a refused log is left as it was"
        );
    }
}

#[test]
fn damage_to_any_byte_before_the_last_sync_is_refused_at_its_batch() {
    let (whole, _, offsets) = three_batches();
    for (batch, lsn) in [(0, 1), (1, 3)] {
        // The body ends before the sector does; its padding holds nothing.
        for byte in offsets[batch]..offsets[batch] + 40 + 4 + 600 + 4 + 10 {
            let mut storage = whole.clone();
            storage.damage(FIRST, byte..byte + 1, |b| b ^ 0x10);
            assert_corrupt(&mut storage, FIRST, offsets[batch], Some(lsn));
        }
        for range in [
            offsets[batch]..offsets[batch] + 512,
            offsets[batch]..offsets[batch + 1],
        ] {
            let mut storage = whole.clone();
            storage.damage(FIRST, range, |_| 0);
            assert_corrupt(&mut storage, FIRST, offsets[batch], Some(lsn));
        }
    }
}

#[test]
fn damage_to_the_last_sync_reads_as_a_torn_tail_unless_it_was_sealed() {
    let (whole, _, offsets) = three_batches();
    let mut storage = whole.clone();
    storage.damage(FIRST, offsets[2] + 500..offsets[2] + 501, |b| !b);
    let (wal, summary) = open(&mut storage).unwrap();
    assert_eq!(wal.durable(), Lsn(4));
    let torn = TornTail {
        segment: SegmentNo(1),
        offset: offsets[2],
        bytes: 40 + 4 + 600 + 4 + 10,
    };
    assert_eq!(summary.torn, Some(torn));

    let mut storage = whole.clone();
    open(&mut storage).unwrap(); // seals what it recovered
    storage.damage(FIRST, offsets[2] + 500..offsets[2] + 501, |b| !b);
    assert_corrupt(&mut storage, FIRST, offsets[2], Some(5));

    use Op::*;
    let (mut storage, _) = log_of(&[Append(9), Write, Sync, Seal]);
    storage.damage(FIRST, 512..1024, |_| 0);
    assert_corrupt(&mut storage, FIRST, 512, Some(1));
}

#[test]
fn damage_among_batches_of_one_sync_cuts_there_whatever_follows() {
    use Op::*;
    let ops = [
        Append(9),
        Write,
        Sync,
        Append(9),
        Write,
        Append(9),
        Write,
        Append(9),
        Write,
    ];
    let (whole, _) = log_of(&ops);
    for (offset, left) in [(1024, 1), (1536, 2), (2048, 3)] {
        let mut storage = whole.clone();
        storage.damage(FIRST, offset..offset + 512, |_| 0);
        let (wal, _) = open(&mut storage).unwrap();
        assert_eq!(wal.durable(), Lsn(left));
    }
}

#[test]
fn a_cut_tail_does_not_come_back_to_life() {
    use Op::*;
    // Three writes that no sync covered; the first is torn, the others reached the disk.
    let (mut storage, _) = log_of(&[Append(9), Write, Append(8), Write, Append(7), Write]);
    storage.damage(FIRST, 512..513, |_| 0);
    let mut model = Model::default();
    let (mut wal, summary) = model.recover(&mut storage, &config()).unwrap();
    assert_eq!(
        (wal.durable(), summary.torn.map(|torn| torn.offset)),
        (Lsn(0), Some(512))
    );
    // The client sends the same again: byte for byte what the two others were written behind.
    for op in [Append(9), Write, Sync] {
        model.step(&mut wal, &op).unwrap();
    }
    storage.crash(Crash::LoseAll);
    let (wal, summary) = model.recover(&mut storage, &config()).unwrap();
    assert_eq!((wal.durable(), summary.torn), (Lsn(1), None));
}

#[test]
fn a_tail_of_zeros_is_a_clean_end() {
    let (whole, _, offsets) = three_batches();
    let bytes = whole.file(FIRST).unwrap();
    for len in [offsets[3], offsets[3] - 1, 4096, 9000, 2 << 20] {
        let mut longer = bytes.to_vec();
        longer.resize(len as usize, 0);
        let mut storage = first_segment(&longer);
        let (wal, summary) = open(&mut storage).unwrap();
        assert_eq!(
            (wal.durable(), summary.torn),
            (Lsn(6), None),
            "length {len}"
        );
    }
}

#[test]
fn a_file_that_lost_its_end_is_cut_at_the_last_whole_batch() {
    let (whole, _, offsets) = three_batches();
    let bytes = whole.file(FIRST).unwrap();
    for len in 512..offsets[3] as usize - (1024 - 658) {
        let mut storage = first_segment(&bytes[..len]);
        let (wal, _) = open(&mut storage).unwrap();
        let left = offsets[..3]
            .iter()
            .filter(|&&start| start as usize + 658 <= len)
            .count();
        assert_eq!(wal.durable(), Lsn(2 * left as u64), "length {len}");
    }
}

/// Two segments, one batch each, all durable.
fn two_segments() -> MemStorage {
    use Op::*;
    log_of(&[Append(50), Write, Roll, Append(60), Write, Sync, Seal]).0
}

#[test]
fn a_segment_before_the_last_has_no_torn_tail() {
    for change in [|b: u8| !b, |_| 0] {
        let mut storage = two_segments();
        storage.damage(FIRST, 512..600, change);
        assert_corrupt(&mut storage, FIRST, 512, Some(1));
    }
    let mut storage = two_segments();
    let short = storage.file(FIRST).unwrap()[..560].to_vec();
    storage.put_file(FIRST, &short);
    assert_corrupt(&mut storage, FIRST, 512, Some(1));
    // A later one that was made in advance proves nothing.
    let mut storage = two_segments();
    storage.put_file(SECOND, b"");
    storage.damage(FIRST, 512..600, |b| !b);
    assert_eq!(open(&mut storage).unwrap().0.durable(), Lsn(0));
}

#[test]
fn a_segment_that_was_made_and_not_begun_is_used() {
    for header in [&b""[..], b"quoraWAL", &[0; 4096], &[7; 64]] {
        let mut storage = two_segments();
        storage.put_file(SECOND, header);
        let (mut wal, summary) = open(&mut storage).unwrap();
        assert_eq!((wal.durable(), summary.removed), (Lsn(1), None));
        wal.append(b"next").unwrap();
        assert_eq!(wal.roll().unwrap(), SegmentNo(2));
        wal.append(b"more").unwrap();
        wal.write().unwrap();
        wal.sync().unwrap();
        storage.crash(Crash::LoseAll);
        assert_eq!(open(&mut storage).unwrap().0.durable(), Lsn(3));
    }
    // One whose making was cut short, so that nothing says that it must be there, goes.
    let mut storage = two_segments();
    storage.put_file("0000000000000003.wal", &[7; 9]);
    let (mut wal, summary) = open(&mut storage).unwrap();
    assert_eq!(summary.removed, Some(SegmentNo(3)));
    wal.append(b"next").unwrap();
    assert_eq!(wal.roll().unwrap(), SegmentNo(3));
    // The very first one, too: before and after it counts.
    let mut storage = MemStorage::new();
    storage.put_file(FIRST, &[0; 700]);
    assert_eq!(open(&mut storage).unwrap().0.durable(), Lsn(0));
    let mut storage = first_segment(&[0; 700]);
    assert_eq!(open(&mut storage).unwrap().0.durable(), Lsn(0));
    let error = must_exist(first_segment(&[0; 700])).unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
}

/// Opens a log that was begun before.
fn must_exist(storage: MemStorage) -> Result<Wal<MemStorage>, Error> {
    let config = Config {
        must_exist: true,
        ..config()
    };
    Ok(Recovery::new(storage, config).finish()?.0)
}

#[test]
fn a_header_damaged_after_use_is_refused() {
    for byte in 0..64 {
        let mut storage = two_segments();
        storage.damage(SECOND, byte..byte + 1, |b| b ^ 1);
        assert_corrupt(&mut storage, SECOND, 0, None);
        let mut storage = two_segments();
        storage.damage(FIRST, byte..byte + 1, |b| b ^ 1);
        assert_corrupt(&mut storage, FIRST, 0, None);
    }
    // All earlier segments removed, this one empty: what it followed is not known any more.
    let mut storage = MemStorage::new();
    storage.put_file(SECOND, &[0; 4096]);
    storage.put_file(&span(2, 2), b"");
    assert_corrupt(&mut storage, SECOND, 0, None);
}

#[test]
fn a_missing_segment_is_named_wherever_it_was() {
    use Op::*;
    let (whole, _) = log_of(&[
        Append(5),
        Roll,
        Append(6),
        Roll,
        Append(7),
        Write,
        Sync,
        Trim(3),
        Append(8),
        Roll,
        Append(9),
        Write,
        Sync,
        Trim(3),
    ]);
    for lost in 2..=4 {
        let mut storage = whole.clone();
        let name = format!("{lost:016x}.wal");
        storage.take_file(&name);
        match open(&mut storage) {
            Err(Error::MissingSegment {
                missing: SegmentNo(missing),
                file,
                first: SegmentNo(2),
                last: SegmentNo(4),
            }) => assert_eq!((missing, file), (lost, name)),
            other => panic!("{:?}", other.map(|(_, summary)| summary)),
        }
    }
    let mut storage = whole.clone();
    for lost in 2..=4 {
        storage.take_file(&format!("{lost:016x}.wal"));
    }
    let error = open(&mut storage).unwrap_err();
    assert!(
        matches!(
            error,
            Error::MissingSegment {
                missing: SegmentNo(2),
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error.to_string().contains("the log has segments 2 to 4"),
        "{error}"
    );
    // And one that was never there is no segment of this log.
    let mut storage = whole.clone();
    storage.put_file("0000000000000006.wal", b"");
    assert!(open(&mut storage).is_err());
}

#[test]
fn without_the_file_that_counts_segments_only_a_new_log_opens() {
    use Op::*;
    let mut storage = two_segments();
    storage.take_file(&span(1, 2));
    assert!(matches!(open(&mut storage), Err(Error::MissingSpan)));
    let (mut one, _, _) = three_batches();
    one.take_file(&span(1, 1));
    assert!(matches!(open(&mut one), Err(Error::MissingSpan)));
    assert!(matches!(
        must_exist(MemStorage::new()),
        Err(Error::MissingLog)
    ));
    let error = must_exist(MemStorage::new()).unwrap_err().to_string();
    assert!(error.contains("is empty, and the log was begun"), "{error}");
    // An older one that a crash has left beside it counts for nothing.
    let mut storage = two_segments();
    storage.put_file(&span(1, 1), b"");
    let (wal, _) = open(&mut storage).unwrap();
    assert_eq!(wal.durable(), Lsn(2));
    storage.crash(Crash::Process);
    assert!(storage.file(&span(1, 1)).is_none(), "and is removed");
    // Nor does a segment that is superseded.
    let (mut storage, _) = log_of(&[Append(5), Roll, Append(6), Write, Sync, Trim(1)]);
    storage.put_file(FIRST, b"anything");
    let (wal, summary) = open(&mut storage).unwrap();
    assert_eq!((wal.durable(), summary.first), (Lsn(2), Some(Lsn(2))));
    storage.crash(Crash::Process);
    assert!(storage.file(FIRST).is_none());
}

#[test]
fn the_segment_of_another_log_is_refused() {
    // Of another replica, or of another cluster.
    for identity in [
        Identity {
            cluster: 1,
            ..common::ME
        },
        Identity {
            replica: 1,
            ..common::ME
        },
    ] {
        let mut storage = two_segments();
        let other = Config {
            identity,
            ..config()
        };
        match Recovery::new(&mut storage, other).finish() {
            Err(Error::Foreign {
                file,
                found: common::ME,
                expected,
            }) => {
                assert_eq!((file.as_str(), expected), (FIRST, identity));
            }
            other => panic!("{:?}", other.map(|(_, summary)| summary)),
        }
    }
    // Of this replica, under another name.
    let mut storage = two_segments();
    let first = storage.file(FIRST).unwrap().to_vec();
    storage.put_file(SECOND, &first);
    assert_corrupt(&mut storage, SECOND, 0, None);
    // Of this replica in another life, say from a backup: all checks hold, the chain does not.
    use Op::*;
    let mut other_life = Model {
        ids: 70,
        ..Model::default()
    };
    let (mut wal, _) = other_life.recover(MemStorage::new(), &config()).unwrap();
    for op in [Append(50), Write, Roll] {
        other_life.step(&mut wal, &op).unwrap();
    }
    let backup = wal.into_storage().file(FIRST).unwrap().to_vec();
    let mut storage = two_segments();
    storage.put_file(FIRST, &backup);
    assert_corrupt(&mut storage, FIRST, 1024, Some(2));
}

#[test]
fn a_batch_from_another_life_is_not_taken() {
    use Op::*;
    let life = |ids| {
        let mut model = Model {
            ids,
            ..Model::default()
        };
        let (mut wal, _) = model.recover(MemStorage::new(), &config()).unwrap();
        for op in [Append(50), Write, Sync, Append(50), Write, Sync] {
            model.step(&mut wal, &op).unwrap();
        }
        wal.into_storage().file(FIRST).unwrap().to_vec()
    };
    let mut mixed = life(0);
    mixed.splice(1024.., life(9)[1024..].iter().copied());
    let mut storage = first_segment(&mixed);
    assert_eq!(open(&mut storage).unwrap().0.durable(), Lsn(1));
}

#[test]
fn a_format_of_the_future_is_named_and_not_called_damage() {
    let mut header = two_segments().file(FIRST).unwrap()[..64].to_vec();
    header[8] = 9;
    let check = crc32c::crc32c_append(crc32c::crc32c(&header[0..12]), &header[16..64]);
    header[12..16].copy_from_slice(&check.to_le_bytes());
    let mut storage = first_segment(&header);
    match open(&mut storage) {
        Err(Error::UnsupportedVersion {
            found: 9,
            supported: 1,
            ..
        }) => {}
        other => panic!("{:?}", other.map(|(_, summary)| summary)),
    }
}

#[test]
fn a_copy_of_a_log_inside_a_record_proves_nothing() {
    // The third batch says that four records are durable. A client stores a copy of it, and it comes
    // to lie at the start of a sector; the write that carried it is torn.
    let (donor, _, offsets) = three_batches();
    let batch = &donor.file(FIRST).unwrap()[offsets[2] as usize..][..658];
    let mut value = vec![1; 512 - 44];
    value.extend_from_slice(batch);
    let mut storage = MemStorage::new();
    let (mut wal, _) = open(&mut storage).unwrap();
    wal.append(&value).unwrap();
    wal.write().unwrap();
    storage.crash(Crash::Process);
    assert_eq!(&storage.file(FIRST).unwrap()[1024..1024 + 658], batch);
    storage.damage(FIRST, 512..513, |_| 0);
    assert_eq!(open(&mut storage).unwrap().0.durable(), Lsn(0));
}

#[test]
fn a_record_over_the_limit_is_refused_on_both_sides() {
    let mut storage = MemStorage::new();
    let (mut wal, _) = open(&mut storage).unwrap();
    let refusal = wal.append(&[0; 4097]).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "a record of 4097 bytes exceeds the limit of 4096 bytes"
    );
    for len in [4096, 300] {
        wal.append(&vec![3; len]).unwrap();
        wal.write().unwrap();
    }
    wal.sync().unwrap();
    storage.crash(Crash::Process);
    for (max_record, max_batch) in [(4095, 1500), (200, 8192)] {
        let lower = Config {
            max_record,
            max_batch,
            ..config()
        };
        match Recovery::new(&mut storage, lower).finish() {
            Err(Error::RecordTooLarge { .. }) => {}
            other => panic!("{:?}", other.map(|(_, summary)| summary)),
        }
    }
}

#[test]
fn errors_say_what_and_where_and_what_to_do() {
    let (mut storage, _, offsets) = three_batches();
    storage.damage(FIRST, offsets[0] + 100..offsets[0] + 101, |b| !b);
    let text = open(&mut storage).unwrap_err().to_string();
    assert_eq!(
        text,
        "0000000000000001.wal is damaged at byte 512, at record 1: the batch at byte 1536 was \
         written when all records up to 2 were durable. What is lost was durable and may have been \
         acknowledged, so it is not cut off: restore the file, or replace this \
         replica"
    );
}
