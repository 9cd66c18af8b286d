//! [`DelayedStorage`]: a disk whose syncs take longer, for measurements.
//!
//! Many machines acknowledge a sync from a cache of the host, in a time that no disk can do. With
//! a stated delay, a benchmark shows how well writes share a sync, and not only what the processor
//! can do.

use quorate_wal::{FileId, Storage};
use std::time::Duration;
use std::{io, thread};

/// A storage that waits before each sync of a file.
#[derive(Debug)]
pub struct DelayedStorage<S> {
    inner: S,
    delay: Duration,
}

impl<S: Storage> DelayedStorage<S> {
    /// Adds `delay` to each sync of a file; with zero it changes nothing.
    pub fn new(inner: S, delay: Duration) -> Self {
        Self { inner, delay }
    }
}

impl<S: Storage> Storage for DelayedStorage<S> {
    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }

    fn create(&mut self, name: &str, preallocate: u64) -> io::Result<FileId> {
        self.inner.create(name, preallocate)
    }

    fn open(&mut self, name: &str) -> io::Result<FileId> {
        self.inner.open(name)
    }

    fn close(&mut self, file: FileId) -> io::Result<()> {
        self.inner.close(file)
    }

    fn len(&self, file: FileId) -> io::Result<u64> {
        self.inner.len(file)
    }

    fn read_at(&self, file: FileId, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.inner.read_at(file, offset, buf)
    }

    fn write_at(&mut self, file: FileId, offset: u64, data: &[u8]) -> io::Result<()> {
        self.inner.write_at(file, offset, data)
    }

    fn sync(&mut self, file: FileId) -> io::Result<()> {
        if !self.delay.is_zero() {
            thread::sleep(self.delay);
        }
        self.inner.sync(file)
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        self.inner.sync_dir()
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.inner.remove(name)
    }
}
