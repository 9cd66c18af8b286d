//! Arbitrary bytes as the segments of a log: it opens or says why not, without a panic and without
//! memory beyond what the bytes are worth (`-malloc_limit_mb`). If it opens, it goes on from there,
//! and what is appended then is recovered.
//!
//! The input: a byte of flags, then segments, each as two bytes of length and that many bytes. Flag 1
//! makes the checks fit, flag 2 lets the segments begin with number 2, flag 4 gives every segment a
//! header.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_wal::testing::{Crash, MemStorage, fit_checks};
use quorate_wal::{Config, Identity, Recovery, SegmentNo};

const ME: Identity = Identity {
    cluster: 1,
    replica: 2,
};

fuzz_target!(|input: &[u8]| {
    let Some((&flags, mut rest)) = input.split_first() else {
        return;
    };
    let mut storage = MemStorage::new();
    let mut number = if flags & 2 == 0 { 1 } else { 2 };
    while let Some((length, bytes)) = rest.split_first_chunk::<2>() {
        let (bytes, after) = bytes.split_at(bytes.len().min(u16::from_le_bytes(*length).into()));
        rest = after;
        let mut segment = bytes.to_vec();
        if flags & 4 != 0 && segment.len() >= 64 {
            segment[0..12].copy_from_slice(b"quoraWAL\x01\0\0\0");
            segment[16..24].copy_from_slice(&u64::to_le_bytes(number));
            segment[24..32].copy_from_slice(&ME.cluster.to_le_bytes());
            segment[32..40].copy_from_slice(&ME.replica.to_le_bytes());
            segment[52..64].copy_from_slice(&[0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        }
        if flags & 1 != 0 {
            fit_checks(&mut segment, SegmentNo(number), ME);
        }
        storage.put_file(&format!("{number:016x}.wal"), &segment);
        number += 1;
    }
    let config = Config {
        segment_bytes: 4096,
        max_record: 1 << 30,
        ..Config::new(ME)
    };
    let Ok((mut wal, _)) = Recovery::new(&mut storage, config.clone()).finish() else {
        return;
    };
    let found = wal.durable();
    wal.append(&[9; 1000]).expect("memory takes it");
    wal.write().expect("memory takes it");
    wal.sync().expect("memory takes it");
    storage.crash(Crash::LoseAll);
    let (wal, summary) = Recovery::new(&mut storage, config)
        .finish()
        .expect("it was open before");
    assert_eq!((wal.durable(), summary.torn), (found.next(), None));
});
