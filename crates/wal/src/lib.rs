//! The write-ahead log of a replica: segmented, checksummed, hash-chained records over a
//! [`Storage`].
//!
//! It promises: what `sync` reported durable is recovered, in order; what is recovered was
//! appended, in order, without a gap; a torn tail is cut, and damage to what was durable is refused
//! and never guessed at.
//!
//! It never touches a file, a clock or a thread itself, and never tries again what has failed: a
//! failed write or sync is final for the process.
//!
//! The surface being built over [`Storage`]:
//!
//! ```text
//! Recovery::new(storage, config) -> Recovery<S>                 no I/O yet
//!     .next() -> Result<Option<(Lsn, &[u8])>, Error>            streams every record, in order
//!     .progress() -> Progress { read, total }                   bytes
//!     .finish() -> Result<(Wal<S>, Summary), Error>             rest of the log, cut, synced; ready
//!     .into_storage() -> S
//! Wal<S>
//!     .append(&[u8]) -> Result<Lsn, Error>                      buffered; a batch that is full is written
//!     .write() -> Result<(), Error>                             hands the batch to the file
//!     .sync() -> Result<Lsn, Error>                             all that was written is durable
//!     .seal() -> Result<(), Error>                              idle marker: proves the last sync
//!     .roll() -> Result<SegmentNo, Error>                       durable so far; new segment
//!     .last() .written() .durable() -> Lsn
//!     .segment_of(Lsn) -> Option<SegmentNo>   .active() -> SegmentNo
//!     .remove_segments_before(SegmentNo) -> Result<(), Error>
//!     .storage() .storage_mut() .into_storage()
//! ```
//!
//! Several `write`s may share one `sync`. `roll`, and a `write` that does not fit in its segment,
//! sync what came before.

mod config;
mod error;
mod storage;

pub use config::{Config, Identity, Lsn, SegmentNo};
pub use error::Error;
pub use storage::{FileId, Storage};
