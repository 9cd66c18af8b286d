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
    /// Votes and acknowledgements are counted by the configuration that the log began with, though
    /// a later one is in the log (Raft §6).
    StaleConfigurationCounted,
    /// In a joint configuration a majority of the new voters decides alone (Raft §6).
    JointNeedsOneMajority,
    /// A learner becomes a voter whatever it lacks of the log (thesis §4.2.1).
    PromotedBeforeCaughtUp,
    /// A node that was removed goes on campaigning, and votes of nodes that are no voters count.
    RemovedNodeVotes,
    /// A snapshot is installed without the configuration that it came with (openraft#1808).
    ConfigurationDroppedBySnapshot,
    /// The answers kept for repetitions are not in the snapshot that a follower installs.
    SessionAnswersLostInASnapshot,
    /// A snapshot's transfer that goes on after a break leaves a chunk out.
    ChunkLostInResume,
    /// A leader whose disk hangs goes on leading.
    StalledLeaderLeads,
    /// A replica whose software is too old for an entry passes over it, where it should stop.
    NewerEntrySkipped,
    /// The leader raises the feature level without asking what software the members run.
    LevelRaisedTooEarly,
    /// A member that has lost its log begins an empty one and votes, where it should refuse to start.
    WipedMemberVotes,
}

impl Mutant {
    /// Every defect, [`Mutant::None`] left out.
    pub const ALL: [Self; 17] = [
        Self::NoSyncBeforeAck,
        Self::VoteNotPersisted,
        Self::OldTermCommit,
        Self::ReadWithoutReadIndex,
        Self::TornTailAccepted,
        Self::DuplicateApplied,
        Self::StaleConfigurationCounted,
        Self::JointNeedsOneMajority,
        Self::PromotedBeforeCaughtUp,
        Self::RemovedNodeVotes,
        Self::ConfigurationDroppedBySnapshot,
        Self::SessionAnswersLostInASnapshot,
        Self::ChunkLostInResume,
        Self::StalledLeaderLeads,
        Self::NewerEntrySkipped,
        Self::LevelRaisedTooEarly,
        Self::WipedMemberVotes,
    ];

    /// Is this the seeded defect? Always `false` in the product.
    #[inline]
    pub fn is(self, defect: Self) -> bool {
        cfg!(feature = "mutants") && self == defect
    }
}
