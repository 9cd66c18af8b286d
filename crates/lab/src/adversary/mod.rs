//! Adversaries, drawn: what goes wrong in one run of a cell, or of a contract.
//!
//! They know nodes, bytes and time, and no protocol. What they know of the cell is how many nodes
//! may be faulty at the same time, and whether one that was faulty once counts for good. They aim at
//! node 0 in half of the runs: it is the sender, or the first leader, more often than others.

mod disks;
mod liars;
mod links;
mod omission;
mod silence;
mod slow;

use quorate_contract::FailureModel;
use quorate_core::{NodeId, NodeSet};
use quorate_sim::{Decisions, NodeFault, ScheduledLinkFault, ScheduledNodeFault};

pub(crate) use disks::{amnesia, lying_sync};
pub(crate) use links::{fair_loss, wild_partitions};
pub(crate) use slow::wild_clocks;

/// What an adversary draws from, and what it must keep to.
pub(crate) struct Adversary<'d> {
    pub(crate) decisions: &'d mut Decisions,
    pub(crate) nodes: u8,
    /// The bound on time that the nodes are told, in nanoseconds.
    pub(crate) delta: u64,
    /// So many nodes are faulty at the same time.
    pub(crate) faulty: u8,
    /// Who was faulty once counts for good: always the same nodes.
    pub(crate) lasting: bool,
    /// Values that are said, each with another one.
    pub(crate) values: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) node_faults: Vec<ScheduledNodeFault>,
    pub(crate) link_faults: Vec<ScheduledLinkFault>,
}

impl Adversary<'_> {
    /// The faults of faulty nodes.
    pub(crate) fn nodes_fail(&mut self, model: FailureModel) {
        match model {
            FailureModel::InitiallyDead => silence::initially_dead(self),
            FailureModel::CrashStop => silence::crash_stop(self),
            FailureModel::CrashRecovery => silence::crash_recovery(self),
            FailureModel::SendOmission => omission::omit(self, &[omission::Side::Send]),
            FailureModel::ReceiveOmission => omission::omit(self, &[omission::Side::Receive]),
            FailureModel::GeneralOmission => {
                omission::omit(self, &[omission::Side::Send, omission::Side::Receive]);
            }
            FailureModel::Timing => slow::late(self),
            FailureModel::Byzantine => liars::lie(self),
        }
    }

    fn inject(&mut self, node: NodeId, misdeed: NodeFault, from: u64, until: Option<u64>) {
        self.node_faults.push(ScheduledNodeFault {
            node,
            fault: misdeed,
            from,
            until,
        });
    }

    /// With so many chances in a hundred.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.decisions.below(100) >= 100 - percent.min(100)
    }

    /// As many nodes as may be faulty; in half of the runs, node 0 is one of them.
    fn victims(&mut self) -> Vec<NodeId> {
        let mut victims = vec![];
        if self.faulty > 0 && self.chance(50) {
            victims.push(NodeId(0));
        }
        while victims.len() < usize::from(self.faulty.min(self.nodes)) {
            let node = self.any_node();
            if !victims.contains(&node) {
                victims.push(node);
            }
        }
        victims
    }

    fn any_node(&mut self) -> NodeId {
        NodeId(self.decisions.below(u64::from(self.nodes)) as u32)
    }

    /// Some of the nodes: any set, the empty one included.
    fn some_nodes(&mut self) -> NodeSet {
        let mut set = NodeSet::EMPTY;
        for node in NodeId::all(self.nodes) {
            if self.chance(50) {
                set.insert(node);
            }
        }
        set
    }

    /// Some of the nodes, and not all.
    fn part_of_nodes(&mut self) -> NodeSet {
        let mut set = self.some_nodes();
        let inside = self.any_node();
        set.insert(inside);
        let outside = NodeId((inside.0 + 1) % u32::from(self.nodes));
        if outside != inside {
            set.remove(outside);
        }
        set
    }

    /// When something begins: at once, within the first rounds, or later.
    fn moment(&mut self) -> u64 {
        match self.decisions.below(4) {
            0 => 0,
            1 => self.decisions.below(4 * self.delta),
            2 => self.decisions.below(12 * self.delta),
            _ => self.decisions.below(40 * self.delta),
        }
    }

    /// How long something lasts.
    fn span(&mut self) -> u64 {
        let mean = [1, 4, 16, 40][self.decisions.below(4) as usize] * self.delta;
        mean / 4 + self.decisions.exponential(mean)
    }

    /// Until when a fault lasts that began at `from`; in half of the runs, to the end.
    fn end(&mut self, from: u64) -> Option<u64> {
        match self.chance(50) {
            true => None,
            false => Some(from + self.span()),
        }
    }

    /// Some chances in a million: seldom, often or always.
    fn chances(&mut self) -> u32 {
        [50_000, 200_000, 500_000, 900_000, 1_000_000][self.decisions.below(5) as usize]
    }

    /// Shifts of faulty nodes, one after the other, each with its nodes, begin and end: where being
    /// faulty does not last, every node may have its turn.
    fn shifts(&mut self) -> Vec<(Vec<NodeId>, u64, u64)> {
        let mut at = self.moment();
        let mut shifts = vec![];
        for _ in 0..=self.decisions.below(5) {
            let (victims, lasts) = (self.victims(), self.span());
            shifts.push((victims, at, at + lasts));
            at += lasts + 1 + self.span() / 2;
        }
        shifts
    }
}
