//! Tendermint in the words of a replicated log: a thin adapter.
//!
//! Each node proposes for itself, so the proposer is the node that was asked. A read barrier is a
//! marker that is ordered like any value. All decisions are kept and are told again after a start,
//! so there are no snapshots.

use bytes::Bytes;
use quorate_byzantine::tendermint::{self, Message, Proposal, Record as Inner, Tendermint, Timer};
use quorate_core::driver::{self, Disk, Gate, Lsn, faulty};
use quorate_core::replicated::{
    Checkpoint, Configuration, Entries, Entry, Output, Payload, Refusal, Replicated, Request, Role,
    SnapshotPart,
};
use quorate_core::{Effects, Input, Journaled, Never, NodeId, Protocol, Time, To};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;

/// A rule that a node breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Defect {
    /// None.
    None,
    /// The lock is not written down with the precommit that needs it.
    LockNotPersisted,
    /// A read does not wait for its marker to be ordered.
    ReadsWithoutMarker,
    /// This node is a liar: it shows different proposals and votes to different nodes.
    Equivocation(NodeId),
}

/// What is fixed for the life of a node.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) tendermint: tendermint::Config,
    pub(crate) defect: Defect,
}

/// What survives a crash: Tendermint's own, and how often the node has started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Hard {
    pub(crate) inner: tendermint::Hard,
    lives: u64,
}

/// One change of [`Hard`].
#[expect(
    clippy::large_enum_variant,
    reason = "a record lives only on its way to the journal"
)]
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Record {
    /// The node started.
    Started,
    /// One of Tendermint's.
    Inner(Inner),
}

impl quorate_core::Hard for Hard {
    type Record = Record;

    fn apply(&mut self, record: &Record) {
        match record {
            Record::Started => self.lives += 1,
            Record::Inner(record) => self.inner.apply(record),
        }
    }
}

/// Tendermint as a replicated log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ordered {
    me: NodeId,
    defect: Defect,
    keys: quorate_crypto::Keychain,
    inner: Tendermint,
    hard: Journaled<Hard>,
    members: Configuration,
    /// Entries told to the layer above.
    told: u64,
    /// The height of the last decision that was told.
    height: u64,
    /// Values made in this life.
    made: u64,
    /// The reads whose markers are not ordered yet, by the marker's number.
    reads: BTreeMap<u64, u64>,
    violation: Option<&'static str>,
}

/// What a value is, before its maker and its number: no two values are the same, so that one that is
/// asked for again is ordered again, and its outcome told again.
const COMMAND: u8 = 1;
const MARKER: u8 = 2;
const HEAD: usize = 1 + 4 + 8 + 8;

impl Ordered {
    fn value(&mut self, kind: u8, payload: &[u8]) -> (u64, Bytes) {
        self.made += 1;
        let mut value = Vec::with_capacity(HEAD + payload.len());
        value.push(kind);
        value.extend(self.me.0.to_le_bytes());
        value.extend(self.hard.lives.to_le_bytes());
        value.extend(self.made.to_le_bytes());
        value.extend(payload);
        (self.made, value.into())
    }

    /// The number of a marker, if this life of this node made it.
    fn own_marker(&self, value: &Bytes) -> Option<u64> {
        let mut head = vec![MARKER];
        head.extend(self.me.0.to_le_bytes());
        head.extend(self.hard.lives.to_le_bytes());
        let number = value.strip_prefix(&head[..])?;
        Some(u64::from_le_bytes(number.try_into().ok()?))
    }

    fn deliver(&mut self, height: u64, values: &[Bytes], out: &mut Effects<Self>) {
        if height != self.height + 1 {
            self.violation = Some("heights are decided one after the other");
            return;
        }
        self.height = height;
        if values.is_empty() {
            return;
        }
        let first = self.told + 1;
        let entry = |value: &Bytes| Entry {
            term: height,
            payload: match value.first() {
                Some(&COMMAND) if value.len() > HEAD => Payload::Command(value.slice(HEAD..)),
                // A marker, or what only a liar proposes.
                _ => Payload::Empty,
            },
        };
        let entries: Vec<Entry> = values.iter().map(entry).collect();
        self.told += values.len() as u64;
        out.output_eager(Output::Committed {
            first,
            entries: Entries::sorted(entries.into()),
        });
        for (index, value) in (first..).zip(values) {
            let read = self.own_marker(value);
            if let Some(id) = read.and_then(|number| self.reads.remove(&number)) {
                out.output_eager(Output::ReadReady { id, index });
            }
        }
    }

    /// Gives Tendermint one input, and passes on what it asks for.
    fn enter(&mut self, now: Time, input: Input<Tendermint>, out: &mut Effects<Self>) {
        let mut asked = Effects::default();
        self.inner.step(now, input, &mut asked);
        if self.defect == Defect::Equivocation(self.me) {
            self.equivocate(&mut asked);
        }
        if asked.is_empty() {
            return;
        }
        let mut gate = Gate::default();
        let mut records = Taken(vec![]);
        let prompt = gate.submit(&mut asked, &mut records);
        let mut outputs: Vec<_> = prompt.outputs().collect();
        for (timer, range) in prompt.timers() {
            match range {
                Some((min, max)) => out.arm(timer, min, max),
                None => out.disarm(timer),
            }
        }
        for mut record in records.0.drain(..) {
            if let (Defect::LockNotPersisted, Inner::Precommit { lock, .. }) =
                (self.defect, &mut record)
            {
                *lock = None;
            }
            self.hard.write(Record::Inner(record), out);
        }
        let mut messages = vec![];
        let released = gate.release(
            &records,
            |released| messages.push(released.into_parts()),
            |output| outputs.push(output),
        );
        assert!(released.is_ok(), "a vector does not fail");
        for (to, message) in messages {
            out.send(to, message);
        }
        for output in outputs {
            self.on_output(output, out);
        }
    }

    fn on_output(&mut self, output: tendermint::Output, out: &mut Effects<Self>) {
        match output {
            tendermint::Output::Delivered { height, values } => self.deliver(height, &values, out),
            tendermint::Output::Busy(value) => {
                let why = Refusal::Busy;
                match self.own_marker(&value) {
                    Some(number) => {
                        if let Some(id) = self.reads.remove(&number) {
                            out.output_eager(Output::ReadFailed { id, why });
                        }
                    }
                    None => out.output_eager(Output::ProposeRefused {
                        payload: value.slice(HEAD.min(value.len())..),
                        why,
                    }),
                }
            }
            tendermint::Output::Skip { height, .. } if height != self.height => {
                self.violation = Some("no decision is left out");
            }
            tendermint::Output::Skip { .. } | tendermint::Output::Equivocation(_) => {}
        }
    }

    /// Shows its proposals and votes to some nodes, and others to the rest.
    fn equivocate(&self, asked: &mut Effects<Tendermint>) {
        let (me, keys) = (self.me, &self.keys);
        faulty::rewrite(asked, |to, message, send| {
            for node in to.nodes(self.members.next as u8) {
                let to = To::One(node);
                // To itself it says what an honest node would.
                let lies = node != me && node.0 % 2 == 0;
                send(
                    to,
                    lie(keys, &message)
                        .filter(|_| lies)
                        .unwrap_or_else(|| message.clone()),
                );
            }
        });
    }
}

/// Another message in the place of this one, rightly signed.
fn lie(keys: &quorate_crypto::Keychain, message: &Message) -> Option<Message> {
    Some(match message {
        Message::Proposal {
            proposal, block, ..
        } => {
            let mut block = block.clone();
            block.values.clear();
            let claimed = *proposal.claimed_statement();
            let proposal = Proposal {
                block: block.id(),
                valid_round: None,
                ..claimed
            };
            Message::Proposal {
                proposal: keys.sign(proposal).into_signed(),
                block,
                polka: None,
            }
        }
        Message::Prevote(vote) => {
            let mut vote = *vote.claimed_statement();
            vote.block = None;
            Message::Prevote(keys.sign(vote).into_signed())
        }
        Message::Precommit(vote) => {
            let mut vote = *vote.claimed_statement();
            vote.block = None;
            Message::Precommit(keys.sign(vote).into_signed())
        }
        _ => return None,
    })
}

/// Takes records over, and calls them durable: they are on their way to the real disk, before all
/// that waits for them.
struct Taken(Vec<Inner>);

impl Disk<Inner> for Taken {
    fn append(&mut self, records: &mut Vec<Inner>) -> Lsn {
        self.0.append(records);
        0
    }

    fn durable(&self) -> io::Result<Lsn> {
        Ok(0)
    }
}

impl Protocol for Ordered {
    type Config = Config;
    type Hard = Hard;
    type Message = Message;
    type Eager = Never;
    type Timer = Timer;
    type Request = Request;
    type Output = Output;
    type EagerOutput = Output;

    fn recover(config: &Config, me: NodeId, hard: Journaled<Hard>) -> Self {
        let inner = driver::restored(hard.inner.clone());
        Self {
            me,
            defect: config.defect,
            keys: config.tendermint.keys.clone(),
            inner: Tendermint::recover(&config.tendermint, me, inner),
            members: Configuration::founding(config.tendermint.nodes),
            hard,
            told: 0,
            height: 0,
            made: 0,
            reads: BTreeMap::new(),
            violation: None,
        }
    }

    fn step(&mut self, now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => {
                self.hard.write(Record::Started, out);
                let decisions = self.hard.inner.decisions.clone();
                for decision in decisions {
                    self.deliver(decision.block.height, &decision.block.values, out);
                }
                self.enter(now, Input::Start, out);
            }
            Input::Message(from, message) => self.enter(now, Input::Message(from, message), out),
            Input::Timer(timer) => self.enter(now, Input::Timer(timer), out),
            Input::Coin { tag, value } => self.enter(now, Input::Coin { tag, value }, out),
            Input::Request(Request::Propose(payload)) => {
                let (_, value) = self.value(COMMAND, &payload);
                self.enter(now, Input::Request(value), out);
            }
            Input::Request(Request::Read(id)) if self.defect == Defect::ReadsWithoutMarker => {
                let index = self.told;
                out.output_eager(Output::ReadReady { id, index });
            }
            Input::Request(Request::Read(id)) => {
                let (number, value) = self.value(MARKER, &[]);
                self.reads.insert(number, id);
                self.enter(now, Input::Request(value), out);
            }
            Input::Request(Request::Checkpoint(Checkpoint::Begin { .. })) => {
                out.output_eager(Output::CheckpointAborted);
            }
            Input::Request(Request::Reconfigure(_)) => {
                let why = Refusal::BadConfiguration("the members are fixed");
                out.output_eager(Output::ReconfigureRefused { why });
            }
            Input::Request(_) => {}
        }
    }

    fn check_invariants(&self) -> Result<(), String> {
        self.inner.check_invariants()
    }
}

impl Replicated for Ordered {
    fn proposer(&self) -> Option<(u64, NodeId)> {
        Some((0, self.me))
    }

    fn can_propose(&self, len: usize) -> Result<(), Refusal> {
        match len + HEAD <= quorate_byzantine::MAX_VALUE {
            true => Ok(()),
            false => Err(Refusal::Busy),
        }
    }

    fn role(&self) -> Role {
        Role::Leader
    }

    fn term(&self) -> u64 {
        self.height
    }

    fn leader(&self) -> Option<NodeId> {
        None
    }

    fn first_index(&self) -> u64 {
        1
    }

    fn last_index(&self) -> u64 {
        self.told
    }

    fn commit(&self) -> u64 {
        self.told
    }

    fn configuration(&self) -> &Configuration {
        &self.members
    }

    fn violation(&self) -> Option<&'static str> {
        self.violation
    }

    fn snapshot_part(_: &Record) -> Option<SnapshotPart<'_>> {
        None
    }

    fn check_hard(_: &Hard) -> Result<u64, &'static str> {
        Ok(0)
    }

    fn is_bulk(message: &Message) -> bool {
        matches!(message, Message::Proposal { .. } | Message::Decided(_))
    }

    fn message_bytes(message: &Message) -> usize {
        let size = |values: &[Bytes]| values.iter().map(Bytes::len).sum::<usize>();
        match message {
            Message::Request(value) => value.len(),
            Message::Proposal { block, .. } | Message::Polka { block, .. } => size(&block.values),
            Message::Decided(decisions) => decisions.iter().map(|d| size(&d.block.values)).sum(),
            _ => 0,
        }
    }

    fn record_bytes(record: &Record) -> usize {
        let size = |values: &[Bytes]| values.iter().map(Bytes::len).sum::<usize>();
        match record {
            Record::Inner(Inner::Propose { block, .. }) => size(&block.values),
            Record::Inner(Inner::Decided { decision, .. }) => size(&decision.block.values),
            _ => 0,
        }
    }
}
