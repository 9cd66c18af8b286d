//! What replicas say to each other.

use crate::membership::{Change, ChangeRefusal};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A message between two replicas of a protocol whose own messages are `M`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PeerMessage<M> {
    /// The protocol's own.
    Protocol(M),
    /// Writes for the leader to propose, each an encoded entry. A replica that does not lead
    /// drops them, and counts that; the node that forwarded them sends them again.
    Forward(Vec<Bytes>),
    /// A change of the members, for the leader to propose. Sent again until the configuration says
    /// that it was made.
    Change {
        /// Names the change.
        nonce: u64,
        /// The change.
        change: Change,
    },
    /// The leader does not make a change.
    ChangeRefused {
        /// As asked.
        nonce: u64,
        /// The reason.
        why: ChangeRefusal,
    },
    /// What software the sender runs, and the digest of its state after applying `index`: replicas that applied the same
    /// log to the same state must agree (doc 003: are content checksums consistent?).
    Digest {
        /// The highest feature level that its software knows.
        software: u16,
        /// The last applied log index of that state.
        index: u64,
        /// Its digest.
        digest: u64,
    },
}
