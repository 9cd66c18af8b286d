//! What a put costs three replicas together, without a network or a disk: protocol, log encoding,
//! sessions, store. `cargo bench -p quorate-replica`.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(clippy::disallowed_types, reason = "a benchmark measures real time")]
#![allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]

use quorate_core::driver::{Disk, Lsn};
use quorate_core::{NodeId, Time};
use quorate_crash::raft::{self, Record};
use quorate_kv as kv;
use quorate_replica::{Config, Limits, Request, Ticket, Timer};
use quorate_wal::testing::MemStorage;
use quorate_wal::{self as wal, Identity};
use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

type Actions = quorate_replica::Actions<raft::Raft>;
type Input = quorate_replica::Input<raft::Raft>;
type Journal<S> = quorate_replica::Journal<raft::Raft, S>;
type PeerMessage = quorate_replica::PeerMessage<raft::Message>;
type Recovery = quorate_replica::Recovery<raft::Raft>;
type Replica<D> = quorate_replica::Replica<raft::Raft, D>;

struct Memory(Journal<MemStorage>);

impl Disk<Record> for Memory {
    fn append(&mut self, records: &mut Vec<Record>) -> Lsn {
        for record in records.drain(..) {
            self.0.append(&record).expect("memory does not fail");
        }
        self.0.write().expect("memory does not fail");
        let durable = self.0.sync().expect("memory does not fail");
        while self.0.tidy().expect("memory does not fail") {}
        durable
    }
    fn durable(&self) -> io::Result<Lsn> {
        Ok(self.0.durable())
    }
}

struct Cluster {
    replicas: Vec<Replica<Memory>>,
    inboxes: Vec<VecDeque<(NodeId, PeerMessage)>>,
    out: Actions,
    answered: usize,
    now: u64,
}

impl Cluster {
    fn new() -> Self {
        let replica = |n: u8| {
            let config = Config {
                protocol: raft::Config::default(),
                limits: Limits::default(),
                sweep: Duration::from_millis(50),
                software: quorate_replica::LEVEL,
                nonce: u64::from(n) << 32,
                mutant: quorate_core::Mutant::None,
            };
            let identity = Identity {
                cluster: 1,
                replica: u64::from(n),
            };
            let log = wal::Recovery::new(MemStorage::new(), wal::Config::new(identity));
            let (wal, _) = log.finish().expect("an empty log");
            let (hard, machine) = Recovery::default().finish().expect("an empty log");
            Replica::new(
                config,
                NodeId(n.into()),
                hard,
                machine,
                Memory(Journal::new(wal)),
            )
        };
        let mut cluster = Self {
            replicas: (0..3).map(replica).collect(),
            inboxes: (0..3).map(|_| VecDeque::new()).collect(),
            out: Actions::default(),
            answered: 0,
            now: 1,
        };
        (0..3).for_each(|n| cluster.turn(n, [Input::Start]));
        cluster.turn(0, [Input::Timer(Timer::Protocol(raft::Timer::Election))]);
        cluster.settle();
        cluster.turn(0, [Input::Timer(Timer::Protocol(raft::Timer::Election))]);
        cluster.settle();
        assert_eq!(cluster.replicas[0].protocol().role(), raft::Role::Leader);
        cluster
    }

    fn turn(&mut self, n: usize, inputs: impl IntoIterator<Item = Input>) {
        self.now += 1000;
        let replica = &mut self.replicas[n];
        for input in inputs {
            replica.step(Time(self.now), input, &mut self.out);
        }
        replica.flush(Time(self.now), &mut self.out);
        while self.out.more || !self.out.jobs.is_empty() {
            for job in std::mem::take(&mut self.out.jobs) {
                replica.step(Time(self.now), Input::JobDone(job.run()), &mut self.out);
            }
            replica.flush(Time(self.now), &mut self.out);
        }
        self.out.timers.clear();
        self.out.notices.clear();
        self.answered += self.out.replies.drain(..).count();
        for (to, message) in self.out.sends.drain(..) {
            self.inboxes[to.index()].push_back((NodeId(n as u32), message));
        }
    }

    /// Each replica takes all that has come in one burst, until nobody has anything to say.
    fn settle(&mut self) {
        while self.inboxes.iter().any(|inbox| !inbox.is_empty()) {
            for n in 0..3 {
                let inbox = std::mem::take(&mut self.inboxes[n]);
                self.turn(
                    n,
                    inbox
                        .into_iter()
                        .map(|(from, message)| Input::Peer { from, message }),
                );
            }
        }
    }

    /// `total` puts at replica `at`, in bursts.
    fn puts(&mut self, at: usize, total: usize, burst: usize) {
        let (mut sent, before) = (0, self.answered);
        let value = bytes::Bytes::from(vec![7; 64]);
        while self.answered - before < total {
            let inputs = (0..burst).map(|_| {
                sent += 1;
                let key = bytes::Bytes::from(format!("key-{:08}", sent % 10_000));
                let put = kv::PutRequest {
                    key,
                    value: value.clone(),
                    ..kv::PutRequest::default()
                };
                Input::Client {
                    ticket: Ticket(sent as u64),
                    request: Request::Write {
                        command: kv::Command::Put(put),
                        id: None,
                    },
                    deadline: Time(u64::MAX),
                }
            });
            let inputs: Vec<_> = inputs.collect();
            self.turn(at, inputs);
            self.settle();
        }
    }
}

fn main() {
    println!("three replicas in one thread, log over memory, 64-byte values, µs per put:");
    for (place, at) in [("at the leader", 0), ("at a follower", 1)] {
        for burst in [1, 8, 64, 256] {
            let mut runs: Vec<f64> = (0..5)
                .map(|_| {
                    let mut cluster = Cluster::new();
                    cluster.puts(at, 2_000, burst);
                    let (total, start) = (40_000, Instant::now());
                    cluster.puts(at, total, burst);
                    start.elapsed().as_secs_f64() * 1e6 / total as f64
                })
                .collect();
            runs.sort_by(f64::total_cmp);
            println!(
                "  {place}, {burst:>3} at a time: {:6.2} (of 5 runs {:.2} to {:.2})",
                runs[2], runs[0], runs[4]
            );
        }
    }
}
