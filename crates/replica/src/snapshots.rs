//! Snapshots of the state machine.

mod format;

pub(crate) use format::Marks;
pub use format::{MachineReader, MachineWriter, SnapshotError};
