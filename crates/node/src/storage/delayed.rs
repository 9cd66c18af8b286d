//! [`DelayedStorage`]: a disk whose syncs take longer, or hang, for measurements.
//!
//! Many machines acknowledge a sync from a cache of the host, in a time that no disk can do. With
//! a stated delay, a benchmark shows how well writes share a sync, and not only what the processor
//! can do. A sync that hangs is what a disk at its end, or a network one that is gone, looks like.

use quorate_wal::{FileId, Storage};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{io, thread};

/// A switch that makes a disk hang. Clones are the same switch.
#[derive(Clone, Debug, Default)]
pub struct DiskStall(Arc<AtomicBool>);

impl DiskStall {
    /// How often a sync that hangs looks whether it may go on.
    const LOOK: Duration = Duration::from_millis(1);

    /// From now on no sync ends; or, if that is so, they go on. Gives whether they hang now.
    pub fn toggle(&self) -> bool {
        !self.0.fetch_xor(true, Ordering::SeqCst)
    }

    fn wait(&self) {
        while self.0.load(Ordering::SeqCst) {
            thread::sleep(Self::LOOK);
        }
    }
}

/// A storage that waits before each sync of a file.
#[derive(Debug)]
pub struct DelayedStorage<S> {
    inner: S,
    delay: Duration,
    stall: DiskStall,
}

impl<S: Storage> DelayedStorage<S> {
    /// Adds `delay` to each sync of a file; with zero it changes nothing.
    pub fn new(inner: S, delay: Duration) -> Self {
        Self::that_stalls(inner, delay, DiskStall::default())
    }

    /// The same, with syncs that hang while `stall` is on.
    pub fn that_stalls(inner: S, delay: Duration, stall: DiskStall) -> Self {
        Self {
            inner,
            delay,
            stall,
        }
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
        self.stall.wait();
        self.inner.sync(file)
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        self.inner.sync_dir()
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.inner.remove(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::FileStorage;
    use std::sync::mpsc::{self, RecvTimeoutError};

    #[test]
    fn a_sync_hangs_from_one_toggle_to_the_next() {
        let dir = tempfile::tempdir().expect("a directory");
        let files = FileStorage::open(dir.path()).expect("opened");
        let stall = DiskStall::default();
        let mut storage = DelayedStorage::that_stalls(files, Duration::ZERO, stall.clone());
        let file = storage.create("a", 0).expect("created");
        storage.sync(file).expect("it does not hang yet");
        assert!(stall.toggle());
        let (tell, told) = mpsc::channel();
        let syncing = thread::spawn(move || {
            storage.sync(file).expect("synced");
            tell.send(()).expect("somebody waits");
        });
        let early = told.recv_timeout(Duration::from_millis(100));
        assert_eq!(early, Err(RecvTimeoutError::Timeout));
        assert!(!stall.toggle());
        told.recv_timeout(Duration::from_secs(20))
            .expect("it goes on");
        syncing.join().expect("no panic");
    }
}
