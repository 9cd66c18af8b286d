//! Liars: one or two kinds of mischief each, from the start or after a while of honesty, alone or
//! together.

use super::omission::which;
use super::slow::delay;
use super::{Adversary, disks, silence};
use quorate_core::{NodeId, NodeSet};
use quorate_sim::{MessageFilter, Mutation, NodeFault};

/// Liars that have agreed on something.
struct Collusion {
    /// All of them are twins, and show the same side to the same nodes.
    split: Option<NodeSet>,
}

/// Each lies.
pub(super) fn lie(scene: &mut Adversary<'_>) {
    let plot = Collusion {
        split: scene.chance(40).then(|| scene.part_of_nodes()),
    };
    for node in scene.victims() {
        let honest_until = match scene.chance(50) {
            true => 0,
            false => scene.moment(),
        };
        if let Some(split) = plot.split {
            scene.inject(node, NodeFault::Twins(split), honest_until, None);
        }
        let kinds = scene.decisions.within(u64::from(plot.split.is_none()), 2);
        for _ in 0..kinds {
            mischief(scene, node, honest_until);
        }
    }
}

fn mischief(scene: &mut Adversary<'_>, node: NodeId, from: u64) {
    let until = match scene.chance(70) {
        true => None,
        false => Some(from + scene.span()),
    };
    match scene.decisions.below(12) {
        0 | 1 => {
            let split = scene.part_of_nodes();
            scene.inject(node, NodeFault::Twins(split), from, None);
        }
        // Amnesiac twins: two of it, and both forget.
        2 => {
            let split = scene.part_of_nodes();
            scene.inject(node, NodeFault::Twins(split), from, None);
            disks::forget(scene, node);
        }
        // Silence towards some.
        3 => {
            let peers = scene.part_of_nodes();
            scene.inject(
                node,
                NodeFault::OmitSend(MessageFilter::Peers(peers)),
                from,
                until,
            );
        }
        4 => {
            let (sent, received) = (which(scene), which(scene));
            scene.inject(node, NodeFault::OmitSend(sent), from, until);
            scene.inject(node, NodeFault::OmitReceive(received), from, until);
        }
        5 => {
            let chances = scene.chances();
            scene.inject(node, NodeFault::Replay(chances), from, until);
        }
        6 | 7 => {
            let (chances, how) = (scene.chances(), tampering(scene));
            let misdeed = match scene.chance(70) {
                true => NodeFault::TamperSend(chances, how),
                false => NodeFault::TamperReceive(chances, how),
            };
            scene.inject(node, misdeed, from, until);
        }
        8 => {
            let (name, chances, how) = (scene.any_node(), scene.chances(), tampering(scene));
            let misdeed = match scene.chance(70) {
                true => NodeFault::Forge(name, chances, how),
                false => NodeFault::Impersonate(name, scene.some_nodes(), how),
            };
            scene.inject(node, misdeed, from, until);
        }
        9 => {
            // What it says is as old as its liveliness: it goes on for a while at the least.
            scene.inject(node, NodeFault::Stale, from, until);
        }
        10 => {
            let delay = delay(scene);
            scene.inject(node, NodeFault::Late(delay), from, until);
        }
        _ => match scene.chance(50) {
            true => disks::lie_about_sync(scene, node),
            // And then it crashes.
            false => {
                let (chances, how) = (scene.chances(), tampering(scene));
                scene.inject(node, NodeFault::TamperSend(chances, how), from, until);
                silence::again_and_again(scene, node);
            }
        },
    }
}

fn tampering(scene: &mut Adversary<'_>) -> Mutation {
    let values = scene.values.len() as u64;
    let at = scene.decisions.below(2 * values.max(1)) as usize;
    match scene.values.get(at) {
        Some((value, by)) => Mutation::Replace {
            value: value.clone(),
            by: by.clone(),
        },
        None => Mutation::Flip,
    }
}
