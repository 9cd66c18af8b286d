//! What is counted about a peer, and what its two connections tell each other.

use quorate_etcd::metrics::Histogram;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::Notify;

/// Counts about one peer, from any thread.
#[derive(Debug, Default)]
pub struct PeerStats {
    pub(crate) connected: AtomicBool,
    pub(crate) sent_bytes: AtomicU64,
    pub(crate) received_bytes: AtomicU64,
    /// Messages lost for want of a connection or of room, on the way there and on the way back.
    pub(crate) dropped: AtomicU64,
    /// Connections made.
    pub(crate) connections: AtomicU64,
    /// Times from a ping to its echo.
    pub(crate) round_trips: Histogram,
    /// Rung when the peer has connected to us: it can be reached again, so a task that waits before the
    /// next attempt to reach it need not.
    pub(crate) appeared: Notify,
}

/// [`PeerStats`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerSnapshot {
    /// Is there a connection to the peer, for us to send?
    pub connected: bool,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Messages dropped for want of a connection or of room, to the peer and from it.
    pub dropped: u64,
    /// Connections made to the peer.
    pub connections: u64,
}

impl PeerStats {
    /// The counts now.
    pub fn snapshot(&self) -> PeerSnapshot {
        PeerSnapshot {
            connected: self.connected.load(Ordering::Relaxed),
            sent_bytes: self.sent_bytes.load(Ordering::Relaxed),
            received_bytes: self.received_bytes.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            connections: self.connections.load(Ordering::Relaxed),
        }
    }
}

pub(crate) fn add(counter: &AtomicU64, n: usize) {
    counter.fetch_add(n as u64, Ordering::Relaxed);
}
