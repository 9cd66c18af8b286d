//! A replica's files: whose directory it is, and the storage of its log in it.

mod directory;
mod durable;
mod files;
mod hooked;
mod identity;
mod quarantine;
mod tracked;

pub use directory::{DataDir, DirectoryError, lock, stored_identity};
pub use durable::{FileOps, RealFiles, create_dir_durably, partial_of, write_durably};
pub use files::FileStorage;
pub use hooked::{Hang, HookedStorage, StorageOp, delayed, hanging};
pub use identity::{Identity, State};
pub use quarantine::quarantine;
pub use tracked::TrackedFiles;
