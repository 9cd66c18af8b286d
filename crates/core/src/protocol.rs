//! The protocol: a value that is told what happened and says what to do.

use crate::effects::Effects;

use crate::id::NodeId;

use crate::journal::{Hard, Journaled};

use crate::time::Time;
use std::fmt::Debug;
use std::hash::Hash;

/// What messages, timers and requests are: plain values that can be cloned, shown, compared and
/// hashed, and therefore recorded, replayed, searched and handed to an adversary.
pub trait Value: Clone + Debug + Eq + Hash {}
impl<T: Clone + Debug + Eq + Hash> Value for T {}

/// Nothing of this type can be made. `type Eager = Never` says: every message waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Never {}

/// Whose coin is flipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coin {
    /// This node's own: independent of everybody else's (Ben-Or 1983).
    Local,
    /// One that shows every node the same value for the same tag, and none before the first
    /// correct node asks for it (Rabin 1983). The driver stands in for whatever deals it.
    Common,
}

/// Everything that can happen to a protocol.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input<P: Protocol> {
    /// The node starts, for the first time or after a crash. Given once, before all else.
    Start,
    /// A message came. The driver vouches for `from` only as far as the contract's links do.
    Message(NodeId, P::Message),
    /// A timer that was armed, and neither re-armed nor disarmed since, has run out.
    Timer(P::Timer),
    /// The layer above asks for something.
    Request(P::Request),
    /// The answer to [`Effects::flip`](crate::Effects::flip).
    Coin {
        /// As asked.
        tag: u64,
        /// Uniform over all values.
        value: u64,
    },
}

/// A deterministic state machine that takes part in a distributed protocol.
///
/// The same inputs give the same effects, on every machine. All that it keeps across a crash is
/// [`Protocol::Hard`]; everything else is rebuilt by [`Protocol::recover`].
pub trait Protocol: Value {
    /// What is fixed for the life of a node: cluster size, timeouts, limits.
    type Config: Clone + Debug;
    /// What survives a crash.
    type Hard: Hard;
    /// What nodes say to each other.
    type Message: Value;
    /// The messages that claim nothing about this node's disk, and so need not wait for it.
    /// [`Never`](crate::Never) unless the protocol's paper argues otherwise.
    type Eager: Value + Into<Self::Message>;
    /// The names of this protocol's timers.
    type Timer: Value + Copy + Ord;
    /// What the layer above may ask.
    type Request: Value;
    /// What the layer above is told.
    type Output: Value;
    /// The outputs that claim nothing about this node's disk: as [`Protocol::Eager`], upwards.
    type EagerOutput: Value + Into<Self::Output>;

    /// The node as it is after a crash (or at first, with an empty `hard`).
    fn recover(config: &Self::Config, me: NodeId, hard: Journaled<Self::Hard>) -> Self;

    /// Takes one input. `now` is this node's own monotonic clock.
    fn step(&mut self, now: Time, input: Input<Self>, out: &mut Effects<Self>);

    /// Called once after each burst of steps: the place to send what the burst accumulated.
    fn flush(&mut self, _now: Time, _out: &mut Effects<Self>) {}

    /// Checks the protocol's local invariants; returns the name of the first one that is violated,
    /// with the figures. Cheap enough for production (doc 002: an impossible state is observable).
    fn check_invariants(&self) -> Result<(), String> {
        Ok(())
    }
}
