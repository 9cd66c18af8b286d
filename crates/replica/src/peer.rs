//! What replicas say to each other.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A message between two replicas of a protocol whose own messages are `M`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PeerMessage<M> {
    /// The protocol's own.
    Protocol(M),
    /// Writes for the leader to propose, each an encoded entry. A replica that does not lead
    /// drops them, and counts that; whoever forwarded them sends them again.
    Forward(Vec<Bytes>),
    /// The digest of the sender's state after applying `index`: replicas that applied the same
    /// log to the same state must agree (doc 003: are content checksums consistent?).
    Digest {
        /// The last applied log index of that state.
        index: u64,
        /// Its digest.
        digest: u64,
    },
}
