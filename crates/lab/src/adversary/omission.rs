//! Nodes that lose messages on their way out or in: at random, every n-th, the large ones, or those
//! of some peers; and that crash now and then besides.

use super::{Adversary, silence};
use quorate_core::NodeId;
use quorate_sim::{MessageFilter, NodeFault};

/// On which side messages are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Send,
    Receive,
}

/// Which messages are lost.
pub(super) fn which(scene: &mut Adversary<'_>) -> MessageFilter {
    match scene.decisions.below(4) {
        0 => MessageFilter::Random(scene.chances()),
        1 => MessageFilter::EveryNth(2 + scene.decisions.below(4) as u32),
        2 => MessageFilter::Larger(4 << scene.decisions.below(5)),
        _ => MessageFilter::Peers(scene.part_of_nodes()),
    }
}

/// Each loses some of what it sends or receives.
pub(super) fn omit(scene: &mut Adversary<'_>, sides: &[Side]) {
    if !scene.lasting && scene.chance(40) {
        for (nodes, from, until) in scene.shifts() {
            for node in nodes {
                lose(scene, node, sides, from, Some(until));
            }
        }
        return;
    }
    for node in scene.victims() {
        let from = scene.moment();
        let until = scene.end(from);
        lose(scene, node, sides, from, until);
        if scene.chance(20) {
            silence::again_and_again(scene, node);
        }
    }
}

pub(super) fn lose(
    scene: &mut Adversary<'_>,
    node: NodeId,
    sides: &[Side],
    from: u64,
    until: Option<u64>,
) {
    for side in sides {
        let which = which(scene);
        let misdeed = match side {
            Side::Send => NodeFault::OmitSend(which),
            Side::Receive => NodeFault::OmitReceive(which),
        };
        scene.inject(node, misdeed, from, until);
    }
}
