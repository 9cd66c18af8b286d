//! How long a replica takes to come back from a long log without a checkpoint: reading and checking
//! the files, folding the records, and then applying every entry, as a restarted replica does.
//!
//! `cargo bench -p quorate-node --bench recovery [-- MEBIBYTES]` (1024 unless given; it needs that
//! much disk for a moment, and the entries' size in memory).

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints its figures"
)]

use quorate_core::driver::{Disk, Lsn};
use quorate_core::{NodeId, Time};
use quorate_crash::raft::{self, Record};
use quorate_kv as kv;
use quorate_node::storage::FileStorage;
use quorate_replica::{Config, Limits, Request, Ticket, Timer};
use quorate_wal as wal;
use std::io;
use std::time::{Duration, Instant};

type Actions = quorate_replica::Actions<raft::Raft>;
type Input = quorate_replica::Input<raft::Raft>;
type Journal<S> = quorate_replica::Journal<raft::Raft, S>;
type Recovery = quorate_replica::Recovery<raft::Raft>;
type Replica<D> = quorate_replica::Replica<raft::Raft, D>;

struct Files(Journal<FileStorage>);

impl Disk<Record> for Files {
    fn append(&mut self, records: &mut Vec<Record>) -> Lsn {
        for record in records.drain(..) {
            self.0.append(&record).expect("the disk takes it");
        }
        self.0.write().expect("the disk takes it");
        let durable = self.0.sync().expect("the disk takes it");
        while self.0.tidy().expect("the disk takes it") {}
        durable
    }
    fn durable(&self) -> io::Result<Lsn> {
        Ok(self.0.durable())
    }
}

fn identity() -> wal::Config {
    wal::Config::new(wal::Identity {
        cluster: 1,
        replica: 0,
    })
}

/// A replica alone, so that whatever is in its log is committed as soon as it leads.
fn replica(recovery: Recovery, wal: wal::Wal<FileStorage>) -> Replica<Files> {
    let (hard, machine) = recovery.finish().expect("the log makes a replica");
    let config = Config {
        protocol: raft::Config {
            founding: raft::Configuration::founding(1).into(),
            ..raft::Config::default()
        },
        limits: Limits {
            checkpoint_bytes: u64::MAX,
            ..Limits::default()
        },
        sweep: Duration::from_millis(50),
        software: quorate_replica::LEVEL,
        nonce: 1,
        mutant: quorate_core::Mutant::None,
    };
    Replica::new(config, NodeId(0), hard, machine, Files(Journal::new(wal)))
}

fn turn(replica: &mut Replica<Files>, input: Input, out: &mut Actions) {
    replica.step(Time(1), input, out);
    replica.flush(Time(1), out);
    while out.more {
        replica.flush(Time(1), out);
    }
}

/// Fills a log by putting, 64 puts to a record, through a replica that leads.
fn fill(directory: &std::path::Path, bytes: u64) {
    let storage = FileStorage::open(directory).expect("opens");
    let (wal, _) = wal::Recovery::new(storage, identity())
        .finish()
        .expect("an empty log");
    let mut replica = replica(Recovery::default(), wal);
    let mut out = Actions::default();
    turn(&mut replica, Input::Start, &mut out);
    turn(
        &mut replica,
        Input::Timer(Timer::Protocol(raft::Timer::Election)),
        &mut out,
    );
    let value = bytes::Bytes::from(vec![7; 256]);
    let (mut put, mut written) = (0u64, 0u64);
    while written < bytes {
        for _ in 0..64 {
            put += 1;
            let key = bytes::Bytes::from(format!("key-{:012}", put % 1_000_000));
            let request = kv::PutRequest {
                key,
                value: value.clone(),
                ..Default::default()
            };
            written += 300;
            let command = kv::Command::Put(request);
            let request = Request::Write { command, id: None };
            let ticket = Ticket(put);
            replica.step(
                Time(1),
                Input::Client {
                    ticket,
                    request,
                    deadline: Time(u64::MAX),
                },
                &mut out,
            );
        }
        replica.flush(Time(1), &mut out);
        out = Actions::default();
    }
    eprintln!("{put} puts in the log");
}

fn main() {
    let mebibytes = std::env::args()
        .filter_map(|arg| arg.parse::<u64>().ok())
        .next_back();
    let bytes = mebibytes.unwrap_or(1024) << 20;
    let directory = tempfile::tempdir_in(".").expect("a directory");
    fill(directory.path(), bytes);

    let start = Instant::now();
    let storage = FileStorage::open(directory.path()).expect("opens");
    let mut log = wal::Recovery::new(storage, identity());
    let mut recovery = Recovery::default();
    while let Some((lsn, record)) = log.next().expect("the log is sound") {
        recovery.feed(lsn.0, record).expect("the records are ours");
    }
    let read = log.progress().total;
    let records = recovery.records();
    let (wal, _) = log.finish().expect("the log can go on");
    let folded = start.elapsed();
    let mut replica = replica(recovery, wal);
    let mut out = Actions::default();
    turn(&mut replica, Input::Start, &mut out);
    turn(
        &mut replica,
        Input::Timer(Timer::Protocol(raft::Timer::Election)),
        &mut out,
    );
    let served = start.elapsed();
    let mib = read as f64 / 1048576.0;
    println!(
        "{mib:.0} MiB, {records} records: read, checked and folded in {:.2} s ({:.0} MiB/s); \
         {} entries applied and serving after {:.2} s",
        folded.as_secs_f64(),
        mib / folded.as_secs_f64(),
        replica.machine().index(),
        served.as_secs_f64(),
    );
}
