//! The state as a stream of bytes.
//!
//! Numbers are little-endian. The stream is cut into chunks anywhere.
//!
//! ```text
//! offset  size
//!      0     4  magic "QKVS"
//!      4     1  format version, 1
//!      5     8  revision
//!     13     8  compacted revision, -1 for none
//!     21     8  floor: where compaction has got to, revision
//!     29     4         and the place among the changes of that revision
//!     33     8  number of records
//!     41     8  sum of the hashes of the records (the core of the state digest)
//!     49        the records, ordered by key, revision and place
//!                    0  8  revision of the change
//!                    8  4  its place among the changes of that revision
//!                   12  8  create revision, 0 for a deletion
//!                   20  8  version, 0 for a deletion
//!                   28  8  lease, 0 for none
//!                   36  4  length of the key
//!                   40  4  length of the value
//!                   44     key, value
//!    end     8  XXH3-64 of everything before
//! ```
//!
//! The checksum finds what was damaged on the way; the sum of hashes finds a reader that built
//! something else than the writer had; the checks of each record keep a wrong snapshot with a
//! right checksum from becoming a state that the store's own rules exclude.

mod reader;
mod writer;

pub use reader::{SnapshotError, SnapshotReader};
pub use writer::SnapshotWriter;

const MAGIC: [u8; 4] = *b"QKVS";
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 49;
const RECORD_BYTES: usize = 44;
const CHECKSUM_BYTES: usize = 8;

/// The longest key or value that a reader accepts, so that a wrong length cannot make it wait for
/// the rest of the stream.
const MAX_FIELD: u32 = 1 << 30;
