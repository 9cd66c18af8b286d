//! [`HookedStorage`]: a disk that something is done to before it does what it is asked.
//!
//! [`delayed`] makes its syncs take longer, for measurements: many machines acknowledge a sync from
//! a cache of the host, in a time that no disk can do, and with a stated delay a benchmark shows how
//! well writes share a sync. [`hanging`] lets them hang, to try out what the others do meanwhile.

use quorate_wal::{FileId, Storage};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use std::{fmt, io, thread};

/// A call that changes something, or makes it durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageOp<'a> {
    /// A file of this name is made.
    Create(&'a str),
    /// So many bytes are written.
    Write(usize),
    /// A file is synced.
    Sync,
    /// The names are synced.
    SyncDir,
    /// The file of this name is removed.
    Remove(&'a str),
}

/// A storage that calls a hook first. If the hook fails, so does the call, without effect.
pub struct HookedStorage<S, H> {
    inner: S,
    hook: H,
}

impl<S: fmt::Debug, H> fmt::Debug for HookedStorage<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HookedStorage")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<S: Storage, H: FnMut(StorageOp<'_>) -> io::Result<()>> HookedStorage<S, H> {
    /// Calls `hook` before each call that changes something.
    pub fn new(inner: S, hook: H) -> Self {
        Self { inner, hook }
    }
}

/// A storage whose syncs of a file take longer by `delay`; with zero it changes nothing.
pub fn delayed<S: Storage>(
    inner: S,
    delay: Duration,
) -> HookedStorage<S, impl FnMut(StorageOp<'_>) -> io::Result<()> + Send + 'static> {
    HookedStorage::new(inner, move |op: StorageOp<'_>| {
        if op == StorageOp::Sync && !delay.is_zero() {
            thread::sleep(delay);
        }
        Ok(())
    })
}

/// A storage whose syncs of a file don't return while `hang` says so.
pub fn hanging<S: Storage>(
    inner: S,
    hang: Hang,
) -> HookedStorage<S, impl FnMut(StorageOp<'_>) -> io::Result<()> + Send + 'static> {
    HookedStorage::new(inner, move |op: StorageOp<'_>| {
        if op == StorageOp::Sync {
            hang.wait();
        }
        Ok(())
    })
}

/// Lets a disk hang, and go on. Shared by all clones.
#[derive(Clone, Debug, Default)]
pub struct Hang(Arc<(Mutex<bool>, Condvar)>);

impl Hang {
    /// From here on syncs don't return.
    pub fn hang(&self) {
        self.set(true);
    }

    /// They return, those that hang as well.
    pub fn release(&self) {
        self.set(false);
    }

    /// Changes from one to the other. Returns whether syncs hang now.
    pub fn toggle(&self) -> bool {
        let (state, changed) = &*self.0;
        let mut hangs = state.lock().unwrap_or_else(PoisonError::into_inner);
        *hangs = !*hangs;
        changed.notify_all();
        *hangs
    }

    fn set(&self, hangs: bool) {
        let (state, changed) = &*self.0;
        *state.lock().unwrap_or_else(PoisonError::into_inner) = hangs;
        changed.notify_all();
    }

    fn wait(&self) {
        let (state, changed) = &*self.0;
        let state = state.lock().unwrap_or_else(PoisonError::into_inner);
        drop(changed.wait_while(state, |hangs| *hangs));
    }
}

impl<S: Storage, H: FnMut(StorageOp<'_>) -> io::Result<()>> Storage for HookedStorage<S, H> {
    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }

    fn create(&mut self, name: &str, preallocate: u64) -> io::Result<FileId> {
        (self.hook)(StorageOp::Create(name))?;
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
        (self.hook)(StorageOp::Write(data.len()))?;
        self.inner.write_at(file, offset, data)
    }

    fn sync(&mut self, file: FileId) -> io::Result<()> {
        (self.hook)(StorageOp::Sync)?;
        self.inner.sync(file)
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        (self.hook)(StorageOp::SyncDir)?;
        self.inner.sync_dir()
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        (self.hook)(StorageOp::Remove(name))?;
        self.inner.remove(name)
    }
}
