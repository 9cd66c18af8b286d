//! The write-ahead log of a replica: segmented, checksummed, hash-chained records over a
//! [`Storage`].
//!
//! It promises: what [`Wal::sync`] reported durable is recovered, in order; what is recovered was
//! appended, in order, without a gap; a torn tail is cut, and damage to what was durable is refused
//! and never guessed at; segments that are missing at either end are missed. [`Recovery`] says where
//! the line runs.
//!
//! It never touches a file, a clock or a thread itself, never tries again what has failed (a failed
//! write or sync is final for the process), and never reads what it wrote before the next recovery.
//!
//! Start reading at [`Storage`], what a disk may do; then [`Wal`], [`Recovery`], and the module
//! `format`, where every byte on disk is drawn.
//!
//! ```
//! use quorate_wal::{Config, Identity, Lsn, Recovery, testing::MemStorage};
//!
//! # fn main() -> Result<(), quorate_wal::Error> {
//! let config = Config::new(Identity { cluster: 7, replica: 1 });
//! let (mut wal, _) = Recovery::new(MemStorage::new(), config.clone()).finish()?;
//! wal.append(b"vote for 2 in term 5")?;
//! wal.write()?;
//! assert_eq!(wal.sync()?, Lsn(1)); // now it may be said aloud
//!
//! let mut recovery = Recovery::new(wal.into_storage(), config);
//! while let Some((lsn, record)) = recovery.next()? {
//!     assert_eq!((lsn, record), (Lsn(1), &b"vote for 2 in term 5"[..]));
//! }
//! let (wal, summary) = recovery.finish()?;
//! assert_eq!((wal.durable(), summary.torn), (Lsn(1), None));
//! # Ok(())
//! # }
//! ```

mod config;
mod error;
pub mod format;
mod ids;
mod log;
mod recovery;
mod span;
mod storage;
pub mod testing;
mod window;

pub use config::Config;
pub use error::Error;
pub use ids::{Identity, Lsn, SegmentNo};
pub use log::Wal;
pub use recovery::{Progress, Recovery, Summary, TornTail};
pub use storage::{FileId, Storage};
