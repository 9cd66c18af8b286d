//! What a protocol over links says, keeps, waits for and tells.

use crate::link::{Epoch, SendError};

use crate::refusal::LinkRefusal;
use quorate_core::{Hard, NodeId};
use serde::{Deserialize, Serialize};

/// What crosses between nodes, and what a node sends to itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LinkedFrame<K, M> {
    /// A packet of the link.
    Packet(K),
    /// A message of the protocol to its own node: no wire, no link.
    Own(M),
    /// From a node to itself: its epoch is on disk.
    Born(Epoch),
}

/// A frame that need not wait for the disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EagerFrame<K, M>(pub(super) LinkedFrame<K, M>);

impl<K, M> From<EagerFrame<K, M>> for LinkedFrame<K, M> {
    fn from(EagerFrame(frame): EagerFrame<K, M>) -> Self {
        frame
    }
}

/// The timers of a protocol over links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkedTimer<T> {
    /// One of the protocol's own.
    Inner(T),
    /// That of the link to a node.
    Link(NodeId),
}

/// What the layer above is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Delivery<O, M> {
    /// By the protocol.
    Inner(O),
    /// A message of the protocol was refused by the link, for want of room or of a key.
    Unsent(NodeId, SendError<M>),
    /// A packet was refused by the link, as packets are: for a metric.
    Refused(NodeId, LinkRefusal),
    /// A peer has crashed and come back.
    PeerRestarted(NodeId),
}

/// [`Delivery`] that claims nothing about the disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EagerDelivery<O, M>(pub(super) Delivery<O, M>);

impl<O, M> From<EagerDelivery<O, M>> for Delivery<O, M> {
    fn from(EagerDelivery(news): EagerDelivery<O, M>) -> Self {
        news
    }
}

/// What survives a crash: the protocol's own hard state, and how often the node has started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LinkedHard<H> {
    /// The latest life.
    pub epoch: Epoch,
    /// The protocol's.
    pub inner: H,
}

/// One change of [`LinkedHard`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LinkedRecord<R> {
    /// The node started.
    Born(Epoch),
    /// One of the protocol's own.
    Inner(R),
}

impl<H: Hard> Hard for LinkedHard<H> {
    type Record = LinkedRecord<H::Record>;
    fn apply(&mut self, record: &Self::Record) {
        match record {
            LinkedRecord::Born(epoch) => self.epoch = *epoch,
            LinkedRecord::Inner(record) => self.inner.apply(record),
        }
    }
}
