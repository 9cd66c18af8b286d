//! A replica is a value: it can be cloned, compared and hashed, and what it does follows from it.

use bytes::Bytes;
use quorate_core::driver::{Disk, Lsn};
use quorate_core::{Mutant, NodeId, Time};
use quorate_crash::raft::{self, Raft, Record};
use quorate_kv as kv;
use quorate_replica::{
    Actions, Config, Input, LEVEL, Limits, Recovery, Replica, Request, Ticket, Timer,
};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::time::Duration;

/// Everything is durable at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Instant(Vec<Record>);

impl Disk<Record> for Instant {
    fn append(&mut self, records: &mut Vec<Record>) -> Lsn {
        self.0.append(records);
        self.0.len() as Lsn
    }

    fn durable(&self) -> io::Result<Lsn> {
        Ok(self.0.len() as Lsn)
    }
}

type One = Replica<Raft, Instant>;

fn start(sweep: Duration) -> One {
    let (hard, machine) = Recovery::<Raft>::default().finish().expect("an empty log");
    let config = Config {
        protocol: raft::Config::of(1),
        limits: Limits::default(),
        sweep,
        software: LEVEL,
        nonce: 7,
        mutant: Mutant::None,
    };
    Replica::new(config, NodeId(0), hard, machine, Instant::default())
}

fn turn(replica: &mut One, now: Time, input: Input<Raft>) {
    let mut out = Actions::default();
    replica.step(now, input, &mut out);
    loop {
        replica.flush(now, &mut out);
        if !std::mem::take(&mut out.more) {
            break;
        }
    }
}

fn put(ticket: u64, key: &'static str, now: Time) -> Input<Raft> {
    let put = kv::PutRequest {
        key: Bytes::from_static(key.as_bytes()),
        ..kv::PutRequest::default()
    };
    let command = kv::Command::Put(put);
    Input::Client {
        ticket: Ticket(ticket),
        request: Request::Write { command, id: None },
        deadline: now + Duration::from_secs(5),
    }
}

fn hash(replica: &One) -> u64 {
    let mut hasher = DefaultHasher::new();
    replica.hash(&mut hasher);
    hasher.finish()
}

/// A leader of one that has taken a write, begun at this time.
fn life(from: u64) -> (One, Time) {
    let now = Time(from);
    let mut replica = start(Duration::from_millis(100));
    turn(&mut replica, now, Input::Start);
    turn(&mut replica, now, put(1, "a", now));
    (replica, now)
}

#[test]
fn the_same_life_is_the_same_value_and_another_write_another() {
    let ((one, now), (two, _)) = (life(1_000), life(1_000));
    assert_eq!(one, two);
    assert_eq!(hash(&one), hash(&two));
    let mut other = one.clone();
    assert_eq!(other, one);
    turn(&mut other, now, put(2, "b", now));
    assert_ne!(other, one);
    assert_ne!(hash(&other), hash(&one));
}

#[test]
fn configuration_and_the_clock_do_not_count() {
    let ((early, then), (late, now)) = (life(100_000_000_000), life(9_000_000_000_000));
    assert_eq!(early.canonical(then), late.canonical(now));
    assert_eq!(hash(&early.canonical(then)), hash(&late.canonical(now)));
    // A canonical state is its own canonical state.
    let canonical = late.canonical(now);
    assert_eq!(canonical.canonical(Time::CANONICAL_NOW), canonical);

    let (mut quick, mut slow) = (
        start(Duration::from_millis(1)),
        start(Duration::from_secs(1)),
    );
    turn(&mut quick, then, Input::Start);
    turn(&mut slow, then, Input::Start);
    assert_eq!(quick, slow, "configured differently, in the same state");
    // What is done to both keeps them alike.
    turn(&mut quick, then, Input::Timer(Timer::Sweep));
    turn(&mut slow, then, Input::Timer(Timer::Sweep));
    assert_eq!(quick, slow);
}
