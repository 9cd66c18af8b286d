//! The world of these tests: one configuration for all nodes, and a transcript that shows what
//! arrives.

use quorate_core::Protocol;
use quorate_testbed::{Printer, WorldNote};
use std::time::Duration;

pub use quorate_testbed::{Dice, TestWorld as World, WireProfile, WorldEvent as Event, on_time};

pub const ZERO: Duration = Duration::ZERO;
pub const MS: Duration = Duration::from_millis(1);

/// The least span.
pub const NS: Duration = Duration::from_nanos(1);

pub const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A world whose nodes have started. Its tests ask whether an invariant was violated.
pub fn lab_world<P: Protocol>(
    config: P::Config,
    size: u8,
    seed: u64,
    profile: WireProfile,
) -> World<P> {
    let mut world = World::new(size, seed, |_| config.clone());
    world.profile = Some(profile);
    world.strict = false;
    // The first events are the starts of the nodes.
    (0..size).for_each(|_| assert!(world.turn()));
    world
}

/// Shows what arrives, what is lost, and what the layer above says and hears.
pub fn arrivals<P: Protocol>() -> Option<Printer<P>> {
    Some(Box::new(|now, note| {
        let text = match note {
            WorldNote::Sent(from, to, message, true) => {
                format!("{from} ⇢ {to}  {message:?} is lost")
            }
            WorldNote::Sent(..) => return None,
            WorldNote::Delivered(from, to, message) => format!("{from} → {to}  {message:?}"),
            WorldNote::Forged(from, to, message) => {
                format!("{to} is told in the name of {from}: {message:?}")
            }
            WorldNote::Request(node, request) => format!("{node} is asked {request:?}"),
            WorldNote::Output(node, output) => format!("{node} says {output:?}"),
            WorldNote::Crash(node) => format!("{node} crashes"),
            WorldNote::Restart(node) => format!("{node} recovers"),
        };
        let time = format!("{:.1} ms", now.as_nanos() as f64 / 1e6);
        Some(format!("{time:<10} {text}"))
    }))
}
