//! What clients do besides asking for values, and what they must never see.

mod reads;
mod sessions;
mod store;

pub use reads::ReadLoad;
pub use sessions::ClientSessions;
pub use store::LeaderWrites;

pub(crate) use reads::ReadClient;
pub(crate) use sessions::StateMachine;
pub(crate) use store::ExternalStore;

/// What clients do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clients {
    /// A node that believes it is the leader writes to a store outside.
    pub leader_writes: Option<LeaderWrites>,
    /// Somebody reads.
    pub reads: Option<ReadLoad>,
    /// The values are applied by a state machine.
    pub sessions: Option<ClientSessions>,
}
