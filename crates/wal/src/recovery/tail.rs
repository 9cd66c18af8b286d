//! What lies behind the last valid batch, and what is done about it.

use super::Recovery;
use crate::error::Error;
use crate::format::BatchHeader;
use crate::ids::Lsn;
use crate::storage::{FileId, Storage};
use crate::window::{CHUNK, read_full};

/// What lies behind the last valid batch.
#[derive(Default)]
pub(super) struct Rest {
    /// Up to the last byte that is not zero.
    pub(super) bytes: u64,
    /// Offset and durable mark of a batch that proves the missing record was durable.
    pub(super) proof: Option<(u64, Lsn)>,
}

impl<S: Storage> Recovery<S> {
    /// Looks through the rest of the segment, sector by sector.
    pub(super) fn scan_rest(&mut self) -> Result<Rest, Error> {
        let sector = self.header().sector as usize;
        let len = self.segments[self.current].len;
        let (salt, start, missing) = (self.salt(), self.end, self.last.next());
        let mut rest = Rest::default();
        let mut at = start;
        while at < len {
            let bytes = self.bytes(at, sector)?;
            if bytes.is_empty() {
                break;
            }
            // Whole sectors, except where the file ends in the middle of one.
            let take = if bytes.len() < sector {
                bytes.len()
            } else {
                bytes.len() / sector * sector
            };
            for (i, piece) in bytes[..take].chunks(sector).enumerate() {
                if is_zero(piece) {
                    continue;
                }
                let offset = at + (i * sector) as u64;
                let used = piece
                    .iter()
                    .rposition(|&b| b != 0)
                    .map_or(0, |last| last as u64 + 1);
                rest.bytes = offset + used - start;
                let header = BatchHeader::decode(piece, (salt, offset));
                if let Some(header) = header.filter(|h| h.durable >= missing) {
                    rest.proof.get_or_insert((offset, header.durable));
                }
            }
            at += take as u64;
            self.progress.read += take as u64;
        }
        Ok(rest)
    }
}

/// Overwrites with zeros what is not zero from `start` to the end of the file.
pub(super) fn erase<S: Storage>(
    storage: &mut S,
    file: FileId,
    start: u64,
    len: u64,
) -> std::io::Result<()> {
    let mut buf = vec![0; len.saturating_sub(start).min(CHUNK as u64) as usize];
    let mut at = start;
    while at < len {
        let want = (len - at).min(CHUNK as u64) as usize;
        let got = read_full(storage, file, at, &mut buf[..want])?;
        if got == 0 {
            break;
        }
        if !is_zero(&buf[..got]) {
            buf[..got].fill(0);
            storage.write_at(file, at, &buf[..got])?;
        }
        at += got as u64;
    }
    Ok(())
}

/// Reads a stretch of a file and writes the same bytes back.
pub(super) fn write_again<S: Storage>(
    storage: &mut S,
    file: FileId,
    start: u64,
    end: u64,
) -> std::io::Result<()> {
    let mut buf = vec![0; end.saturating_sub(start).min(CHUNK as u64) as usize];
    let mut at = start;
    while at < end {
        let want = (end - at).min(CHUNK as u64) as usize;
        let got = read_full(storage, file, at, &mut buf[..want])?;
        if got == 0 {
            break;
        }
        storage.write_at(file, at, &buf[..got])?;
        at += got as u64;
    }
    Ok(())
}

/// Without a branch per byte, so that it runs at the speed of memory.
pub(super) fn is_zero(bytes: &[u8]) -> bool {
    bytes
        .chunks(4096)
        .all(|chunk| chunk.iter().fold(0, |or, &byte| or | byte) == 0)
}
