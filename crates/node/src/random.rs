//! Numbers that no one else has.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A number that no other run has: the keys of `RandomState` come from the system.
pub(crate) fn nonce() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// An id for a cluster or a member: random, and never 0.
pub(crate) fn random_id() -> u64 {
    nonce().max(1)
}
