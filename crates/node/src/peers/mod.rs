//! Connections between replicas: one for each direction, over TCP.
//!
//! To the protocol these are fair-loss links (doc 000): a message arrives whole and unchanged, or
//! not at all; it may be lost, and two kinds of message may overtake one another. What is lost is
//! counted. Nothing here is secret or proves who speaks: a contract with liars needs
//! authenticated links, and this crate is not started under one.
//!
//! What goes over the wire is drawn in [`frame`] and [`handshake`]. Whatever does not look like
//! that closes the connection, with a line in the log that says why, and harms nothing.

pub mod frame;
pub mod handshake;
mod incoming;
mod listen;
mod membership;
pub(crate) mod offers;
mod outbox;
mod outgoing;
mod registry;
mod stats;

pub use crate::forming::{FormingAnswer, Offer};
pub use incoming::{Receiver, accept};
pub(crate) use listen::listen;
pub use membership::Membership;
pub use outbox::{Bounds, Outbox};
pub use registry::Peers;
pub use stats::{PeerSnapshot, PeerStats};

use quorate_contract::Cluster;
use quorate_core::NodeId;
use quorate_replica::Roster;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// A message that these connections can carry.
pub trait Wire: Serialize + DeserializeOwned + Send + 'static {
    /// Does it carry data (and so may be large, and wait behind its like)? What does not goes
    /// first, so that a sign of life is never stuck behind a snapshot.
    fn is_bulk(&self) -> bool;

    /// About how many bytes it takes.
    fn weight(&self) -> usize;
}

/// Who we are to our peers. It does not change while we run.
#[derive(Clone, Debug)]
pub struct Local {
    /// Our number.
    pub me: NodeId,
    /// Our member id.
    pub member_id: u64,
    /// Where our peers reach us, as `HOST:PORT`.
    pub address: String,
    /// Who founded the cluster: told to founders that ask late.
    pub founding: Roster,
    /// The members by the contract that we run under, which may have moved founders.
    pub cluster: Cluster,
    /// A digest of the whole contract. Peers with another one are served, with a warning: during
    /// a change of addresses two versions are about.
    pub contract: u64,
    /// The largest frame that is accepted, in bytes.
    pub max_frame: usize,
}

/// How long a stranger may take to introduce itself.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long it may take until a connection is there.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Unacknowledged data for this long: the connection is given up (TCP_USER_TIMEOUT, RFC 5482).
pub(crate) const DEAD_AFTER: Duration = Duration::from_secs(5);

/// How often the sender asks for an echo: measures the round trip, keeps the connection busy.
pub(crate) const PING_EVERY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
