//! The adversaries of proofs, as experiments.

pub(super) mod detector;
pub(super) mod faults;
pub(super) mod liars;
pub(super) mod partition;
pub(super) mod storage;

use crate::experiment::Experiment;
use quorate_core::{NodeId, NodeSet};
use quorate_sim::{LinkFault, NodeFault, ScheduledLinkFault, ScheduledNodeFault};

/// The nodes from `from` to `to`, without the last.
fn nodes(from: usize, to: usize) -> NodeSet {
    (from..to).map(|node| NodeId(node as u32)).collect()
}

/// A fault of one node.
fn fault(node: usize, fault: NodeFault, from: u64, until: Option<u64>) -> ScheduledNodeFault {
    ScheduledNodeFault {
        node: NodeId(node as u32),
        fault,
        from,
        until,
    }
}

/// Cuts the links from one group to another.
fn cut(experiment: &mut Experiment, from: NodeSet, to: NodeSet, at: u64, until: Option<u64>) {
    experiment.link_faults.push(ScheduledLinkFault {
        from_nodes: from,
        to_nodes: to,
        fault: LinkFault::Cut,
        from: at,
        until,
        flapping: None,
    });
}

/// No group hears another, from the start to the end.
fn apart(experiment: &mut Experiment, groups: &[NodeSet]) {
    for (at, one) in groups.iter().enumerate() {
        for other in groups.iter().skip(at + 1) {
            cut(experiment, *one, *other, 0, None);
            cut(experiment, *other, *one, 0, None);
        }
    }
}
