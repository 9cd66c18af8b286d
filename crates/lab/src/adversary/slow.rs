//! Nodes and clocks that are late.

use super::omission::{self, Side};
use super::{Adversary, silence};
use quorate_core::NodeId;
use quorate_sim::{Delay, NodeFault};

/// Each answers correctly and past every deadline: its messages are late, it pauses, or its disk
/// does. Sometimes it loses messages or crashes besides.
pub(super) fn late(scene: &mut Adversary<'_>) {
    for node in scene.victims() {
        let from = scene.moment();
        let until = scene.end(from);
        match scene.decisions.below(4) {
            0 => scene.inject(node, NodeFault::DiskStall, from, until),
            1 => scene.inject(node, NodeFault::Pause, from, until),
            _ => {
                let delay = delay(scene);
                scene.inject(node, NodeFault::Late(delay), from, until);
            }
        }
        match scene.decisions.below(6) {
            0 => omission::lose(scene, node, &[Side::Send, Side::Receive], from, until),
            1 => silence::again_and_again(scene, node),
            _ => {}
        }
    }
}

/// Longer than any deadline that the nodes know: always, or mostly.
pub(super) fn delay(scene: &mut Adversary<'_>) -> Delay {
    let delta = scene.delta;
    match scene.decisions.below(3) {
        0 => Delay::Uniform {
            min: delta,
            max: 4 * delta,
        },
        1 => Delay::Exponential {
            min: delta / 2,
            mean: 8 * delta,
        },
        _ => Delay::HeavyTail {
            min: 0,
            mean: 20 * delta,
        },
    }
}

/// Correct nodes before time is bounded: they pause, and their clocks drift and jump.
pub(crate) fn wild_clocks(scene: &mut Adversary<'_>, until: u64) {
    for _ in 0..scene.decisions.below(3) {
        let node = NodeId(scene.decisions.below(u64::from(scene.nodes)) as u32);
        // After all have begun: who was never asked would be silent for good.
        let from = scene.moment().clamp(1, until / 2);
        let end = (from + scene.span()).min(until);
        let misdeed = match scene.decisions.below(4) {
            0 => NodeFault::Drift(scene.decisions.within(0, 400_000) as i64 - 200_000),
            1 => NodeFault::ClockJump(scene.span()),
            _ => NodeFault::Pause,
        };
        scene.inject(node, misdeed, from, Some(end));
    }
}
