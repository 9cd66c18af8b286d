//! What the log costs, without a disk below it: `cargo bench -p quorate-wal`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]
#![expect(clippy::disallowed_types, reason = "a benchmark measures time")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::hint::black_box;
use std::io;
use std::time::Instant;

use quorate_wal::testing::MemStorage;
use quorate_wal::{Config, FileId, Identity, Recovery, Storage, Wal};

/// Takes all writes and keeps none: what is measured on it is the log alone.
struct Nowhere;

impl Storage for Nowhere {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }
    fn create(&mut self, _: &str, _: u64) -> io::Result<FileId> {
        Ok(FileId(0))
    }
    fn open(&mut self, _: &str) -> io::Result<FileId> {
        Ok(FileId(0))
    }
    fn close(&mut self, _: FileId) -> io::Result<()> {
        Ok(())
    }
    fn len(&self, _: FileId) -> io::Result<u64> {
        Ok(0)
    }
    fn read_at(&self, _: FileId, _: u64, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
    fn write_at(&mut self, _: FileId, _: u64, data: &[u8]) -> io::Result<()> {
        black_box(data);
        Ok(())
    }
    fn sync(&mut self, _: FileId) -> io::Result<()> {
        Ok(())
    }
    fn sync_dir(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn remove(&mut self, _: &str) -> io::Result<()> {
        Ok(())
    }
}

fn config(segment_bytes: u64, sector: u32) -> Config {
    Config {
        segment_bytes,
        sector,
        ..Config::new(Identity {
            cluster: 1,
            replica: 1,
        })
    }
}

/// Appends 100-byte records, a write and a sync after each `batch`; nanoseconds a record.
fn append<S: Storage>(wal: &mut Wal<S>, records: u64, batch: u64) -> f64 {
    let record = [7; 100];
    let start = Instant::now();
    for n in 1..=records {
        wal.append(black_box(&record)).expect("append");
        if n % batch == 0 {
            wal.write().expect("write");
            wal.sync().expect("sync");
        }
    }
    start.elapsed().as_nanos() as f64 / records as f64
}

fn main() {
    // `cargo test --all-targets` runs benchmarks as well, without this argument.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    for batch in [1, 8, 64, 1024] {
        let (mut wal, _) = Recovery::new(Nowhere, config(64 << 20, 4096))
            .finish()
            .expect("open");
        let alone = append(&mut wal, 4 << 20, batch);
        let storage = MemStorage::new();
        let (mut wal, _) = Recovery::new(storage, config(64 << 20, 512))
            .finish()
            .expect("open");
        let in_memory = append(&mut wal, 1 << 18, batch);
        println!(
            "append 100 bytes, {batch:>4} a batch: {alone:6.1} ns a record alone, \
             {in_memory:6.1} ns over MemStorage"
        );
    }

    let rounds = 100_000;
    let start = Instant::now();
    for _ in 0..rounds {
        black_box(
            Recovery::new(MemStorage::new(), config(64 << 20, 4096))
                .finish()
                .expect("open"),
        );
    }
    println!(
        "open an empty log: {:.2} µs",
        start.elapsed().as_secs_f64() * 1e6 / f64::from(rounds)
    );

    for (segment, name, rounds) in [(64 << 10, "64 KiB", 10_000), (64 << 20, "64 MiB", 64)] {
        let (mut wal, _) = Recovery::new(MemStorage::new(), config(segment, 512))
            .finish()
            .expect("open");
        append(&mut wal, 100, 1);
        let mut storage = wal.into_storage();
        let start = Instant::now();
        for _ in 0..rounds {
            Recovery::new(&mut storage, config(segment, 512))
                .finish()
                .expect("open");
        }
        let micros = start.elapsed().as_secs_f64() * 1e6 / f64::from(rounds);
        println!("open a log of 100 records, segments of {name}: {micros:.1} µs");
    }

    for batch in [1, 64] {
        let (mut wal, _) = Recovery::new(MemStorage::new(), config(64 << 20, 4096))
            .finish()
            .expect("open");
        let records = if batch == 1 { 1 << 16 } else { 2 << 20 };
        append(&mut wal, records, batch);
        let mut recovery = Recovery::new(wal.into_storage(), config(64 << 20, 4096));
        let start = Instant::now();
        let mut count = 0;
        while let Some(record) = recovery.next().expect("recovery") {
            black_box(record);
            count += 1;
        }
        let elapsed = start.elapsed();
        assert_eq!(count, records);
        println!(
            "recover {count} records, {batch:>2} a batch: {:.0} MiB of log at {:.2} GiB/s, {:.1} ns a record",
            recovery.progress().total as f64 / f64::from(1 << 20),
            recovery.progress().total as f64 / elapsed.as_secs_f64() / f64::from(1 << 30),
            elapsed.as_nanos() as f64 / count as f64
        );
    }
}
