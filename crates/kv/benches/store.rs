//! What the store costs: `cargo bench -p quorate-kv`, or with `-- 100000` for another size.
//!
//! Keys are random, so that at a million of them most of the time is waiting for memory: read the
//! figures beside those of `std::collections::BTreeMap`. Times are of the processor and not of the
//! clock on the wall where the system tells (Linux), so that a busy machine disturbs them less.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench reads the clock and prints"
)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use quorate_kv::*;

const VALUE: usize = 64;
const OPS: usize = 200_000;
/// The system counts a thread's time in ticks of some milliseconds: less than this is read off the
/// clock on the wall.
const TICKS: u64 = 30_000_000;

fn main() {
    let sizes: Vec<usize> = std::env::args()
        .filter_map(|arg| arg.parse().ok())
        .collect();
    let sizes = if sizes.is_empty() {
        vec![1_000, 1_000_000]
    } else {
        sizes
    };
    for keys in sizes {
        println!("{keys} keys of 20 bytes, values of {VALUE} bytes");
        store(keys);
        baseline(keys);
    }
}

/// Times `ops` calls and prints the nanoseconds that one takes.
fn time<T>(what: &str, ops: usize, mut op: impl FnMut(usize) -> T) {
    let start = (Instant::now(), processor_time());
    for i in 0..ops {
        black_box(op(i));
    }
    let nanos = match (start.1, processor_time()) {
        (Some(start), Some(end)) if end - start > TICKS => end - start,
        _ => start.0.elapsed().as_nanos() as u64,
    };
    println!("  {what:<46} {:>11.0} ns", nanos as f64 / ops as f64);
}

/// A fixed scramble (splitmix64).
fn scramble(i: usize) -> u64 {
    let mut z = (i as u64)
        .wrapping_add(1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn key(i: usize) -> Bytes {
    format!("key-{:016x}", scramble(i)).into()
}

fn put(key: Bytes) -> Command {
    Command::Put(PutRequest {
        key,
        value: vec![7; VALUE].into(),
        ..Default::default()
    })
}

fn baseline(keys: usize) {
    let mut map = BTreeMap::new();
    time("std BTreeMap: insert", keys, |i| {
        map.insert(key(i), Bytes::from(vec![7; VALUE]))
    });
    time("std BTreeMap: overwrite", OPS, |i| {
        map.insert(
            key(scramble(i) as usize % keys),
            Bytes::from(vec![7; VALUE]),
        )
    });
}

fn store(keys: usize) {
    time("building a put, part of all below", keys, |i| put(key(i)));
    let mut store = Store::new();
    let before = resident();
    time("put, new key", keys, |i| store.apply(&put(key(i))));
    let taken = resident().saturating_sub(before);
    println!(
        "  memory: {taken} bytes resident, {} by size_bytes",
        store.size_bytes()
    );
    let any = |i: usize| key(scramble(i) as usize % keys);
    time("put, existing key", OPS, |i| store.apply(&put(any(i))));
    time("put and keep compacting", OPS, |i| {
        if i % 1000 == 999 {
            let revision = store.revision() - 100;
            let _ = store.apply(&Command::Compact(CompactRequest {
                revision,
                physical: false,
            }));
        }
        store.apply(&put(any(i)))
    });
    let frozen = store.clone();
    time("put, existing key, after a freeze", OPS, |i| {
        store.apply(&put(any(i)))
    });
    drop(frozen);
    let get = |i| RangeRequest {
        key: any(i),
        ..Default::default()
    };
    time("get", OPS, |i| store.range(&get(i)));
    let from = |i, limit| RangeRequest {
        range_end: b"l"[..].into(),
        limit,
        ..get(i)
    };
    let hundred = |i| RangeRequest {
        key: key(i),
        ..from(i, 100)
    };
    time("range to the end, limit 100", 20, |i| {
        store.range(&hundred(i))
    });
    let all = RangeRequest {
        key: b"\0"[..].into(),
        range_end: b"\0"[..].into(),
        ..get(0)
    };
    time("all pairs, for each", 1, |_| store.range(&all));
    let count = RangeRequest {
        count_only: true,
        ..all
    };
    time("count of all", 1, |_| store.range(&count));
    time("digest", OPS, |_| store.digest());
    time("freeze (clone and drop)", OPS, |_| store.clone());

    let mut blocks = Vec::new();
    let mut writer = SnapshotWriter::new(store.clone());
    time("write a snapshot", 1, |_| {
        let mut block = Vec::new();
        while writer.next_block(64 << 10, &mut block) {
            blocks.push(std::mem::take(&mut block));
        }
    });
    let bytes: usize = blocks.iter().map(Vec::len).sum();
    println!("  {bytes} bytes in {} blocks", blocks.len());
    let mut reader = SnapshotReader::new();
    time("read a snapshot", 1, |_| {
        for block in &blocks {
            reader.feed(block).expect("its own snapshot");
        }
    });
    let mut reader = Some(reader);
    let mut copy = None;
    time("finish reading it", 1, |_| {
        copy = reader.take().map(SnapshotReader::finish);
    });
    let copy = copy.expect("it was read").expect("its own snapshot");
    assert_eq!(copy.digest(), store.digest());
    let revision = store.revision();
    time("compact everything", 1, |_| {
        let compact = Command::Compact(CompactRequest {
            revision,
            physical: false,
        });
        let mut answer = store.apply(&compact);
        while store.is_compacting() {
            answer = store.apply(&compact);
        }
        answer
    });
}

/// How many nanoseconds this thread has run.
fn processor_time() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split(' ').next()?.parse().ok()
}

/// The resident memory of this process, where Linux says it.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .unwrap_or(0);
    pages * 4096
}
