//! What is fixed for the life of a replica.

use quorate_core::Mutant;
use std::time::Duration;

/// The highest feature level that this version knows. What a level adds to the log or to the
/// state machine may be used only once the cluster is at that level; see
/// [`Configuration::level`](quorate_core::replicated::Configuration).
///
/// | level | adds |
/// |---|---|
/// | 1 | entries of format 1: commands of the store, sessions |
pub const LEVEL: u16 = 1;

/// A replica's configuration, over a protocol whose own is `C`.
#[derive(Clone, Debug)]
pub struct Config<C> {
    /// The protocol's own.
    pub protocol: C,
    /// The bounds on queues and buffers.
    pub limits: Limits,
    /// How often deadlines are looked at, and unanswered writes are sent again. Bounds how late a
    /// timeout is told, never whether an answer is right.
    pub sweep: Duration,
    /// The highest feature level that this software knows: [`LEVEL`] in all that serves.
    pub software: u16,
    /// A number that no other run of any replica has: names this run's own session.
    pub nonce: u64,
    /// A seeded defect; [`Mutant::None`] in all that serves.
    pub mutant: Mutant,
}

/// Bounds, and what happens at each.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests in flight at this replica. Beyond: [`crate::Refusal::TooManyRequests`].
    pub requests: usize,
    /// Bytes of one write, encoded. Beyond: [`crate::Refusal::TooLarge`].
    pub request_bytes: usize,
    /// Bytes that the store may take, about. Beyond: whatever could make it larger is refused as
    /// out of space, while deletes, compactions and reads go on. etcd's --quota-backend-bytes.
    pub store_bytes: u64,
    /// Bytes of writes in one message to the leader, about; one write may be larger. The rest goes
    /// in the next message.
    pub forward_bytes: usize,
    /// Operations of one transaction. Beyond: the store's own refusal.
    pub txn_ops: usize,
    /// Bytes applied since the last checkpoint at which the next one begins.
    pub checkpoint_bytes: u64,
    /// Bytes of a snapshot chunk, about.
    pub chunk_bytes: usize,
    /// The first repetition of an unanswered write waits this long; each further one twice as
    /// long as the one before (doc 002: retries must not amplify load).
    pub retry: Duration,
    /// Bursts waiting for the disk. Beyond: new writes are refused with
    /// [`crate::Refusal::TooManyRequests`].
    pub bursts_waiting: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests: 8192,
            // etcd's --max-request-bytes.
            request_bytes: 1536 * 1024,
            store_bytes: 2 << 30,
            forward_bytes: 1 << 20,
            txn_ops: quorate_kv::DEFAULT_MAX_TXN_OPS,
            checkpoint_bytes: 64 << 20,
            chunk_bytes: 256 << 10,
            retry: Duration::from_millis(500),
            bursts_waiting: 4096,
        }
    }
}
