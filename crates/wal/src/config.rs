//! How large the pieces of a log are.

use quorate_core::Mutant;

use crate::format::{RECORD_HEADER, SECTOR_MAX, SECTOR_MIN};
use crate::ids::Identity;

/// Sizes and identity of a log. Sizes outside their range are taken as the nearest inside.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whose log it is.
    pub identity: Identity,
    /// Size of a segment in bytes, preallocated. A single batch that does not fit makes its segment
    /// larger. Default: 64 MiB.
    pub segment_bytes: u64,
    /// Every batch starts on a multiple of this many bytes, so that writing it never rewrites a
    /// sector that holds durable records. A power of two from 512 to 65,536; applies to segments
    /// that are created from here on. Default: 4,096.
    pub sector: u32,
    /// The largest record accepted, when writing and when reading, in bytes. Default: 64 MiB; at
    /// most 1 GiB.
    pub max_record: u32,
    /// A batch that would grow larger than this many bytes is handed to the file before the record
    /// that would not fit; a single record may be larger. Default: 4 MiB.
    pub max_batch: u32,
    /// Whether the log was begun before. An empty directory is then a loss and not a new log: the
    /// owner keeps this where it survives the loss of the directory. Default: no.
    pub must_exist: bool,
    /// A seeded defect; [`Mutant::None`] in all that serves.
    pub mutant: Mutant,
}

impl Config {
    /// The defaults, for this replica.
    pub fn new(identity: Identity) -> Self {
        Config {
            identity,
            segment_bytes: 64 << 20,
            sector: 4096,
            max_record: 64 << 20,
            max_batch: 4 << 20,
            must_exist: false,
            mutant: Mutant::None,
        }
    }

    pub(crate) fn in_range(self) -> Self {
        let sector = self
            .sector
            .clamp(SECTOR_MIN, SECTOR_MAX)
            .next_power_of_two();
        Config {
            identity: self.identity,
            segment_bytes: self.segment_bytes.max(2 * u64::from(sector)),
            sector,
            max_record: self.max_record.min(RECORD_LIMIT),
            max_batch: self.max_batch.min(RECORD_LIMIT),
            must_exist: self.must_exist,
            mutant: self.mutant,
        }
    }

    /// The largest body of a batch, when writing and when reading.
    pub(crate) fn max_body(&self) -> u32 {
        self.max_batch.max(self.max_record + RECORD_HEADER as u32)
    }
}

const RECORD_LIMIT: u32 = 1 << 30;
