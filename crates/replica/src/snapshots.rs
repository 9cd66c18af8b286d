//! The snapshot room: everything between a frozen state machine and its bytes.
//!
//! Four things happen here. This replica's own *checkpoint* is encoded and goes into the log chunk
//! by chunk. *Transfers* to followers that are too far behind each keep the frozen state that they
//! began with. An *installation* builds a machine from the pieces that come. What is no longer
//! needed is *retired*. All that takes time with the size of the state, dropping it included, is a
//! [`Job`] for the driver, which may run it elsewhere; a replica never waits for one.
//!
//! Everything here is a value. A job is named by what it is for and where it stands in its stream:
//! the bytes of a snapshot are a function of the state, so that an answer that is late is either
//! what is wanted or recognised as stale.

mod checkpoint;
mod format;
mod incoming;
mod job;
mod outgoing;

pub(crate) use checkpoint::{CheckpointTurn, Checkpointer, Piece};
pub use format::{MachineReader, MachineWriter, SnapshotError};
pub(crate) use format::{Mark, Marks};
pub(crate) use incoming::{Incoming, Installed};
pub use job::{Job, JobDone};
pub(crate) use job::{JobResult, SnapshotUse, retire};
pub(crate) use outgoing::Outgoing;

use crate::machine::Machine;

/// What a replica has to do with snapshots.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Snapshots {
    pub(crate) checkpoint: Checkpointer,
    pub(crate) outgoing: Outgoing,
    pub(crate) incoming: Incoming,
}

impl Snapshots {
    /// With the machine as of the snapshot that the log begins with.
    pub(crate) fn new(machine: Machine) -> Self {
        Self {
            checkpoint: Checkpointer::new(&machine),
            outgoing: Outgoing::new(machine),
            incoming: Incoming::default(),
        }
    }
}
