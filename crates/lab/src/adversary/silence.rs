//! Nodes that go down: between two steps, or in the middle of what they send; early or late; once,
//! again and again, or one after the other.

use super::Adversary;
use quorate_core::NodeId;
use quorate_sim::NodeFault;

/// A crash in the middle of a broadcast leaves out anybody: what was sent first need not leave first.
fn crash(scene: &mut Adversary<'_>) -> NodeFault {
    match scene.chance(50) {
        true => NodeFault::CrashSending(scene.some_nodes()),
        false => NodeFault::Crash,
    }
}

/// Each is dead from the start.
pub(super) fn initially_dead(scene: &mut Adversary<'_>) {
    for node in scene.victims() {
        scene.inject(node, NodeFault::Crash, 0, None);
    }
}

/// Each goes down once, for good.
pub(super) fn crash_stop(scene: &mut Adversary<'_>) {
    for node in scene.victims() {
        let (how, at) = (crash(scene), scene.moment());
        scene.inject(node, how, at, None);
    }
}

/// Up and down: always the same nodes, or others in turn.
pub(super) fn crash_recovery(scene: &mut Adversary<'_>) {
    if !scene.lasting && scene.chance(60) {
        for (nodes, from, until) in scene.shifts() {
            for node in nodes {
                let how = crash(scene);
                scene.inject(node, how, from, Some(until));
            }
        }
        return;
    }
    for node in scene.victims() {
        again_and_again(scene, node);
    }
}

/// One node: down, up, and down again, in the end sometimes for good.
pub(super) fn again_and_again(scene: &mut Adversary<'_>, node: NodeId) {
    let mut at = scene.moment();
    let times = 1 + scene.decisions.below(4);
    for time in 1..=times {
        let how = crash(scene);
        let for_good = time == times && scene.chance(30);
        let until = at + scene.span();
        scene.inject(node, how, at, (!for_good).then_some(until));
        at = until + 1 + scene.span() / 2;
    }
}
