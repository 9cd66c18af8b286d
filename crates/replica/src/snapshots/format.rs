//! A machine as a stream of bytes.
//!
//! The bytes are a function of the state alone: every replica at the same index has the same ones.
//! The stream is a sequence of frames, which are cut by what they hold; the stream is cut into
//! chunks anywhere. Numbers are little-endian.
//!
//! ```text
//! frame:  0  4  n, the length of kind and body
//!         4  8  XXH3-64 of kind and body, seeded with the frame's place in the stream
//!        12  1  kind
//!        13     body, n - 1 bytes
//!
//! kind 1  the head, once: format version (1 byte), then settings, how far the log is applied,
//!         feature level and the digest of the machine, as postcard writes them
//! kind 2  sessions, each followed by its answers, in order: items as postcard writes them, whole
//! kind 3  a block of the store (`quorate_kv::SnapshotWriter`)
//! ```
//!
//! A frame is closed when it has [`FRAME_BYTES`] bytes, and so is longer by less than one item or
//! record. No frame holds more than that, however large the state: there is none that a reader
//! would have to hold whole.

mod reader;
mod writer;

pub use reader::{MachineReader, SnapshotError};
pub use writer::MachineWriter;
pub(crate) use writer::{Mark, Marks};

use crate::machine::AppliedPosition;
use crate::sessions::{Kept, SessionId};
use crate::settings::Settings;
use serde::{Deserialize, Serialize};

const FORMAT: u8 = 2;

/// A frame is closed when it has so many bytes.
const FRAME_BYTES: usize = 64 << 10;

/// The largest item or record: a value cannot be larger than the record of the log that brought it,
/// and an answer cannot be larger than one value, unless the settings say so.
const MAX_ITEM: usize = 64 << 20;

/// Length and checksum.
const FRAME_HEADER: usize = 12;

const HEAD: u8 = 1;
const SESSIONS: u8 = 2;
const STORE: u8 = 3;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Head {
    settings: Settings,
    applied: AppliedPosition,
    level: u16,
    digest: u64,
}

#[derive(Deserialize)]
enum Item {
    Session {
        id: SessionId,
        used: u64,
        settled: u64,
    },
    /// Of the session before it.
    Answer { seq: u64, index: u64, kept: Kept },
}

/// As [`Item`], borrowed; the encodings are the same.
#[derive(Serialize)]
enum ItemRef<'a> {
    Session {
        id: SessionId,
        used: u64,
        settled: u64,
    },
    Answer {
        seq: u64,
        index: u64,
        kept: &'a Kept,
    },
}

#[cfg(test)]
mod tests;
