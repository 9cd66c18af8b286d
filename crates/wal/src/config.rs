//! Whose log it is and how large its pieces are; the numbers that name records and segments.

use std::fmt;

use quorate_core::Mutant;

use crate::format::RECORD_HEADER;

/// Log sequence number: the first record ever is 1, each next one is one more. Zero stands for
/// "before the first".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

impl Lsn {
    /// The one after.
    pub fn next(self) -> Lsn {
        Lsn(self.0 + 1)
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Number of a segment: the first one is 1, each next one is one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentNo(pub u64);

impl fmt::Display for SegmentNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whose log it is. Written in every segment, so that a directory that was mixed up is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The cluster's id.
    pub cluster: u64,
    /// The replica's id within the cluster.
    pub replica: u64,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "replica {:x} of cluster {:x}",
            self.replica, self.cluster
        )
    }
}

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
            mutant: self.mutant,
        }
    }

    /// The largest body of a batch, when writing and when reading.
    pub(crate) fn max_body(&self) -> u32 {
        self.max_batch.max(self.max_record + RECORD_HEADER as u32)
    }
}

const SECTOR_MIN: u32 = 512;
const SECTOR_MAX: u32 = 65_536;
const RECORD_LIMIT: u32 = 1 << 30;

pub(crate) fn is_sector(bytes: u32) -> bool {
    bytes.is_power_of_two() && (SECTOR_MIN..=SECTOR_MAX).contains(&bytes)
}
