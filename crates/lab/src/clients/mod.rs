//! What clients do besides asking for values, and what they must never see.

mod reads;
mod sessions;
mod store;

pub use reads::Reads;
pub use sessions::Sessions;
pub use store::LeaderWrites;

pub(crate) use reads::Reader;
pub(crate) use sessions::StateMachine;
pub(crate) use store::Store;

/// What clients do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clients {
    /// Whoever takes itself for the leader writes to a store outside.
    pub leader_writes: Option<LeaderWrites>,
    /// Somebody reads.
    pub reads: Option<Reads>,
    /// The values are applied by a state machine.
    pub sessions: Option<Sessions>,
}
