//! A driver in a few lines, for any protocol over any link: a wire that loses and repeats by turns,
//! disks that sync when told, time that jumps to the next timer.

use quorate_core::{Input, NodeId, Protocol, Time, To};
use quorate_links::{Delivery, Link, Linked, LinkedConfig};
use quorate_testbed::{Deadlines, DrivenNode, TestWire, Transit};

type Over<P, L> = Linked<P, L>;
type Frame<P, L> = <Over<P, L> as Protocol>::Message;
type Told<P> = (
    NodeId,
    Delivery<<P as Protocol>::Output, <P as Protocol>::Message>,
);

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
    pub(crate) nodes: Vec<DrivenNode<Over<P, L>>>,
    pub(crate) wire: TestWire<Frame<P, L>>,
    pub(crate) timers: Deadlines<(NodeId, <Over<P, L> as Protocol>::Timer)>,
    carried: u64,
    wire_is: Wire,
    pub(crate) now: Time,
    pub(crate) news: Vec<Told<P>>,
}

impl<P: Protocol, L: Link<P::Message>> Cluster<P, L> {
    /// Three nodes, with one configuration of links for each or one for all.
    pub(crate) fn new(protocol: P::Config, links: &[L::Config], wire: Wire) -> Self {
        let links = links.iter().cycle();
        let node = |(id, link): (NodeId, &L::Config)| {
            let config = LinkedConfig {
                protocol: protocol.clone(),
                link: link.clone(),
                nodes: 3,
            };
            DrivenNode::new(id, config)
        };
        let mut cluster = Self {
            nodes: NodeId::all(3).zip(links).map(node).collect(),
            wire: TestWire::default(),
            timers: Deadlines::default(),
            carried: 0,
            wire_is: wire,
            now: Time::ZERO,
            news: vec![],
        };
        NodeId::all(3).for_each(|me| cluster.restart(me));
        cluster
    }

    /// Loses what is not synced, and starts again.
    pub(crate) fn restart(&mut self, me: NodeId) {
        let node = &mut self.nodes[me.index()];
        node.crash(0);
        node.start();
        self.timers.retain(|(node, _)| *node != me);
        self.step(me, Input::Start);
    }

    pub(crate) fn step(&mut self, me: NodeId, input: Input<Over<P, L>>) {
        let node = &mut self.nodes[me.index()];
        let burst = node.burst(self.now, [input], |_| ()).expect("it is up");
        node.state().check_invariants().unwrap();
        for (timer, range) in burst.timers {
            // No two nodes draw the same.
            let at = range.map(|(min, max)| self.now + min + (max - min) / 3 * me.0);
            self.timers.set((me, timer), at);
        }
        self.release(me, burst.messages, burst.outputs);
    }

    fn release(
        &mut self,
        from: NodeId,
        messages: Vec<(To, Frame<P, L>)>,
        outputs: Vec<Delivery<P::Output, P::Message>>,
    ) {
        self.news
            .extend(outputs.into_iter().map(|news| (from, news)));
        for (to, message) in messages {
            self.wire.packets.extend(to.nodes(3).map(|to| Transit {
                from,
                to,
                message: message.clone(),
            }));
        }
    }

    /// Syncs a node's disk and releases what waited for it.
    pub(crate) fn sync(&mut self, me: NodeId) {
        let node = &mut self.nodes[me.index()];
        node.disk.sync(u64::MAX);
        let ready = node.release();
        self.release(me, ready.messages, ready.outputs);
    }

    /// Until nothing is left to do.
    pub(crate) fn run(&mut self) {
        self.turns(10_000, Time(u64::MAX));
    }

    /// Until a time, however busy it is then.
    pub(crate) fn run_until(&mut self, until: Time) {
        self.turns(1_000_000, until);
        self.now = until;
    }

    fn turns(&mut self, most: u32, until: Time) {
        for _ in 0..most {
            if !self.turn(until) {
                return;
            }
        }
        panic!("not at rest after {most} turns");
    }

    /// Syncs all disks; then carries what is on the wire, or else goes to the next timer.
    fn turn(&mut self, until: Time) -> bool {
        NodeId::all(3).for_each(|me| self.sync(me));
        if !self.wire.packets.is_empty() {
            let round = std::mem::take(&mut self.wire.packets);
            for Transit { from, to, message } in round {
                self.carried += u64::from(from != to);
                let copies = match from == to {
                    true => 1,
                    false => self.wire_is.copies(self.carried),
                };
                for _ in 0..copies {
                    self.step(to, Input::Message(from, message.clone()));
                }
            }
            return true;
        }
        let Some((at, (me, timer))) = self.timers.pop(until) else {
            return false;
        };
        self.now = self.now.max(at);
        self.step(me, Input::Timer(timer));
        true
    }
}
