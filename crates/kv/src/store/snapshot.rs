//! The state as a sequence of blocks.
//!
//! The bytes are a function of the state alone. A block holds whole records: the layer that carries
//! blocks frames them, checks that none is damaged or missing, and may cut that stream anywhere. Numbers
//! are little-endian.
//!
//! ```text
//! first block: the header
//! offset  size
//!      0     4  magic "QKVS"
//!      4     1  format version, 2
//!      5     8  revision
//!     13     8  compacted revision, -1 for none
//!     21     8  floor: where compaction has got to, revision
//!     29     4         and the place among the changes of that revision
//!     33     8  number of records
//!     41     8  digest of the state
//!
//! further blocks: records, ordered by key, revision and place, one at least
//!      0     8  revision of the change
//!      8     4  its place among the changes of that revision
//!     12     8  create revision, 0 for a deletion
//!     20     8  version, 0 for a deletion
//!     28     8  lease, 0 for none
//!     36     4  length of the key
//!     40     4  length of the value
//!     44        key, value
//! ```
//!
//! The digest is compared with the one of the store that was read, so that a reader never has
//! something else than the writer had; the checks of each record keep a wrong snapshot with a right
//! digest from becoming a state that the store's own rules exclude.

mod reader;
mod writer;

pub use reader::{SnapshotError, SnapshotReader};
pub use writer::{SnapshotCursor, SnapshotWriter};

const MAGIC: [u8; 4] = *b"QKVS";
const VERSION: u8 = 2;
const HEADER_BYTES: usize = 49;
const RECORD_BYTES: usize = 44;
