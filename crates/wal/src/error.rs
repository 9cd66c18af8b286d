//! [`Error`]: everything that can stop a log, in words an operator can act on.

use std::io;
use std::sync::Arc;

use crate::ids::{Identity, Lsn, SegmentNo};

/// Why the log stopped, or would not open.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The storage failed. From here on the log is silent: after a failed sync it is not known which
    /// bytes the disk holds, and asking again would be answered from the page cache.
    #[error("{op} of {file} failed: {source}; restart the replica to recover what is durable")]
    Io {
        /// The operation, as a noun: `write`, `sync`, `create`…
        op: &'static str,
        /// The file's name, or `the directory`.
        file: String,
        /// What the storage said.
        source: Arc<io::Error>,
    },

    /// The storage has no room. Nothing acknowledged is lost.
    #[error("no space left for {op} of {file}; free space and restart the replica")]
    Full {
        /// The operation, as a noun.
        op: &'static str,
        /// The file's name.
        file: String,
    },

    /// Bytes that were durable are damaged. This is not a torn tail: `why` says what proves it.
    #[error(
        "{file} is damaged at byte {offset}{}: {why}. What is lost was durable and may have been \
         acknowledged, so it is not cut off: restore the file, or replace this replica", lsn.map(|lsn| format!(", at record {lsn}")).unwrap_or_default()
    )]
    Corrupt {
        /// The segment's file name.
        file: String,
        /// Byte offset of the damage in the file.
        offset: u64,
        /// The first record that cannot be read, where the damage lets it be known.
        lsn: Option<Lsn>,
        /// What is wrong, and how it is known not to be a torn tail.
        why: String,
    },

    /// A segment that the log had is not there, in the middle or at either end.
    #[error(
        "segment {missing} ({file}) is missing: the log has segments {first} to {last}. What it \
         held may have been acknowledged: restore the file, or replace this replica"
    )]
    MissingSegment {
        /// The first one missing.
        missing: SegmentNo,
        /// Its file name.
        file: String,
        /// The first segment of the log.
        first: SegmentNo,
        /// The last.
        last: SegmentNo,
    },

    /// The directory is empty, and the log was begun before.
    #[error(
        "the directory of the log is empty, and the log was begun. What it held may have been \
         acknowledged: restore its files, or replace this replica"
    )]
    MissingLog,

    /// There are segments, and nothing says how many there were.
    #[error(
        "the file that says which segments the log has (FIRST-LAST.live) is missing, so that lost \
         segments would not be missed: restore the file, or replace this replica"
    )]
    MissingSpan,

    /// A segment was written by another cluster or another replica.
    #[error(
        "{file} belongs to {found}, this is {expected}: point the replica at its own directory"
    )]
    Foreign {
        /// The segment's file name.
        file: String,
        /// Who wrote it.
        found: Identity,
        /// Who reads it.
        expected: Identity,
    },

    /// A segment has a format this version does not know.
    #[error(
        "{file} has log format {found}, this version reads format {supported}: run the version \
         that wrote it, or one that is newer"
    )]
    UnsupportedVersion {
        /// The segment's file name.
        file: String,
        /// The version in its header.
        found: u32,
        /// The version this code reads and writes.
        supported: u32,
    },

    /// A record is larger than [`Config::max_record`](crate::Config::max_record). When it is met
    /// by `append`, the log goes on without it.
    #[error("a record of {len} bytes exceeds the limit of {limit} bytes")]
    RecordTooLarge {
        /// Its size in bytes.
        len: u64,
        /// The limit in bytes.
        limit: u64,
    },
}

impl Error {
    /// Is something lost or damaged that was durable? Trying again won't help then.
    pub fn is_loss(&self) -> bool {
        matches!(
            self,
            Error::Corrupt { .. }
                | Error::MissingSegment { .. }
                | Error::MissingLog
                | Error::MissingSpan
        )
    }

    /// Wraps what a storage said: lack of space is told apart, whatever the operation.
    pub fn from_io(op: &'static str, file: &str, source: io::Error) -> Self {
        let file = file.to_owned();
        if source.kind() == io::ErrorKind::StorageFull {
            Error::Full { op, file }
        } else {
            Error::Io {
                op,
                file,
                source: Arc::new(source),
            }
        }
    }
}
