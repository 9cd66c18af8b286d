//! [`Storage`]: what the log asks of a disk.
//!
//! The log calls nothing else. `node` implements it over real files, the simulator over sectors
//! that can be lost, torn, damaged or full, and [`crate::testing::MemStorage`] over memory.

use std::io;

/// An open file, as named by the [`Storage`] that opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u64);

/// Named files in one directory, with the two promises that durability is made of: [`sync`] for
/// the bytes of a file and [`sync_dir`] for the names.
///
/// What a crash may do to an implementation, and nothing more:
///
/// - bytes written since the last successful [`sync`] of their file are kept or lost sector by
///   sector, in any subset; a sector under write holds old or new bytes, in any mix;
/// - names created or removed since the last successful [`sync_dir`] are there or not, each by
///   itself. A name that is there may show a file of any length up to the last one, zero included.
///
/// A call that fails may have done part of its work. Calls are synchronous; a simulator charges
/// their latency outside.
///
/// [`sync`]: Storage::sync
/// [`sync_dir`]: Storage::sync_dir
pub trait Storage {
    /// The names of all files in the directory, sorted.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Creates an empty file and opens it; fails with [`io::ErrorKind::AlreadyExists`] if the name
    /// is taken.
    ///
    /// `preallocate` is a number of bytes to set aside where the file system can: they then read as
    /// zeros, writing to them needs no further space, and lack of space shows here instead of at a
    /// write. An implementation over memory need not spend memory on it.
    fn create(&mut self, name: &str, preallocate: u64) -> io::Result<FileId>;

    /// Opens a file that exists; fails with [`io::ErrorKind::NotFound`] otherwise.
    fn open(&mut self, name: &str) -> io::Result<FileId>;

    /// Gives a file back. Unsynced bytes stay as they are: written, not durable.
    fn close(&mut self, file: FileId) -> io::Result<()>;

    /// The length of a file in bytes, preallocated bytes included.
    fn len(&self, file: FileId) -> io::Result<u64>;

    /// Reads up to `buf.len()` bytes at `offset` and returns how many. Fewer than asked, also zero,
    /// means the end of the file.
    fn read_at(&self, file: FileId, offset: u64, buf: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `data` at `offset`; a file that was shorter grows, a gap reads as zeros.
    fn write_at(&mut self, file: FileId, offset: u64, data: &[u8]) -> io::Result<()>;

    /// Makes all bytes written to the file so far durable, and its length (`fdatasync`).
    fn sync(&mut self, file: FileId) -> io::Result<()>;

    /// Makes creations and removals of names so far durable (`fsync` of the directory).
    fn sync_dir(&mut self) -> io::Result<()>;

    /// Removes a name. The file must not be open.
    fn remove(&mut self, name: &str) -> io::Result<()>;
}

/// A borrowed storage is a storage: the lender has it back whatever becomes of the log.
impl<S: Storage + ?Sized> Storage for &mut S {
    fn list(&self) -> io::Result<Vec<String>> {
        (**self).list()
    }

    fn create(&mut self, name: &str, preallocate: u64) -> io::Result<FileId> {
        (**self).create(name, preallocate)
    }

    fn open(&mut self, name: &str) -> io::Result<FileId> {
        (**self).open(name)
    }

    fn close(&mut self, file: FileId) -> io::Result<()> {
        (**self).close(file)
    }

    fn len(&self, file: FileId) -> io::Result<u64> {
        (**self).len(file)
    }

    fn read_at(&self, file: FileId, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        (**self).read_at(file, offset, buf)
    }

    fn write_at(&mut self, file: FileId, offset: u64, data: &[u8]) -> io::Result<()> {
        (**self).write_at(file, offset, data)
    }

    fn sync(&mut self, file: FileId) -> io::Result<()> {
        (**self).sync(file)
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        (**self).sync_dir()
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        (**self).remove(name)
    }
}
