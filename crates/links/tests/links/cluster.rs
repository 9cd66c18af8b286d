//! A driver in a few lines, for any protocol over any link: a wire that loses and repeats by turns,
//! disks that sync when told, time that jumps to the next timer.

use quorate_core::driver::{Disk, Gate, Lsn, replay};
use quorate_core::{Effects, Hard, Input, NodeId, Protocol, Time};
use quorate_links::{Delivery, Link, Linked, LinkedConfig, LinkedRecord};
use std::collections::BTreeMap;
use std::io;

pub(crate) struct DiskOf<R> {
    pub(crate) written: Vec<R>,
    pub(crate) synced: usize,
}
impl<R> Disk<R> for DiskOf<R> {
    fn append(&mut self, records: &mut Vec<R>) -> Lsn {
        self.written.append(records);
        self.written.len() as Lsn
    }
    fn durable(&self) -> io::Result<Lsn> {
        Ok(self.synced as Lsn)
    }
}

type Over<P, L> = Linked<P, L>;
type Frame<P, L> = <Over<P, L> as Protocol>::Message;
type Told<P> = (
    NodeId,
    Delivery<<P as Protocol>::Output, <P as Protocol>::Message>,
);
type Kept<P> = LinkedRecord<<<P as Protocol>::Hard as Hard>::Record>;

pub(crate) struct Node<P: Protocol, L: Link<P::Message>> {
    pub(crate) linked: Over<P, L>,
    gate: Gate<Over<P, L>>,
    pub(crate) disk: DiskOf<Kept<P>>,
    pub(crate) timers: BTreeMap<<Over<P, L> as Protocol>::Timer, Time>,
}

/// What the wire does to the packets between nodes.
#[derive(Clone, Copy)]
pub(crate) enum Wire {
    /// Every so-many-th packet is lost, and every so-many-th comes twice.
    Regular { lose: u64, repeat: u64 },
    /// Half of the packets are lost: which ones is another in each of many such wires.
    Half { which: u64 },
}

impl Wire {
    pub(crate) const PERFECT: Self = Self::Regular {
        lose: u64::MAX,
        repeat: u64::MAX,
    };

    /// How many copies of the n-th packet arrive.
    fn copies(self, nth: u64) -> usize {
        match self {
            Self::Regular { lose, .. } if nth.is_multiple_of(lose) => 0,
            Self::Regular { repeat, .. } if nth.is_multiple_of(repeat) => 2,
            Self::Regular { .. } => 1,
            Self::Half { which } => {
                let word = (which << 32 | nth).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let word = (word ^ (word >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                usize::from(word >> 63 == 1)
            }
        }
    }
}

pub(crate) struct Cluster<P: Protocol, L: Link<P::Message>> {
    protocol: P::Config,
    /// By node.
    links: Vec<L::Config>,
    pub(crate) nodes: Vec<Node<P, L>>,
    pub(crate) wire: Vec<(NodeId, NodeId, Frame<P, L>)>,
    carried: u64,
    wire_is: Wire,
    pub(crate) now: Time,
    pub(crate) news: Vec<Told<P>>,
}

impl<P: Protocol, L: Link<P::Message>> Cluster<P, L> {
    /// Three nodes, with one configuration of links for each or one for all.
    pub(crate) fn new(protocol: P::Config, links: &[L::Config], wire: Wire) -> Self {
        let mut cluster = Self {
            protocol,
            links: links.iter().cloned().cycle().take(3).collect(),
            nodes: vec![],
            wire: vec![],
            carried: 0,
            wire_is: wire,
            now: Time::ZERO,
            news: vec![],
        };
        for me in NodeId::all(3) {
            let node = cluster.recover(me, vec![]);
            cluster.nodes.push(node);
            cluster.step(me, Input::Start);
        }
        cluster
    }

    fn recover(&self, me: NodeId, written: Vec<Kept<P>>) -> Node<P, L> {
        let config = LinkedConfig {
            protocol: self.protocol.clone(),
            link: self.links[me.index()].clone(),
            nodes: 3,
        };
        Node {
            linked: Linked::recover(&config, me, replay(&written)),
            gate: Gate::default(),
            timers: BTreeMap::new(),
            disk: DiskOf {
                synced: written.len(),
                written,
            },
        }
    }

    /// Loses what is not synced, and starts again.
    pub(crate) fn restart(&mut self, me: NodeId) {
        let disk = &mut self.nodes[me.index()].disk;
        disk.written.truncate(disk.synced);
        let written = std::mem::take(&mut disk.written);
        self.nodes[me.index()] = self.recover(me, written);
        self.step(me, Input::Start);
    }

    pub(crate) fn step(&mut self, me: NodeId, input: Input<Over<P, L>>) {
        let node = &mut self.nodes[me.index()];
        let mut out = Effects::default();
        node.linked.step(self.now, input, &mut out);
        node.linked.flush(self.now, &mut out);
        node.linked.check_invariants().unwrap();
        let prompt = node.gate.submit(&mut out, &mut node.disk);
        for (timer, range) in prompt.timers() {
            match range {
                // No two nodes draw the same.
                Some((min, max)) => {
                    let drawn = min + (max - min) / 3 * me.0;
                    node.timers.insert(timer, self.now + drawn)
                }
                None => node.timers.remove(&timer),
            };
        }
        self.news.extend(prompt.outputs().map(|news| (me, news)));
        for released in prompt.messages() {
            let (to, message) = released.into_parts();
            self.wire
                .extend(to.nodes(3).map(|to| (me, to, message.clone())));
        }
    }

    /// Syncs a node's disk and releases what waited for it.
    pub(crate) fn sync(&mut self, me: NodeId) {
        let node = &mut self.nodes[me.index()];
        node.disk.synced = node.disk.written.len();
        let (wire, news) = (&mut self.wire, &mut self.news);
        node.gate
            .release(
                &node.disk,
                |released| {
                    let (to, message) = released.into_parts();
                    wire.extend(to.nodes(3).map(|to| (me, to, message.clone())));
                },
                |output| news.push((me, output)),
            )
            .unwrap();
    }

    /// Until nothing is left to do.
    pub(crate) fn run(&mut self) {
        for _ in 0..10_000 {
            if !self.turn(Time(u64::MAX)) {
                return;
            }
        }
        panic!("not at rest after 10,000 turns");
    }

    /// Until a time, however busy it is then.
    pub(crate) fn run_until(&mut self, until: Time) {
        while self.turn(until) {}
        self.now = until;
    }

    /// Syncs all disks; then carries what is on the wire, or else goes to the next timer.
    fn turn(&mut self, until: Time) -> bool {
        NodeId::all(3).for_each(|me| self.sync(me));
        if !self.wire.is_empty() {
            for (from, to, frame) in std::mem::take(&mut self.wire) {
                self.carried += u64::from(from != to);
                let copies = match from == to {
                    true => 1,
                    false => self.wire_is.copies(self.carried),
                };
                for _ in 0..copies {
                    self.step(to, Input::Message(from, frame.clone()));
                }
            }
            return true;
        }
        let timers = self.nodes.iter().zip(NodeId::all(3));
        let next = timers
            .flat_map(|(node, me)| node.timers.iter().map(move |(timer, at)| (*at, me, *timer)))
            .min();
        let Some((at, me, timer)) = next.filter(|(at, _, _)| *at <= until) else {
            return false;
        };
        self.now = self.now.max(at);
        self.nodes[me.index()].timers.remove(&timer);
        self.step(me, Input::Timer(timer));
        true
    }
}
