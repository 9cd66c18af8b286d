//! One running copy of a node: the only one, or one of twins.

use super::disk::MemoryDisk;
use crate::clock::Clock;
use crate::timers::Timers;
use quorate_core::driver::Gate;
use quorate_core::{Hard, NodeId, NodeSet, Protocol};
use std::collections::VecDeque;

pub(super) type RecordOf<P> = <<P as Protocol>::Hard as Hard>::Record;

/// What a liar remembers, to say it again or in another's name.
const MEMORY: usize = 64;

#[derive(Debug)]
pub(super) struct Slot<P: Protocol> {
    pub(super) id: NodeId,
    pub(super) protocol: Option<P>,
    pub(super) gate: Gate<P>,
    pub(super) disk: MemoryDisk<RecordOf<P>>,
    pub(super) timers: Timers<P::Timer>,
    pub(super) clock: Clock,
    /// Counts the crashes: what belongs to an earlier life is stale.
    pub(super) epoch: u32,
    pub(super) paused_until: u64,
    pub(super) stalled_until: u64,
    /// The faults that act on it now, by their numbers.
    pub(super) active: Vec<u16>,
    /// Which of twins it is: firsts talk with firsts.
    pub(super) twin: Option<bool>,
    /// Whom it talks with.
    pub(super) peers: NodeSet,
    /// It answers from here.
    pub(super) stale: Option<P>,
    pub(super) sent: VecDeque<P::Message>,
    pub(super) received: VecDeque<P::Message>,
    /// It goes down once what it is sending is sent.
    pub(super) dying: bool,
    /// Messages that an n-th rule has counted.
    pub(super) counted: u32,
    /// Messages that it has said as a liar.
    pub(super) lies: u32,
}

impl<P: Protocol> Slot<P> {
    pub(super) fn new(id: NodeId, disk: MemoryDisk<RecordOf<P>>, clock: Clock) -> Self {
        Self {
            id,
            protocol: None,
            gate: Gate::default(),
            disk,
            timers: Timers::default(),
            clock,
            epoch: 0,
            paused_until: 0,
            stalled_until: 0,
            active: vec![],
            twin: None,
            peers: NodeSet::all(NodeSet::MAX_NODES),
            stale: None,
            sent: VecDeque::new(),
            received: VecDeque::new(),
            dying: false,
            counted: 0,
            lies: 0,
        }
    }

    pub(super) fn talks_with(&self, other: &Self) -> bool {
        match (self.twin, other.twin) {
            (Some(one), Some(other)) => one == other,
            _ => self.peers.contains(other.id) && other.peers.contains(self.id),
        }
    }

    pub(super) fn remember(memory: &mut VecDeque<P::Message>, message: &P::Message) {
        if memory.len() == MEMORY {
            memory.pop_front();
        }
        memory.push_back(message.clone());
    }
}
