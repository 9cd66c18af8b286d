//! Liars: one or two kinds of mischief each, from the start or after a while of honesty, alone or
//! together.

use super::omission::which;
use super::slow::delay;
use super::{Scene, disks, silence};
use quorate_core::{NodeId, NodeSet};
use quorate_sim::{Misdeed, Tampering, Which};

/// Liars that have agreed on something.
struct Plot {
    /// All of them are twins, and show the same side to the same nodes.
    split: Option<NodeSet>,
}

/// Each lies.
pub(super) fn lie(scene: &mut Scene<'_>) {
    let plot = Plot {
        split: scene.chance(40).then(|| scene.part_of_nodes()),
    };
    for node in scene.victims() {
        let honest_until = match scene.chance(50) {
            true => 0,
            false => scene.moment(),
        };
        if let Some(split) = plot.split {
            scene.inflict(node, Misdeed::Twins(split), honest_until, None);
        }
        let kinds = scene.decisions.within(u64::from(plot.split.is_none()), 2);
        for _ in 0..kinds {
            mischief(scene, node, honest_until);
        }
    }
}

fn mischief(scene: &mut Scene<'_>, node: NodeId, from: u64) {
    let until = match scene.chance(70) {
        true => None,
        false => Some(from + scene.span()),
    };
    match scene.decisions.below(12) {
        0 | 1 => {
            let split = scene.part_of_nodes();
            scene.inflict(node, Misdeed::Twins(split), from, None);
        }
        // Amnesiac twins: two of it, and both forget.
        2 => {
            let split = scene.part_of_nodes();
            scene.inflict(node, Misdeed::Twins(split), from, None);
            disks::forget(scene, node);
        }
        // Silence towards some.
        3 => {
            let peers = scene.part_of_nodes();
            scene.inflict(node, Misdeed::OmitSend(Which::Peers(peers)), from, until);
        }
        4 => {
            let (sent, received) = (which(scene), which(scene));
            scene.inflict(node, Misdeed::OmitSend(sent), from, until);
            scene.inflict(node, Misdeed::OmitReceive(received), from, until);
        }
        5 => {
            let chances = scene.chances();
            scene.inflict(node, Misdeed::Replay(chances), from, until);
        }
        6 | 7 => {
            let (chances, how) = (scene.chances(), tampering(scene));
            let misdeed = match scene.chance(70) {
                true => Misdeed::TamperSend(chances, how),
                false => Misdeed::TamperReceive(chances, how),
            };
            scene.inflict(node, misdeed, from, until);
        }
        8 => {
            let (name, chances, how) = (scene.any_node(), scene.chances(), tampering(scene));
            let misdeed = match scene.chance(70) {
                true => Misdeed::Forge(name, chances, how),
                false => Misdeed::Impersonate(name, scene.some_nodes(), how),
            };
            scene.inflict(node, misdeed, from, until);
        }
        9 => {
            // What it says is as old as its liveliness: it goes on for a while at the least.
            scene.inflict(node, Misdeed::Stale, from, until);
        }
        10 => {
            let delay = delay(scene);
            scene.inflict(node, Misdeed::Late(delay), from, until);
        }
        _ => match scene.chance(50) {
            true => disks::lie_about_sync(scene, node),
            // And then it crashes.
            false => {
                let (chances, how) = (scene.chances(), tampering(scene));
                scene.inflict(node, Misdeed::TamperSend(chances, how), from, until);
                silence::again_and_again(scene, node);
            }
        },
    }
}

fn tampering(scene: &mut Scene<'_>) -> Tampering {
    let values = scene.values.len() as u64;
    let at = scene.decisions.below(2 * values.max(1)) as usize;
    match scene.values.get(at) {
        Some((value, by)) => Tampering::Replace {
            value: value.clone(),
            by: by.clone(),
        },
        None => Tampering::Flip,
    }
}
