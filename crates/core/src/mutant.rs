//! Seeded defects, by name.

use serde::{Deserialize, Serialize};

/// One defect seeded into our own correct code, so that the lab can show that it finds it.
///
/// The branches are compiled in only with the feature `mutants`, which tests enable and the
/// product does not: without it, [`Mutant::is`] is the constant `false`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mutant {
    /// No defect: what serves.
    #[default]
    None,
    /// An answer leaves before the log is synced (doc 000, "skipping fsync").
    NoSyncBeforeAck,
    /// A vote is given and not written down (nebula#3415).
    VoteNotPersisted,
    /// An entry of an older term is committed by counting replicas (Raft, figure 8).
    OldTermCommit,
    /// A leader answers a read without confirming that it still leads (etcd#741).
    ReadWithoutReadIndex,
    /// A record that was torn by a crash is taken for whole.
    TornTailAccepted,
    /// A retried request is applied again.
    DuplicateApplied,
}

impl Mutant {
    /// Every defect, [`Mutant::None`] left out.
    pub const ALL: [Self; 6] = [
        Self::NoSyncBeforeAck,
        Self::VoteNotPersisted,
        Self::OldTermCommit,
        Self::ReadWithoutReadIndex,
        Self::TornTailAccepted,
        Self::DuplicateApplied,
    ];

    /// Is this the seeded defect? Always `false` in the product.
    #[inline]
    pub fn is(self, defect: Self) -> bool {
        cfg!(feature = "mutants") && self == defect
    }
}
