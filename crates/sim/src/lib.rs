//! One seed, one world.

mod clock;
pub mod decisions;
pub mod disk;
mod network;
mod queue;
mod rolling;
mod slab;
mod timers;

pub use clock::Clock;
pub use decisions::Decisions;
pub use network::{Delay, Flight, Link, Network, Traffic};
pub use queue::Queue;
pub use rolling::Rolling;
pub use slab::Slab;
pub use timers::{Due, Timers};
