//! Disks, sector by sector, under the real log.

mod file;
mod replica_disk;
mod storage;
#[cfg(test)]
mod tests;

pub use file::CrashDamage;
pub use replica_disk::ReplicaDisk;
pub use storage::{FaultKind, SharedStorage, SimStorage};
