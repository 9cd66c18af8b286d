//! A small cluster in one thread: instant network, real log over memory, time on request.

use quorate_core::driver::{Disk, Lsn};
use quorate_core::{NodeId, Time};
use quorate_crash::raft::{self, Record};
use quorate_kv as kv;
use quorate_replica::{Config, Job, Limits, Notice, Outcome, Request, Ticket, Timer};
use quorate_testbed::{Deadlines, TestWire, Transit};
use quorate_wal as wal;
use quorate_wal::testing::{Crash, MemStorage};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::Duration;

type Actions = quorate_replica::Actions<raft::Raft>;
pub(crate) type Input = quorate_replica::Input<raft::Raft>;
type Journal<S> = quorate_replica::Journal<raft::Raft, S>;
pub(crate) type PeerMessage = quorate_replica::PeerMessage<raft::Message>;
type Recovery = quorate_replica::Recovery<raft::Raft>;
type Replica<D> = quorate_replica::Replica<raft::Raft, D>;

/// Syncs at once, unless stalled; fails when told to.
#[derive(Debug)]
pub(crate) struct TestDisk {
    pub(crate) journal: Journal<MemStorage>,
    pub(crate) stalled: bool,
    error: Option<String>,
}

impl Disk<Record> for TestDisk {
    fn append(&mut self, records: &mut Vec<Record>) -> Lsn {
        for record in records.drain(..) {
            let result = self.journal.append(&record);
            self.note(result);
        }
        if !self.stalled {
            self.sync();
        }
        self.journal.last()
    }

    fn durable(&self) -> io::Result<Lsn> {
        match &self.error {
            Some(error) => Err(io::Error::other(error.clone())),
            None => Ok(self.journal.durable()),
        }
    }
}

impl TestDisk {
    pub(crate) fn sync(&mut self) {
        let result = self
            .journal
            .write()
            .and_then(|()| self.journal.sync())
            .and_then(|_| {
                while self.journal.tidy()? {}
                Ok(())
            });
        self.note(result);
    }

    fn note(&mut self, result: Result<(), quorate_replica::JournalError>) {
        if let Err(error) = result {
            self.error.get_or_insert(error.to_string());
        }
    }
}

pub(crate) struct Node {
    pub(crate) replica: Option<Replica<TestDisk>>,
    storage: Option<MemStorage>,
    pub(crate) notices: Vec<Notice>,
    /// Not run yet: with [`Cluster::hold_jobs`].
    pub(crate) jobs: VecDeque<Job>,
}

pub(crate) struct Cluster {
    pub(crate) now: Time,
    pub(crate) nodes: Vec<Node>,
    pub(crate) replies: BTreeMap<Ticket, Outcome>,
    /// A packet whose link is cut when it would arrive is lost.
    pub(crate) wire: TestWire<PeerMessage>,
    timers: Deadlines<(Timer<raft::Timer>, u8)>,
    /// Snapshots on the wire claim another digest than their state has.
    pub(crate) forge_digests: bool,
    /// How often a flush has left entries to be applied by the next one.
    pub(crate) continued: u64,
    /// The writes of each message in which writes were forwarded, by their bytes.
    pub(crate) forwards: Vec<Vec<usize>>,
    /// Jobs wait for [`Cluster::run_jobs`], while all else goes on.
    pub(crate) hold_jobs: bool,
    pub(crate) config: Config<raft::Config>,
    tickets: u64,
    boots: u64,
}

pub(crate) const MS: Duration = Duration::from_millis(1);

impl Cluster {
    pub(crate) fn new(n: u8, limits: Limits) -> Self {
        let raft = raft::Config {
            founding: raft::Configuration::founding(n).into(),
            trailing_entries: 4,
            ..raft::Config::default()
        };
        let sweep = 20 * MS;
        let config = Config {
            protocol: raft,
            limits: Limits {
                retry: 200 * MS,
                ..limits
            },
            sweep,
            software: quorate_replica::LEVEL,
            nonce: 0,
            mutant: quorate_core::Mutant::None,
        };
        let node = || Node {
            replica: None,
            storage: Some(MemStorage::new()),
            notices: vec![],
            jobs: VecDeque::new(),
        };
        let mut cluster = Self {
            now: Time(1),
            nodes: (0..n).map(|_| node()).collect(),
            replies: BTreeMap::new(),
            wire: TestWire::default(),
            timers: Deadlines::default(),
            forge_digests: false,
            hold_jobs: false,
            continued: 0,
            forwards: vec![],
            config,
            tickets: 0,
            boots: 0,
        };
        (0..n).for_each(|n| cluster.start(n));
        cluster
    }

    fn wal_config(n: u8) -> wal::Config {
        let identity = wal::Identity {
            cluster: 1,
            replica: u64::from(n),
        };
        wal::Config {
            segment_bytes: 64 << 10,
            sector: 512,
            ..wal::Config::new(identity)
        }
    }

    pub(crate) fn start(&mut self, n: u8) {
        self.boots += 1;
        let node = &mut self.nodes[usize::from(n)];
        let storage = node.storage.take().expect("it is down");
        let mut log = wal::Recovery::new(storage, Self::wal_config(n));
        let mut recovery = Recovery::default();
        while let Some((lsn, record)) = log.next().expect("the log is sound") {
            recovery.feed(lsn.0, record).expect("the records are ours");
        }
        let (wal, _) = log.finish().expect("the log can go on");
        let (hard, machine) = recovery.finish().expect("the records make a replica");
        let disk = TestDisk {
            journal: Journal::new(wal),
            stalled: false,
            error: None,
        };
        let config = Config {
            nonce: self.boots << 32,
            ..self.config.clone()
        };
        node.replica = Some(Replica::new(config, NodeId(n.into()), hard, machine, disk));
        self.input(n, Input::Start);
    }

    /// Power fails: what was not synced is gone.
    pub(crate) fn crash(&mut self, n: u8) {
        let node = &mut self.nodes[usize::from(n)];
        let replica = node.replica.take().expect("it is up");
        let mut storage = replica.into_disk().journal.into_storage();
        storage.crash(Crash::LoseAll);
        node.storage = Some(storage);
        node.jobs.clear();
        self.timers.retain(|(_, node)| *node != n);
        let gone = NodeId(n.into());
        self.wire.take_all(|p| p.from == gone || p.to == gone);
    }

    pub(crate) fn replica(&self, n: u8) -> &Replica<TestDisk> {
        self.nodes[usize::from(n)]
            .replica
            .as_ref()
            .expect("it is up")
    }

    pub(crate) fn disk(&mut self, n: u8) -> &mut TestDisk {
        self.nodes[usize::from(n)]
            .replica
            .as_mut()
            .expect("it is up")
            .disk_mut()
    }

    pub(crate) fn input(&mut self, n: u8, input: Input) {
        let node = &mut self.nodes[usize::from(n)];
        let Some(replica) = &mut node.replica else {
            return;
        };
        let mut out = Actions::default();
        replica.step(self.now, input, &mut out);
        let mut before = replica.machine().index();
        replica.flush(self.now, &mut out);
        let mut turns = 0;
        loop {
            node.jobs.extend(out.jobs.drain(..));
            let job = match self.hold_jobs {
                true => None,
                false => node.jobs.pop_front(),
            };
            match job {
                Some(job) => replica.step(self.now, Input::JobDone(job.run()), &mut out),
                None if out.more => {
                    let applied = replica.machine().index() - before;
                    assert!(applied <= 1024, "{applied} in one flush");
                    self.continued += 1;
                }
                None => break,
            }
            before = replica.machine().index();
            replica.flush(self.now, &mut out);
            turns += 1;
            assert!(turns < 1_000_000, "jobs or entries without end");
        }
        for (timer, span) in out.timers {
            // Node 0 is always the first to lose patience, so elections are predictable.
            let at = span.map(|(min, max)| self.now + if n == 0 { min } else { max });
            self.timers.set((timer, n), at);
        }
        node.notices.extend(out.notices);
        for (ticket, outcome) in out.replies {
            let earlier = self.replies.insert(ticket, outcome);
            assert_eq!(earlier, None, "{ticket:?} is answered twice");
        }
        let forwards = out.sends.iter().filter_map(|(_, message)| match message {
            PeerMessage::Forward(writes) => Some(writes.iter().map(|write| write.len()).collect()),
            _ => None,
        });
        self.forwards.extend(forwards);
        let from = NodeId(n.into());
        let sends = out.sends.into_iter();
        let sends = sends.map(|(to, message)| Transit { from, to, message });
        self.wire.packets.extend(sends);
    }

    /// Runs the jobs that a node has held, in the order given by their places now.
    pub(crate) fn run_jobs(&mut self, n: u8, order: impl FnOnce(&mut Vec<Job>)) {
        let mut jobs = std::mem::take(&mut self.nodes[usize::from(n)].jobs).into();
        order(&mut jobs);
        for job in jobs {
            self.input(n, Input::JobDone(job.run()));
        }
    }

    /// Delivers until nothing is under way.
    pub(crate) fn settle(&mut self) {
        for _ in 0..1_000_000 {
            let Some(packet) = self.wire.pop() else {
                return;
            };
            let Transit {
                from,
                to,
                mut message,
            } = packet;
            if let PeerMessage::Protocol(raft::Message {
                body: raft::Body::Notice(raft::Notice::Snapshot { meta, .. }),
                ..
            }) = &mut message
            {
                meta.digest ^= u64::from(self.forge_digests);
            }
            self.input(to.0 as u8, Input::Peer { from, message });
        }
        panic!("the cluster does not come to rest");
    }

    /// Lets time pass, firing timers in order.
    pub(crate) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        self.settle();
        while let Some((at, (timer, n))) = self.timers.pop(end) {
            self.now = self.now.max(at);
            self.input(n, Input::Timer(timer));
            self.settle();
        }
        self.now = end;
    }

    pub(crate) fn ask(&mut self, n: u8, request: Request) -> Ticket {
        self.ask_for(n, request, 3000 * MS)
    }

    pub(crate) fn ask_for(&mut self, n: u8, request: Request, patience: Duration) -> Ticket {
        self.tickets += 1;
        let (ticket, deadline) = (Ticket(self.tickets), self.now + patience);
        self.input(
            n,
            Input::Client {
                ticket,
                request,
                deadline,
            },
        );
        ticket
    }

    /// The outcome, after letting as much time pass as it takes.
    pub(crate) fn outcome(&mut self, ticket: Ticket) -> Outcome {
        for _ in 0..1000 {
            self.settle();
            if let Some(outcome) = self.replies.get(&ticket) {
                return outcome.clone();
            }
            self.run(10 * MS);
        }
        panic!("{ticket:?} is never answered");
    }

    pub(crate) fn put(&mut self, n: u8, key: &str, value: &str) -> Outcome {
        let ticket = self.ask(
            n,
            Request::Write {
                command: put(key, value),
                id: None,
            },
        );
        self.outcome(ticket)
    }

    /// A linearizable read of one key.
    pub(crate) fn get(&mut self, n: u8, key: &str) -> Option<String> {
        let ticket = self.ask(n, range(key, false));
        match self.outcome(ticket) {
            Outcome::Done(_, quorate_replica::Reply::Range(found)) => found
                .kvs
                .first()
                .map(|kv| String::from_utf8_lossy(&kv.value).into_owned()),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn leader(&self) -> Option<u8> {
        let up = (0u8..)
            .zip(&self.nodes)
            .filter_map(|(n, node)| Some((n, node.replica.as_ref()?)));
        let leaders = up.filter(|(_, r)| r.protocol().role() == raft::Role::Leader);
        leaders
            .max_by_key(|(_, r)| r.protocol().term())
            .map(|(n, _)| n)
    }

    /// Cuts a node off, or joins it again.
    pub(crate) fn isolate(&mut self, n: u8, cut: bool) {
        let nodes = self.nodes.len() as u8;
        self.wire.isolate(NodeId(n.into()), nodes, cut);
    }

    pub(crate) fn no_violations(&self) {
        let all = self.nodes.iter().flat_map(|node| &node.notices);
        let bad: Vec<_> = all.filter(|n| matches!(n, Notice::Stopped(_))).collect();
        assert!(bad.is_empty(), "{bad:?}");
    }
}

pub(crate) fn put(key: &str, value: &str) -> kv::Command {
    kv::Command::Put(kv::PutRequest {
        key: key.to_owned().into(),
        value: value.to_owned().into(),
        ..kv::PutRequest::default()
    })
}

pub(crate) fn range(key: &str, serializable: bool) -> Request {
    let request = kv::RangeRequest {
        key: key.to_owned().into(),
        ..kv::RangeRequest::default()
    };
    Request::Range {
        request,
        serializable,
    }
}
