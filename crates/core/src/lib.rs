//! The contract between a protocol and whatever drives it.
//!
//! A protocol is a value with two entry points, [`Protocol::step`] and [`Protocol::flush`]. It is
//! told the time, the message, the timer or the request; it answers by filling a reused buffer of
//! [`Effects`]. The same two functions are entered by the simulator, by the search and by the
//! process that serves, so that what is tested is what runs.
//!
//! Two rules are carried by types rather than by review:
//!
//! 1. What must survive a crash changes only by writing a record: [`Journaled`] has no `DerefMut`.
//! 2. A message leaves only after everything written before it is durable: it waits in the
//!    [`driver::Gate`], messages to oneself included, and comes out as a [`driver::Released`],
//!    which only the gate can make. The few messages that claim nothing about the sender's disk
//!    have a type of their own, [`Protocol::Eager`].
//!
//! [`replicated`] is the vocabulary of a replicated log: what the machine above a protocol that
//! orders entries asks and is told, with the configuration of its members.
//!
//! This crate never knows a protocol, never reads a clock, never does I/O, never draws a random
//! number. Start reading at [`Protocol`], then [`Effects`], then [`driver`].

pub mod driver;
mod effects;
mod id;
mod ignored;
mod journal;
mod mutant;
mod protocol;
pub mod replicated;
mod time;

pub use effects::Effects;
pub use id::{NodeId, NodeSet, To};
pub use ignored::Ignored;
pub use journal::{Hard, Journaled};
pub use mutant::Mutant;
pub use protocol::{Coin, Input, Never, Protocol, Value};
pub use time::Time;
