//! Why a packet or a message was not taken.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a packet or a message was not taken. Each is an expected event: to be counted, not feared.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Error,
)]
#[serde(rename_all = "kebab-case")]
pub enum LinkRefusal {
    /// The packet is of a life of the peer that is over.
    #[error("from an earlier life of the peer")]
    StaleSender,
    /// The packet is meant for an earlier epoch of this node, or names none.
    #[error("meant for another life of this node")]
    StaleReceiver,
    /// The message has been delivered, or is held for delivery.
    #[error("a duplicate")]
    Duplicate,
    /// The message is too far ahead of what is missing. The sender sends it again when it may.
    #[error("beyond the reorder window")]
    BeyondWindow,
    /// The packet says what no correct peer can say.
    #[error("impossible: acknowledges what was never sent, or numbers a message 0")]
    Impossible,
    /// The seal is not that of the peer on these bytes to this node.
    #[error("the seal does not fit")]
    BadSeal,
    /// The seal fits and the bytes are not a packet.
    #[error("not a packet")]
    Malformed,
    /// More bytes than the bound.
    #[error("larger than the bound")]
    TooLarge,
    /// No key is shared with the peer.
    #[error("no key is shared with the peer")]
    NoKey,
    /// So many messages wait for the peer already.
    #[error("the send buffer is full")]
    BufferFull,
    /// The sender is not a node of this cluster, or a frame that a node sends only to itself came
    /// from another.
    #[error("not a peer")]
    NotAPeer,
}
