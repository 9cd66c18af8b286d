//! What a link is: the interface that every layer has.

use crate::refusal::LinkRefusal;
use quorate_core::{NodeId, Time, Value};
use serde::{Deserialize, Serialize};
use std::fmt::{self, Debug};
use std::time::Duration;

/// One life of a node, from a start to the next crash: 1, 2, 3… It never goes back, so it is on
/// disk before the first packet of that life is sent. A node that lost its disk and counts from 1
/// again is refused by all who knew it (amnesia is not crash-recovery): it has to come back as
/// another node, or with an epoch over all that it ever had.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The next life.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "e{}", self.0)
    }
}

/// Where one end of a link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoints {
    /// The node whose end this is.
    pub me: NodeId,
    /// The node at the other end.
    pub peer: NodeId,
    /// Which life of `me` this is.
    pub epoch: Epoch,
}

/// Must what is sent wait for this node's disk?
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// It says something of what is on this node's disk, and waits until that is durable: each
    /// time that it is sent.
    Gated,
    /// It claims nothing about the disk.
    Eager,
}

/// What one end of a link asks of its driver. Filled by [`Link::flush`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LinkOutput<K> {
    /// The packets to put on the wire, in order.
    pub packets: Vec<(Lane, K)>,
    /// A change of this end's one timer: `Some((min, max))` arms it (again), `None` disarms it.
    pub timer: Option<Option<(Duration, Duration)>>,
}

impl<K> Default for LinkOutput<K> {
    fn default() -> Self {
        Self {
            packets: vec![],
            timer: None,
        }
    }
}

/// A message that the link did not take. Nothing of it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SendError<M> {
    /// The message, given back.
    pub message: M,
    /// Why.
    pub why: LinkRefusal,
}

/// What a packet that was taken told about the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Received {
    /// It belongs to the session that was there.
    SameSession,
    /// It is the first that was heard of the peer in this life of ours.
    FirstContact,
    /// The peer has crashed and come back. What it had not acknowledged is sent to its new life;
    /// what its old life acknowledged is gone with it unless it wrote it down.
    PeerRestarted,
}

/// One end of a link to one peer, as a value: it takes messages from the layer above and packets
/// from the wire, and gives the other of each.
///
/// Time is an input, the timer's moment is drawn by the driver from the range that is asked for,
/// and nothing is put on the wire before [`Link::flush`].
pub trait Link<M: Value>: Value {
    /// What is fixed: windows, bounds, times, keys.
    type Config: Clone + Debug;
    /// What crosses the wire.
    type Packet: Value;

    /// How many bytes a packet is at most longer than the message in it, in postcard's encoding.
    const OVERHEAD: usize;

    /// A new end, knowing nothing of the peer.
    fn open(config: &Self::Config, ends: Endpoints) -> Self;

    /// Takes a message for the peer.
    ///
    /// # Errors
    /// When a bound is reached: the message is given back, never dropped in silence.
    fn send(&mut self, now: Time, message: M, urgency: Lane) -> Result<(), SendError<M>>;

    /// Takes a packet that arrived as from the peer, and puts what is to be delivered into `inbox`.
    ///
    /// # Errors
    /// When the packet is not believed or not needed. An answer may be due all the same.
    fn on_packet(
        &mut self,
        now: Time,
        packet: Self::Packet,
        inbox: &mut Vec<M>,
    ) -> Result<Received, LinkRefusal>;

    /// The timer ran out.
    fn on_timer(&mut self, now: Time);

    /// Says what to put on the wire. Called once after each burst of the functions above.
    fn flush(&mut self, now: Time, out: &mut LinkOutput<Self::Packet>);

    /// Checks the bounds and the bookkeeping of this end.
    ///
    /// # Errors
    /// The name of the first invariant that is violated, with the figures.
    fn check_invariants(&self) -> Result<(), String> {
        Ok(())
    }
}
