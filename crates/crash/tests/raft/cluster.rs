//! A cluster of Rafts in one thread: a network that is a list, disks that are vectors, a state
//! machine that remembers all that it was given. Whoever drives it decides what happens when.

use crate::words;
use bytes::Bytes;
use quorate_core::{Hard as _, Input, NodeId, Protocol, Time};
use quorate_crash::raft::*;
use quorate_testbed::{DrivenNode, TestWire, Transit, VecDisk};
use std::collections::{BTreeMap, VecDeque};
use std::ops::{Deref, DerefMut};
use std::time::Duration;

pub type Packet = Transit<Message>;

/// Makes the records through `lsn` durable, and deletes those before a complete snapshot.
fn sync_disk(disk: &mut VecDisk<Record>, lsn: u64) {
    disk.sync(lsn);
    let durable = disk.durable_records().iter();
    let ended = durable.rev().find_map(|r| match r {
        Record::SnapshotEnd { id, .. } => Some(*id),
        _ => None,
    });
    let begun = |r: &Record| matches!(r, Record::SnapshotBegin { id, .. } if Some(*id) == ended);
    if let Some(begun) = disk.records.iter().position(begun) {
        disk.delete(begun);
    }
}

/// A state machine: everything applied so far.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct Machine {
    pub applied: u64,
    pub commands: Vec<Bytes>,
}

impl Machine {
    pub fn apply(&mut self, first: u64, entries: &Entries) {
        assert_eq!(first, self.applied + 1, "entries are handed up in order");
        self.applied += entries.len() as u64;
        let commands = entries
            .iter()
            .map(|entry| Bytes::copy_from_slice(entry.payload.command()));
        self.commands.extend(commands.filter(|c| !c.is_empty()));
    }
    pub fn snapshot(&self) -> Bytes {
        postcard::to_stdvec(&(self.applied, &self.commands))
            .unwrap()
            .into()
    }
    pub fn restore(data: &[u8]) -> Option<Self> {
        let (applied, commands) = postcard::from_bytes(data).ok()?;
        Some(Self { applied, commands })
    }
    pub fn digest(&self) -> u64 {
        digest(&self.snapshot())
    }
}

/// FNV-1a.
pub fn digest(data: &[u8]) -> u64 {
    data.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

pub struct Node {
    node: DrivenNode<Raft>,
    pub timers: BTreeMap<Timer, (Duration, Duration)>,
    pub machine: Machine,
    /// The snapshot that the log begins with, and before it those that are being sent.
    pub snapshots: Vec<(SnapshotMeta, Bytes)>,
    /// Whether snapshots that are being sent are kept.
    pub keeps: bool,
    incoming: Vec<u8>,
    /// What the layer above was told and has not been taken by the test.
    pub outputs: Vec<Output>,
    /// Whether every write is durable at once.
    pub quick: bool,
}

/// What happened, at the moment at which it did: the outputs of a node are taken later, node by node.
#[derive(Clone, Debug)]
pub enum Event {
    /// A node leads a term, with this log: where it begins, and the term of each entry after that.
    Elected {
        term: u64,
        base: u64,
        terms: Vec<u64>,
    },
    /// A node of this term knows that these entries are committed.
    Committed {
        term: u64,
        first: u64,
        entries: Entries,
    },
}

impl Deref for Node {
    type Target = DrivenNode<Raft>;
    fn deref(&self) -> &DrivenNode<Raft> {
        &self.node
    }
}

impl DerefMut for Node {
    fn deref_mut(&mut self) -> &mut DrivenNode<Raft> {
        &mut self.node
    }
}

pub struct Cluster {
    pub config: Config,
    pub nodes: Vec<Node>,
    pub net: TestWire<Message>,
    pub now: Time,
    /// The size of the pieces of a snapshot.
    pub piece: usize,
    /// What happened, in words.
    pub story: Vec<String>,
    /// Elections and commits, in the order in which they happened.
    pub events: Vec<Event>,
}

impl Node {
    fn new(id: usize, config: Config) -> Self {
        Self {
            node: DrivenNode::new(NodeId(id as u32), config),
            timers: BTreeMap::new(),
            machine: Machine::default(),
            snapshots: vec![],
            keeps: true,
            incoming: vec![],
            outputs: vec![],
            quick: true,
        }
    }
}

impl Cluster {
    pub fn new(config: Config) -> Self {
        config.check().unwrap();
        let founders = config.founding.voters.len();
        let mut cluster = Self {
            nodes: (0..founders)
                .map(|id| Node::new(id, config.clone()))
                .collect(),
            config,
            net: TestWire::default(),
            now: Time(1),
            piece: 64,
            story: vec![],
            events: vec![],
        };
        for node in 0..cluster.nodes.len() {
            cluster.restart(node);
        }
        cluster
    }

    /// Starts one more node, which founds nothing and is no member yet.
    pub fn join(&mut self) -> usize {
        let node = self.nodes.len();
        let mut config = self.config.clone();
        config.founding = Configuration::default().into();
        self.nodes.push(Node::new(node, config));
        self.restart(node);
        node
    }

    pub fn raft(&self, node: usize) -> &Raft {
        self.nodes[node].state()
    }

    pub fn up(&self, node: usize) -> bool {
        self.nodes[node].state.is_some()
    }

    /// Stops a node; of its unsynced records `torn` survive.
    pub fn crash(&mut self, node: usize, torn: u64) {
        let it = &mut self.nodes[node];
        it.node.crash(torn);
        it.timers.clear();
        it.outputs.clear();
    }

    /// Starts a node from its log.
    pub fn restart(&mut self, node: usize) {
        let it = &mut self.nodes[node];
        it.start();
        let hard = it.state().hard();
        hard.check().unwrap();
        let meta = hard.log.snapshot();
        it.machine = Machine::default();
        it.snapshots.clear();
        if meta.at.index > 0 {
            let data = recorded(&it.disk.records, meta);
            it.machine = Machine::restore(&data).expect("a snapshot in the log is whole");
            assert_eq!(it.machine.digest(), meta.digest);
            it.snapshots.push((meta, data));
        }
        self.input(node, Input::Start);
    }

    /// One burst of one input.
    pub fn input(&mut self, node: usize, input: Input<Raft>) {
        self.burst(node, vec![input]);
    }

    pub fn burst(&mut self, node: usize, inputs: Vec<Input<Raft>>) {
        let mut inputs = VecDeque::from(inputs);
        while !inputs.is_empty() {
            let it = &mut self.nodes[node];
            for input in &inputs {
                if let Input::Timer(timer) = input {
                    it.timers.remove(timer);
                }
            }
            let Some(burst) = it.node.burst(self.now, inputs.drain(..), |_| ()) else {
                return;
            };
            let records = &it.node.disk.records;
            let written = &records[records.len() - burst.written..];
            let written = written.iter().map(words::record);
            self.story
                .extend(written.map(|record| format!("  n{node} writes {record}")));
            for (timer, change) in burst.timers {
                match change {
                    Some(range) => it.timers.insert(timer, range),
                    None => it.timers.remove(&timer),
                };
            }
            for (to, message) in burst.messages {
                self.post(node, to, message);
            }
            for output in burst.outputs {
                self.story
                    .push(format!("  n{node}: {}", words::output(&output)));
                inputs.extend(self.on_output(node, output).map(Input::Request));
            }
            // A slow disk too lets go at once what waits for nothing that it owes.
            let Node {
                quick, node: it, ..
            } = &self.nodes[node];
            let honest = *quick && !it.disk.lies;
            let end = if honest {
                it.disk.end()
            } else {
                it.disk.synced
            };
            self.sync(node, end);
        }
    }

    /// Makes a node's writes durable, and releases what waited for them.
    pub fn sync(&mut self, node: usize, lsn: u64) {
        let it = &mut self.nodes[node];
        sync_disk(&mut it.disk, lsn);
        for (to, message) in it.release().messages {
            self.post(node, to, message);
        }
        self.hear_disk(node);
    }

    /// What a node hears of its own disk goes over no network.
    fn hear_disk(&mut self, node: usize) {
        let synced = Body::Claim(Claim::Synced);
        let own = |p: &Packet| p.to.index() == node && p.message.body == synced;
        let heard = self.net.take_all(own).into_iter();
        let inputs = heard.map(|p| Input::Message(p.from, p.message));
        self.burst(node, inputs.collect());
    }

    fn post(&mut self, from: usize, to: quorate_core::To, message: Message) {
        for to in to.nodes(0) {
            if to.index() >= self.nodes.len() {
                continue; // not started yet
            }
            let from = NodeId(from as u32);
            let message = message.clone();
            if let Err(lost) = self.net.put(Packet { from, to, message }) {
                self.story.push(format!("  lost: {}", words::packet(&lost)));
            }
        }
    }

    /// What the layer above does; its answer, if it has one.
    fn on_output(&mut self, node: usize, output: Output) -> Option<Request> {
        let piece = self.piece;
        let it = &mut self.nodes[node];
        self.events.extend(event(it, &output));
        let mut answer = None;
        match &output {
            Output::Committed { first, entries } => it.machine.apply(*first, entries),
            Output::SnapshotWanted { to, meta, offset } => {
                answer = Some(Request::SnapshotGone { meta: *meta });
                if let Some((_, data)) = it.snapshots.iter().find(|(mine, _)| mine == meta) {
                    let start = *offset as usize;
                    let end = (start + piece).min(data.len());
                    answer = Some(Request::SnapshotData {
                        to: *to,
                        meta: *meta,
                        offset: *offset,
                        data: data.slice(start..end),
                        last: end == data.len(),
                    });
                }
            }
            Output::Install(Install::Begin { .. }) => it.incoming.clear(),
            Output::Install(Install::Chunk { data, .. }) => it.incoming.extend_from_slice(data),
            Output::Install(Install::Check { id, meta }) => {
                let machine = Machine::restore(&it.incoming);
                let good = machine.is_some_and(|machine| {
                    machine.digest() == meta.digest && machine.applied == meta.at.index
                });
                answer = Some(Request::InstallChecked { id: *id, good });
            }
            Output::Install(Install::End { meta, .. }) => {
                it.machine = Machine::restore(&it.incoming).expect("checked");
                it.snapshots = vec![(*meta, it.incoming.clone().into())];
            }
            Output::CheckpointEnded { id: _, meta } => {
                let data = recorded(&it.disk.records, *meta);
                let sent: Vec<_> = it.state.iter().flat_map(Raft::transfers).collect();
                let needed = |meta: &_| it.keeps && sent.iter().any(|(_, it)| it == meta);
                it.snapshots.retain(|(meta, _)| needed(meta));
                it.snapshots.push((*meta, data));
            }
            _ => {}
        }
        it.outputs.push(output);
        answer
    }

    /// Takes a whole snapshot of a node's state machine, in pieces.
    pub fn checkpoint(&mut self, node: usize) {
        let (machine, piece) = (self.nodes[node].machine.clone(), self.piece);
        let begin = Checkpoint::Begin {
            index: machine.applied,
        };
        self.input(node, Input::Request(Request::Checkpoint(begin)));
        let data = machine.snapshot();
        for chunk in data.chunks(piece) {
            let data = Bytes::copy_from_slice(chunk);
            self.input(
                node,
                Input::Request(Request::Checkpoint(Checkpoint::Chunk { data })),
            );
        }
        let digest = machine.digest();
        self.input(
            node,
            Input::Request(Request::Checkpoint(Checkpoint::End { digest })),
        );
    }

    /// Hands over the first message under way for which `wanted` holds.
    pub fn deliver_one(&mut self, wanted: impl Fn(&Packet) -> bool) -> Option<Packet> {
        let packet = self.net.take(wanted)?;
        self.hand(packet.clone());
        Some(packet)
    }

    pub fn hand(&mut self, packet: Packet) {
        self.story.push(words::packet(&packet));
        let to = packet.to.index();
        self.input(to, Input::Message(packet.from, packet.message));
    }

    /// Delivers until nothing is under way.
    pub fn settle(&mut self) {
        for _ in 0..100_000 {
            if self.deliver_one(|_| true).is_none() {
                return;
            }
        }
        panic!("the cluster does not come to rest");
    }

    /// Delivers until a snapshot is being sent.
    pub fn settle_until_transfer(&mut self) {
        for _ in 0..10 {
            while self.nodes[0].state.iter().flat_map(Raft::transfers).count() == 0 {
                if self.deliver_one(|_| true).is_none() {
                    break;
                }
            }
            if self.net.packets.is_empty() {
                self.beat(0);
            }
        }
    }

    /// Fires an election timer, after the longest timeout.
    pub fn time_out(&mut self, node: usize) {
        self.now = self.now + self.config.election_max;
        self.input(node, Input::Timer(Timer::Election));
    }

    pub fn reconfigure(&mut self, node: usize, target: Configuration) {
        let request = Request::Reconfigure(target.into());
        self.input(node, Input::Request(request));
    }

    pub fn beat(&mut self, node: usize) {
        self.now = self.now + self.config.heartbeat;
        self.input(node, Input::Timer(Timer::Heartbeat));
    }

    pub fn propose(&mut self, node: usize, command: &str) {
        let payload = Bytes::copy_from_slice(command.as_bytes());
        self.input(node, Input::Request(Request::Propose(payload)));
    }

    pub fn check(&self) {
        for (node, it) in self.nodes.iter().enumerate() {
            if let Some(raft) = &it.state
                && let Err(broken) = raft.check_invariants()
            {
                panic!("node {node}: {broken}");
            }
        }
    }

    /// Folding what is on disk gives what is in memory.
    pub fn check_fold(&self, node: usize) {
        let it = &self.nodes[node];
        let mut hard = Hard::default();
        it.disk.records.iter().for_each(|record| hard.apply(record));
        assert_eq!(&hard, self.raft(node).hard(), "node {node}");
    }
}

fn event(node: &Node, output: &Output) -> Option<Event> {
    let raft = node.state.as_ref()?;
    match output {
        Output::RoleChanged { role, term, .. } if *role == Role::Leader => Some(Event::Elected {
            term: *term,
            base: raft.log().base().index,
            terms: raft.log().iter().map(|entry| entry.term).collect(),
        }),
        Output::Committed { first, entries } => Some(Event::Committed {
            term: raft.term(),
            first: *first,
            entries: entries.clone(),
        }),
        _ => None,
    }
}

/// The bytes of a snapshot, from a log.
fn recorded(records: &[Record], meta: SnapshotMeta) -> Bytes {
    let ended = records.iter().rev().find_map(|r| match r {
        Record::SnapshotEnd { id, meta: m, .. } if *m == meta => Some(*id),
        _ => None,
    });
    let mut data = vec![];
    for record in records {
        if let Record::SnapshotChunk {
            id,
            offset,
            data: piece,
        } = record
            && Some(*id) == ended
        {
            assert_eq!(*offset as usize, data.len());
            data.extend_from_slice(piece);
        }
    }
    assert_eq!(data.len() as u64, meta.size);
    data.into()
}
