//! A replica's files: whose directory it is, and the storage of its log in it.

mod delayed;
mod directory;
mod files;

pub use delayed::{DelayedStorage, DiskStall};
pub use directory::{DataDir, DirectoryError, Owner, lock};
pub use files::FileStorage;
