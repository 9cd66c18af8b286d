//! The world of these tests: messages arrive within [`DELTA`], and a transcript shows what is sent.

use quorate_core::{NodeId, Protocol};
use quorate_testbed::{Printer, TestWorld, TransitTime, WorldNote, mix};
use std::time::Duration;

pub use quorate_testbed::{Dice, TestWorld as World, WorldNode};

/// Messages between honest nodes arrive within this.
pub const DELTA: Duration = Duration::from_millis(10);

/// A world of honest nodes.
pub fn honest<P: Protocol>(n: u8, seed: u64, config: impl Fn(NodeId) -> P::Config) -> World<P> {
    let mut world = TestWorld::new(n, seed, config);
    world.dice = Dice(mix(seed ^ 0x51ce_b00d));
    world.transit = Box::new(|dice, _, _, _, _| Some(any_delay(dice)));
    world
}

/// Any delay up to [`DELTA`].
pub fn any_delay(dice: &mut Dice) -> Duration {
    Duration::from_micros(1 + dice.below(9_999))
}

/// Every message takes as long as every other: transcripts read best like this.
pub fn lock_step<M>() -> TransitTime<M> {
    Box::new(|_, _, _, _, _| Some(DELTA))
}

/// Shows outputs, and the messages that `describe` has words for when they are sent.
pub fn sends<P: Protocol>(describe: fn(&P::Message) -> Option<String>) -> Option<Printer<P>>
where
    P::Message: 'static,
{
    Some(Box::new(move |_, note| match note {
        WorldNote::Sent(from, to, message, lost) => describe(message).map(|message| {
            let fate = if lost { " (lost)" } else { "" };
            format!("{from} → {to} {message}{fate}")
        }),
        WorldNote::Output(node, output) => Some(format!("{node} outputs {output:?}")),
        _ => None,
    }))
}
