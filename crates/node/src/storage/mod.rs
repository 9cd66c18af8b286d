//! A replica's files: whose directory it is, and the storage of its log in it.

mod delayed;
mod directory;
mod durable;
mod files;
mod identity;
mod quarantine;

pub use delayed::DelayedStorage;
pub use directory::{DataDir, DirectoryError, lock};
pub use durable::{FileOps, RealFiles, create_dir_durably, partial_of, write_durably};
pub use files::FileStorage;
pub use identity::{Identity, State};
pub use quarantine::quarantine;
