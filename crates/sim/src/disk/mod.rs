//! Disks, sector by sector.

mod file;
mod storage;
#[cfg(test)]
mod tests;

pub use file::CrashDamage;
pub use storage::{FaultKind, SimStorage};
