//! The gate, driven by a toy acceptor: promise (ballot) → write it down → say so.

use quorate_core::driver::{Disk, Gate, Lsn, replay};
use quorate_core::{Effects, Hard, Input, Journaled, Never, NodeId, Protocol, Time, To};
use std::io;
use std::time::Duration;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Promised(u64);
impl Hard for Promised {
    type Record = u64;
    fn apply(&mut self, record: &u64) {
        self.0 = *record;
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Hello;
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Message {
    Hello,
    Promise(u64),
}
impl From<Hello> for Message {
    fn from(Hello: Hello) -> Self {
        Self::Hello
    }
}
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Output(u64);
impl From<Never> for Output {
    fn from(never: Never) -> Self {
        match never {}
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Acceptor(Journaled<Promised>);
impl Protocol for Acceptor {
    type Config = ();
    type Hard = Promised;
    type Message = Message;
    type Eager = Hello;
    type Timer = ();
    type Request = Never;
    type Output = Output;
    type EagerOutput = Never;

    fn recover(_: &(), _: NodeId, hard: Journaled<Promised>) -> Self {
        Self(hard)
    }
    fn step(&mut self, _: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Message(from, Message::Promise(ballot)) if ballot > self.0.0 => {
                self.0.write(ballot, out);
                out.send(To::One(from), Message::Promise(ballot));
                out.send_eager(To::One(from), Hello);
                out.output(Output(ballot));
                out.arm((), Duration::from_millis(1), Duration::from_millis(2));
            }
            Input::Message(from, _) => out.send(To::One(from), Message::Promise(self.0.0)),
            Input::Start | Input::Timer(()) | Input::Coin { .. } => {}
            Input::Request(never) => match never {},
        }
    }
}

#[derive(Default)]
struct SlowDisk {
    written: Vec<u64>,
    synced: u64,
    broken: bool,
}
impl Disk<u64> for SlowDisk {
    fn append(&mut self, records: &mut Vec<u64>) -> Lsn {
        self.written.append(records);
        self.written.len() as u64
    }
    fn durable(&self) -> io::Result<Lsn> {
        if self.broken {
            Err(io::Error::other("EIO"))
        } else {
            Ok(self.synced)
        }
    }
}

struct Node {
    protocol: Acceptor,
    gate: Gate<Acceptor>,
    disk: SlowDisk,
    out: Effects<Acceptor>,
    sent: Vec<Message>,
    told: Vec<Output>,
}
impl Node {
    fn new() -> Self {
        Self {
            protocol: Acceptor::recover(&(), NodeId(0), replay([])),
            gate: Gate::default(),
            disk: SlowDisk::default(),
            out: Effects::default(),
            sent: vec![],
            told: vec![],
        }
    }
    fn hear(&mut self, ballot: u64) {
        let input = Input::Message(NodeId(1), Message::Promise(ballot));
        self.protocol.step(Time::ZERO, input, &mut self.out);
        let prompt = self.gate.submit(&mut self.out, &mut self.disk);
        self.sent
            .extend(prompt.messages().map(|released| released.into_parts().1));
        assert!(prompt.timers().count() <= 1);
    }
    fn release(&mut self) -> io::Result<()> {
        let (sent, told) = (&mut self.sent, &mut self.told);
        self.gate.release(
            &self.disk,
            |released| sent.push(released.into_parts().1),
            |output| told.push(output),
        )
    }
}

#[test]
fn a_promise_waits_for_its_record_and_a_hello_does_not() {
    let mut node = Node::new();
    node.hear(5);
    node.release().unwrap();
    assert_eq!(node.sent, [Message::Hello]);
    assert_eq!(node.told, []);
    node.disk.synced = 1;
    node.release().unwrap();
    assert_eq!(node.sent, [Message::Hello, Message::Promise(5)]);
    assert_eq!(node.told, [Output(5)]);
}

/// A message with no record of its own still speaks from state that an earlier record made.
#[test]
fn an_answer_without_a_record_waits_for_the_records_before_it() {
    let mut node = Node::new();
    node.hear(5);
    node.hear(3);
    node.release().unwrap();
    assert_eq!(node.sent, [Message::Hello]);
    node.disk.synced = 1;
    node.release().unwrap();
    assert_eq!(
        node.sent,
        [Message::Hello, Message::Promise(5), Message::Promise(5)]
    );
}

/// cockroach#37102: a sync that succeeds after one that failed proves nothing.
#[test]
fn after_a_failed_sync_the_node_is_silent_for_good() {
    let mut node = Node::new();
    node.hear(5);
    node.disk.broken = true;
    assert!(node.release().is_err());
    node.disk.broken = false;
    node.disk.synced = 9;
    assert!(node.release().is_err());
    node.hear(6);
    assert!(node.release().is_err());
    assert_eq!(
        node.sent,
        [Message::Hello],
        "not even eager messages after the failure"
    );
    assert_eq!(node.told, []);
}

#[test]
fn recovery_is_the_fold_of_the_records() {
    let mut node = Node::new();
    node.hear(5);
    node.hear(8);
    assert_eq!(node.disk.written, [5, 8]);
    assert_eq!(
        Acceptor::recover(&(), NodeId(0), replay(&node.disk.written)),
        node.protocol
    );
}
