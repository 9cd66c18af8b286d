//! The cost of the protocol alone: three nodes in one thread, a disk that costs nothing, entries
//! of 64 bytes. Counted per committed entry is the work of all three nodes, the gate included.
//!
//! `cargo bench -p quorate-crash`

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark is a driver, and reads the clock"
)]

use bytes::Bytes;
use quorate_core::driver::{Disk, Gate, Lsn, Released, replay};
use quorate_core::{Effects, Hard as _, Input, NodeId, Protocol, Time, To};
use quorate_crash::raft::*;
use std::collections::VecDeque;
use std::hint::black_box;
use std::io;
use std::sync::Arc;
use std::time::Instant;

/// Forgets what it is given.
#[derive(Default)]
struct NullDisk(u64);

impl Disk<Record> for NullDisk {
    fn append(&mut self, records: &mut Vec<Record>) -> Lsn {
        self.0 += records.len() as u64;
        black_box(&mut *records).clear();
        self.0
    }
    fn durable(&self) -> io::Result<Lsn> {
        Ok(self.0)
    }
}

struct Node {
    raft: Raft,
    gate: Gate<Raft>,
    disk: NullDisk,
    out: Effects<Raft>,
}

struct Cluster {
    nodes: Vec<Node>,
    inboxes: [VecDeque<(NodeId, Message)>; 3],
    committed: usize,
}

impl Cluster {
    fn new() -> Self {
        let config = Config::default();
        let nodes = NodeId::all(3).map(|me| Node {
            raft: Raft::recover(&config, me, replay([])),
            gate: Gate::default(),
            disk: NullDisk::default(),
            out: Effects::default(),
        });
        let mut cluster = Self {
            nodes: nodes.collect(),
            inboxes: Default::default(),
            committed: 0,
        };
        for node in 0..3 {
            cluster.step(node, Input::Start);
            cluster.flush(node);
        }
        cluster.step(0, Input::Timer(Timer::Election));
        cluster.flush(0);
        while !cluster.nodes[0].raft.is_leader_with_own_term_commit() {
            (0..3).for_each(|node| cluster.turn(node));
        }
        cluster
    }

    fn step(&mut self, node: usize, input: Input<Raft>) {
        let node = &mut self.nodes[node];
        node.raft.step(Time(1), input, &mut node.out);
    }

    fn flush(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        node.raft.flush(Time(1), &mut node.out);
        let prompt = node.gate.submit(&mut node.out, &mut node.disk);
        black_box(prompt.timers().count());
        let from = NodeId(at as u32);
        let inboxes = &mut self.inboxes;
        let mut post = |message: Released<Message>| {
            let (To::One(to), message) = message.into_parts() else {
                unreachable!("Raft names its addressees")
            };
            inboxes[to.index()].push_back((from, message));
        };
        prompt.messages().for_each(&mut post);
        for output in prompt.outputs() {
            if let Output::Committed { entries, .. } = black_box(&output)
                && at == 0
            {
                self.committed += entries.len();
            }
        }
        let gate = &mut node.gate;
        gate.release(&node.disk, post, |_| ())
            .expect("this disk does not fail");
    }

    /// A burst: all that has come.
    fn turn(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        while let Some((from, message)) = self.inboxes[at].pop_front() {
            let input = Input::Message(from, message);
            node.raft.step(Time(1), input, &mut node.out);
        }
        self.flush(at);
    }

    /// The log does not grow for ever: the default's 10,000 entries stay.
    fn compact(&mut self, at: usize) {
        let index = self.nodes[at].raft.commit();
        for step in [Checkpoint::Begin { index }, Checkpoint::End { digest: 0 }] {
            self.step(at, Input::Request(Request::Checkpoint(step)));
        }
        self.flush(at);
    }
}

/// The time that this thread has had on a processor: fairer than the clock on a machine that does
/// other things as well. The clock where Linux does not say.
struct Stopwatch {
    on_processor: Option<u64>,
    clock: Instant,
}

impl Stopwatch {
    fn start() -> Self {
        Self {
            on_processor: on_processor(),
            clock: Instant::now(),
        }
    }

    fn nanoseconds(&self) -> f64 {
        match (self.on_processor, on_processor()) {
            (Some(before), Some(now)) => (now - before) as f64,
            _ => self.clock.elapsed().as_nanos() as f64,
        }
    }
}

fn on_processor() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// Nanoseconds for each of `total` entries, proposed in bursts of `batch`.
fn run(batch: usize, total: usize) -> f64 {
    const WARM_UP: usize = 200_000;
    let mut cluster = Cluster::new();
    let (mut proposed, mut compacted) = (0, 0);
    let payload = Bytes::from(vec![7u8; 64]);
    let mut watch = Stopwatch::start();
    let mut first = 0;
    while cluster.committed < total + WARM_UP {
        if first == 0 && cluster.committed >= WARM_UP {
            first = cluster.committed;
            watch = Stopwatch::start();
        }
        if proposed < cluster.committed + 8 * batch {
            for _ in 0..batch {
                let request = Request::Propose(payload.clone());
                cluster.step(0, Input::Request(request));
            }
            proposed += batch;
        }
        (0..3).for_each(|node| cluster.turn(node));
        if cluster.committed - compacted > 100_000 {
            compacted = cluster.committed;
            (0..3).for_each(|node| cluster.compact(node));
        }
    }
    watch.nanoseconds() / (cluster.committed - first) as f64
}

/// Milliseconds of the one step that cuts a log of so many entries.
fn cut(entries: usize) -> f64 {
    let mut hard = Hard::default();
    let position = |index: usize| Position {
        term: 1,
        index: index as u64,
    };
    for first in (1..=entries).step_by(16) {
        let entry = |_| Entry {
            term: 1,
            payload: Bytes::from(vec![7; 300]).into(),
        };
        let entries: Vec<Entry> = (0..16).map(entry).collect();
        let entries = Entries::new(entries).expect("one term");
        hard.apply(&Record::Append {
            at: first as u64,
            entries,
        });
    }
    let configuration = Arc::new(Configuration::founding(3));
    let watch = Instant::now();
    let at = position(entries);
    hard.apply(&Record::SnapshotEnd {
        id: 0,
        meta: SnapshotMeta {
            at,
            ..SnapshotMeta::default()
        },
        base: at,
        configuration,
    });
    watch.elapsed().as_secs_f64() * 1e3
}

fn main() {
    println!(
        "a log of 3 million entries is cut in {:.3} ms",
        cut(3_000_000)
    );
    const RUNS: usize = 11;
    println!("three nodes, entries of 64 bytes, processor time of all three per committed entry");
    for batch in [1, 8, 64, 256] {
        let mut runs: Vec<f64> = (0..RUNS).map(|_| run(batch, 500_000)).collect();
        runs.sort_by(f64::total_cmp);
        println!(
            "batch {batch:>3}: {:.3} µs (median of {RUNS}; {:.3} to {:.3})",
            runs[RUNS / 2] / 1e3,
            runs[0] / 1e3,
            runs[RUNS - 1] / 1e3,
        );
    }
}
