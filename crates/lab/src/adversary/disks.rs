//! Disks that do not keep what they should.

use super::{Adversary, silence};
use quorate_core::NodeId;
use quorate_sim::NodeFault;

/// Each comes back from every crash with an empty disk.
pub(crate) fn amnesia(scene: &mut Adversary<'_>) {
    for node in scene.victims() {
        forget(scene, node);
    }
}

pub(super) fn forget(scene: &mut Adversary<'_>, node: NodeId) {
    let mut at = scene.moment();
    for _ in 0..=scene.decisions.below(4) {
        let until = at + scene.span();
        scene.inject(node, NodeFault::Forget, at, Some(until));
        at = until + 1 + scene.span() / 2;
    }
}

/// What each calls durable is gone with the next crash, and it crashes.
pub(crate) fn lying_sync(scene: &mut Adversary<'_>) {
    for node in scene.victims() {
        lie_about_sync(scene, node);
    }
}

pub(super) fn lie_about_sync(scene: &mut Adversary<'_>, node: NodeId) {
    let from = match scene.chance(50) {
        true => 0,
        false => scene.moment(),
    };
    scene.inject(node, NodeFault::LieAboutSync, from, None);
    silence::again_and_again(scene, node);
}
