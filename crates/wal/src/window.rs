//! [`Window`]: reads a file front to back through one buffer, so that a log of any size needs the
//! memory of its largest batch.

use std::io;

use crate::storage::{FileId, Storage};

/// How much is read at a time when batches are smaller.
pub(crate) const CHUNK: usize = 1 << 20;

/// The bytes of a file from `start` on that are in memory.
#[derive(Debug, Default)]
pub(crate) struct Window {
    bytes: Vec<u8>,
    start: u64,
}

impl Window {
    /// Forgets the file it was reading; the memory stays.
    pub(crate) fn reset(&mut self) {
        self.bytes.clear();
        self.start = 0;
    }

    /// The bytes from `offset` on: at least `wanted`, fewer only where the file of length `len`
    /// ends. `offset` does not go backwards.
    ///
    /// Memory is bounded by `wanted` or [`CHUNK`], and by the length of the file.
    pub(crate) fn at<S: Storage>(
        &mut self,
        storage: &S,
        (file, len): (FileId, u64),
        offset: u64,
        wanted: usize,
    ) -> io::Result<&[u8]> {
        let skip = offset
            .saturating_sub(self.start)
            .min(self.bytes.len() as u64) as usize;
        let held = self.bytes.len() - skip;
        if held < wanted && offset + (held as u64) < len {
            self.bytes.copy_within(skip.., 0);
            self.bytes.truncate(held);
            self.start = offset;
            let rest = len - offset;
            let target = rest.min(wanted.max(CHUNK) as u64) as usize;
            self.bytes.resize(target, 0);
            let got = read_full(storage, file, offset + held as u64, &mut self.bytes[held..])?;
            self.bytes.truncate(held + got);
            return Ok(&self.bytes);
        }
        Ok(&self.bytes[skip..])
    }

    /// What [`at`](Self::at) last returned for this offset.
    pub(crate) fn held(&self, offset: u64) -> &[u8] {
        &self.bytes[(offset - self.start) as usize..]
    }
}

/// Reads until the buffer is full or the file ends; returns the number of bytes read.
pub(crate) fn read_full<S: Storage>(
    storage: &S,
    file: FileId,
    offset: u64,
    buf: &mut [u8],
) -> io::Result<usize> {
    let mut got = 0;
    while got < buf.len() {
        match storage.read_at(file, offset + got as u64, &mut buf[got..])? {
            0 => break,
            n => got += n,
        }
    }
    Ok(got)
}
