//! Every choice of a world of replicas, as one stream for each purpose.
//!
//! What a link does to its next message does not depend on how many operations a client chose, nor a
//! fault on the one before it: so a run in which something is left out is the same run but for what
//! follows from that. A run that fails can therefore be made small ([`minimise`](crate::minimise)).
//! Any lists are valid, as any list is ([`decisions`](crate::decisions)).

mod bytes;
#[cfg(test)]
mod tests;

pub use bytes::{DecodeError, decode, encode};

use crate::decisions::{Decisions, splitmix};
use quorate_core::NodeId;
use std::collections::BTreeMap;

/// What decisions are for, in the order in which a reader would like to see them go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum StreamKind {
    /// The mix of faults, loads and bounds that the world has ([`Swarm`](crate::Swarm)).
    Mix,
    /// When faults happen.
    Moments,
    /// One fault: which, to whom, for how long.
    Fault,
    /// Whether and how a node is cut off when it becomes the leader.
    Topples,
    /// What the crashes of a node leave of its disk, and when it comes back.
    Crashes,
    /// What a client does, and when.
    Client,
    /// What becomes of the messages between a client and the replicas.
    Talk,
    /// What a link does to messages.
    Link,
    /// How long a node's timers wait.
    Timers,
    /// How long a disk's syncs take.
    Disk,
    /// Who hears, and when, that the link to a process that died is broken.
    Hints,
}

impl StreamKind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Mix,
        Self::Moments,
        Self::Fault,
        Self::Topples,
        Self::Crashes,
        Self::Client,
        Self::Talk,
        Self::Link,
        Self::Timers,
        Self::Disk,
        Self::Hints,
    ];
}

/// The purpose of one stream: a kind, and which of that kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChoiceStream {
    /// The kind.
    pub kind: StreamKind,
    /// The number of the fault, node or client; of a link, the sender's times 256 and the receiver's.
    pub of: u32,
}

impl ChoiceStream {
    pub(crate) const fn new(kind: StreamKind, of: u32) -> Self {
        Self { kind, of }
    }

    fn link(from: NodeId, to: NodeId) -> Self {
        Self::new(StreamKind::Link, from.0 << 8 | to.0)
    }

    /// The seed of this stream in the world of a seed.
    fn seed(self, world: u64) -> u64 {
        let mut state = world;
        let mut state = splitmix(&mut state) ^ (u64::from(self.of) << 8 | self.kind as u64);
        splitmix(&mut state)
    }
}

/// Decisions, by what they are for. What is not listed is quiet, as what comes after the end of a
/// list is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices(pub BTreeMap<ChoiceStream, Vec<u64>>);

impl Choices {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.0.values().all(Vec::is_empty)
    }

    /// Zeros at the end of a list need not be said, nor lists of nothing else.
    #[must_use]
    pub fn trimmed(mut self) -> Self {
        self.0.retain(|_, list| {
            let end = list.iter().rposition(|value| *value > 0);
            list.truncate(end.map_or(0, |end| end + 1));
            !list.is_empty()
        });
        self
    }
}

/// From a moment on some streams go on as a seed has them: the same past, another future.
#[derive(Clone, Debug)]
struct Fork {
    /// Simulated nanoseconds.
    at: u64,
    seed: u64,
    spares: fn(StreamKind) -> bool,
}

/// All decisions of one world.
#[derive(Clone, Debug)]
pub struct Streams {
    /// Lists of streams that were not opened yet.
    lists: Choices,
    /// Where numbers come from after that; `None` for zeros.
    seed: Option<u64>,
    fork: Option<Fork>,
    /// What was drawn from faults that are over, if it is recorded.
    drawn: Option<Choices>,
    nodes: usize,
    pub(crate) mix: Decisions,
    pub(crate) moments: Decisions,
    pub(crate) hints: Decisions,
    /// Those of the fault at hand.
    pub(crate) harm: Decisions,
    /// Its number.
    fault: u32,
    topples: Vec<Decisions>,
    crashes: Vec<Decisions>,
    clients: Vec<Decisions>,
    talks: Vec<Decisions>,
    links: Vec<Decisions>,
    timers: Vec<Decisions>,
    disks: Vec<Decisions>,
}

impl Streams {
    /// The streams that a seed generates.
    pub fn from_seed(seed: u64) -> Self {
        Self::new(Choices::default(), Some(seed))
    }

    /// What was recorded, edited, cut short or made up; zeros follow.
    pub fn replay(lists: Choices) -> Self {
        Self::new(lists, None)
    }

    /// As these lists have it up to a moment, in simulated nanoseconds; from there on as a seed has
    /// it, but for the kinds that are spared.
    pub(crate) fn fork(lists: Choices, at: u64, seed: u64, spares: fn(StreamKind) -> bool) -> Self {
        let fork = Some(Fork { at, seed, spares });
        Self {
            fork,
            ..Self::new(lists, None)
        }
    }

    fn new(lists: Choices, seed: Option<u64>) -> Self {
        let none = || Decisions::replay(vec![]);
        let mut streams = Self {
            lists,
            seed,
            fork: None,
            drawn: None,
            nodes: 0,
            mix: none(),
            moments: none(),
            hints: none(),
            harm: none(),
            fault: 0,
            topples: vec![],
            crashes: vec![],
            clients: vec![],
            talks: vec![],
            links: vec![],
            timers: vec![],
            disks: vec![],
        };
        streams.mix = streams.open(StreamKind::Mix, 0);
        streams.moments = streams.open(StreamKind::Moments, 0);
        streams.hints = streams.open(StreamKind::Hints, 0);
        streams
    }

    /// Records from here on what is drawn.
    #[must_use]
    pub fn recorded(mut self) -> Self {
        self.drawn = Some(Choices::default());
        let record = |stream: &mut Decisions| *stream = stream.clone().recorded();
        [
            &mut self.mix,
            &mut self.moments,
            &mut self.hints,
            &mut self.harm,
        ]
        .into_iter()
        .for_each(record);
        self
    }

    fn open(&mut self, kind: StreamKind, of: u32) -> Decisions {
        let purpose = ChoiceStream::new(kind, of);
        let list = self.lists.0.remove(&purpose).unwrap_or_default();
        let decisions = match self.seed {
            Some(seed) => Decisions::fork(list, purpose.seed(seed)),
            None => Decisions::replay(list),
        };
        match self.drawn {
            Some(_) => decisions.recorded(),
            None => decisions,
        }
    }

    /// Opens the streams of so many nodes and clients; each node may get a client of its own later.
    pub(crate) fn open_all(&mut self, nodes: u8, clients: u8) {
        self.nodes = usize::from(nodes);
        let clients = clients.saturating_add(nodes);
        self.topples = self.open_each(StreamKind::Topples, nodes);
        self.crashes = self.open_each(StreamKind::Crashes, nodes);
        self.clients = self.open_each(StreamKind::Client, clients);
        self.talks = self.open_each(StreamKind::Talk, clients);
        self.timers = self.open_each(StreamKind::Timers, nodes);
        self.disks = self.open_each(StreamKind::Disk, nodes);
        let all = NodeId::all(nodes);
        let pairs = all
            .clone()
            .flat_map(|from| all.clone().map(move |to| (from, to)));
        self.links = pairs
            .map(|(from, to)| self.open(StreamKind::Link, ChoiceStream::link(from, to).of))
            .collect();
    }

    fn open_each(&mut self, kind: StreamKind, count: u8) -> Vec<Decisions> {
        let all = 0..u32::from(count);
        all.map(|of| self.open(kind, of)).collect()
    }

    /// The next fault decides.
    pub(crate) fn next_fault(&mut self) {
        self.keep_fault();
        self.fault += 1;
        self.harm = self.open(StreamKind::Fault, self.fault);
    }

    fn keep_fault(&mut self) {
        if let Some(drawn) = &mut self.drawn {
            let purpose = ChoiceStream::new(StreamKind::Fault, self.fault);
            drawn.0.insert(purpose, self.harm.take_record());
        }
    }

    #[inline]
    pub(crate) fn topple(&mut self, node: NodeId) -> &mut Decisions {
        &mut self.topples[node.index()]
    }

    #[inline]
    pub(crate) fn crash(&mut self, node: NodeId) -> &mut Decisions {
        &mut self.crashes[node.index()]
    }

    #[inline]
    pub(crate) fn client(&mut self, client: u8) -> &mut Decisions {
        &mut self.clients[usize::from(client)]
    }

    #[inline]
    pub(crate) fn talk(&mut self, client: u8) -> &mut Decisions {
        &mut self.talks[usize::from(client)]
    }

    #[inline]
    pub(crate) fn link(&mut self, from: NodeId, to: NodeId) -> &mut Decisions {
        &mut self.links[from.index() * self.nodes + to.index()]
    }

    #[inline]
    pub(crate) fn timer(&mut self, node: NodeId) -> &mut Decisions {
        &mut self.timers[node.index()]
    }

    #[inline]
    pub(crate) fn disk(&mut self, node: NodeId) -> &mut Decisions {
        &mut self.disks[node.index()]
    }

    /// When the future changes, if it does.
    pub(crate) fn forks_at(&self) -> Option<u64> {
        self.fork.as_ref().map(|fork| fork.at)
    }

    /// It does so now.
    pub(crate) fn change_future(&mut self) {
        let Some(Fork { seed, spares, .. }) = self.fork.take() else {
            return;
        };
        for (purpose, stream) in self.opened() {
            if !spares(purpose.kind) {
                stream.branch(purpose.seed(seed));
            }
        }
        if !spares(StreamKind::Fault) {
            self.lists.0.clear();
            self.seed = Some(seed);
        }
    }

    /// The streams that are open, the fault at hand excepted.
    fn opened(&mut self) -> impl Iterator<Item = (ChoiceStream, &mut Decisions)> {
        fn of(
            kind: StreamKind,
            streams: &mut [Decisions],
        ) -> impl Iterator<Item = (ChoiceStream, &mut Decisions)> {
            (0..)
                .zip(streams)
                .map(move |(of, stream)| (ChoiceStream::new(kind, of), stream))
        }
        let nodes = self.nodes.max(1) as u32;
        let links = of(StreamKind::Link, &mut self.links).map(move |(purpose, stream)| {
            let (from, to) = (purpose.of / nodes, purpose.of % nodes);
            (ChoiceStream::new(StreamKind::Link, from << 8 | to), stream)
        });
        of(StreamKind::Mix, std::slice::from_mut(&mut self.mix))
            .chain(of(
                StreamKind::Moments,
                std::slice::from_mut(&mut self.moments),
            ))
            .chain(of(StreamKind::Topples, &mut self.topples))
            .chain(of(StreamKind::Crashes, &mut self.crashes))
            .chain(of(StreamKind::Client, &mut self.clients))
            .chain(of(StreamKind::Talk, &mut self.talks))
            .chain(links)
            .chain(of(StreamKind::Timers, &mut self.timers))
            .chain(of(StreamKind::Disk, &mut self.disks))
            .chain(of(StreamKind::Hints, std::slice::from_mut(&mut self.hints)))
    }

    /// What was drawn since [`Streams::recorded`], without the zeros that need not be said.
    pub fn take_record(&mut self) -> Choices {
        self.keep_fault();
        let mut drawn = self.drawn.take().unwrap_or_default();
        for (purpose, stream) in self.opened() {
            drawn.0.insert(purpose, stream.take_record());
        }
        drawn.trimmed()
    }
}
