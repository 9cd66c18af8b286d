//! The packets under way, for tests that say what arrives when.

use quorate_core::NodeId;
use std::collections::{BTreeSet, VecDeque};

/// A packet under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transit<M> {
    /// Whose it is.
    pub from: NodeId,
    /// Where it goes.
    pub to: NodeId,
    /// What it says.
    pub message: M,
}

/// The packets under way, oldest first, and the links that are cut.
#[derive(Clone, Debug)]
pub struct TestWire<M> {
    /// Oldest first. A test may drop, repeat and reorder them.
    pub packets: VecDeque<Transit<M>>,
    /// Links, from and to, that lose everything.
    pub cut: BTreeSet<(NodeId, NodeId)>,
}

impl<M> Default for TestWire<M> {
    fn default() -> Self {
        Self {
            packets: VecDeque::new(),
            cut: BTreeSet::new(),
        }
    }
}

impl<M> TestWire<M> {
    /// Puts a packet on the wire; gives it back if its link is cut.
    ///
    /// # Errors
    /// The packet, which is lost.
    pub fn put(&mut self, packet: Transit<M>) -> Result<(), Transit<M>> {
        if self.cut.contains(&(packet.from, packet.to)) {
            return Err(packet);
        }
        self.packets.push_back(packet);
        Ok(())
    }

    /// Takes the oldest packet that is `wanted` off the wire.
    pub fn take(&mut self, wanted: impl Fn(&Transit<M>) -> bool) -> Option<Transit<M>> {
        let at = self.packets.iter().position(wanted)?;
        self.packets.remove(at)
    }

    /// Takes the oldest packet off the wire whose link is not cut; older ones of cut links are lost.
    pub fn pop(&mut self) -> Option<Transit<M>> {
        loop {
            let packet = self.packets.pop_front()?;
            if !self.cut.contains(&(packet.from, packet.to)) {
                return Some(packet);
            }
        }
    }

    /// Takes all packets that are `wanted` off the wire, oldest first.
    pub fn take_all(&mut self, wanted: impl Fn(&Transit<M>) -> bool) -> VecDeque<Transit<M>> {
        let (taken, rest) = self.packets.drain(..).partition(wanted);
        self.packets = rest;
        taken
    }

    /// Cuts all links of a node to the others of `nodes` nodes, or heals them.
    pub fn isolate(&mut self, node: NodeId, nodes: u8, cut: bool) {
        for other in NodeId::all(nodes).filter(|other| *other != node) {
            for link in [(node, other), (other, node)] {
                match cut {
                    true => self.cut.insert(link),
                    false => self.cut.remove(&link),
                };
            }
        }
    }
}
