//! One driver for the tests of protocols, in one thread: nodes with a gate and a disk each, a wire,
//! time that passes when the test says so. It knows no protocol. Tests depend on it; nothing that
//! serves does.
//!
//! Two ways to drive, over the same [`DrivenNode`]:
//!
//! - [`TestWorld`]: a queue of events in the order of their times. Chance comes from one seed;
//!   messages take a time, are lost or come twice; disks take a time to sync; nodes crash, lie, or
//!   have twins.
//! - by hand: the test keeps [`DrivenNode`]s and [`TestWire`] packets, and says what arrives when.
//!   [`Deadlines`] are its timers.
//!
//! `quorate_sim` is the other world: whole replicas, clients, checkers, recordings. It stands above
//! the protocol crates, whose own tests need something below them.

mod deadlines;
mod dice;
mod disk;
mod node;
mod profile;
mod wire;
mod world;

pub use deadlines::Deadlines;
pub use dice::{Dice, mix};
pub use disk::VecDisk;
pub use node::{DrivenNode, NodeBurst, Ready, RecordFor};
pub use profile::WireProfile;
pub use wire::{TestWire, Transit};
pub use world::{
    Printer, Tamper, TestWorld, TransitTime, WorldEvent, WorldNode, WorldNote, on_time,
};
