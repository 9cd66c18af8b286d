//! [`FileStorage`]: the log's storage over real files.

use quorate_wal::{FileId, Storage};
use rustix::fs::{FallocateFlags, fallocate};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The files of one directory, all of which belong to the log.
#[derive(Debug)]
pub struct FileStorage {
    path: PathBuf,
    /// The directory itself, to sync its names.
    directory: File,
    open: BTreeMap<FileId, File>,
    next: u64,
}

impl FileStorage {
    /// The files in this directory, which exists.
    ///
    /// # Errors
    /// If it can't be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            directory: File::open(path)?,
            open: BTreeMap::new(),
            next: 0,
        })
    }

    fn file(&self, file: FileId) -> io::Result<&File> {
        self.open
            .get(&file)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the file is not open"))
    }

    fn keep(&mut self, file: File) -> FileId {
        let id = FileId(self.next);
        self.next += 1;
        self.open.insert(id, file);
        id
    }
}

impl Storage for FileStorage {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = vec![];
        for entry in fs::read_dir(&self.path)? {
            // A name that is not text is not ours, and nothing to us.
            names.extend(entry?.file_name().into_string());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create(&mut self, name: &str, preallocate: u64) -> io::Result<FileId> {
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create_new(true)
            .open(self.path.join(name))?;
        if preallocate > 0 {
            set_aside(&file, preallocate)?;
        }
        Ok(self.keep(file))
    }

    fn open(&mut self, name: &str) -> io::Result<FileId> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(self.path.join(name))?;
        Ok(self.keep(file))
    }

    fn close(&mut self, file: FileId) -> io::Result<()> {
        self.file(file)?;
        self.open.remove(&file);
        Ok(())
    }

    fn len(&self, file: FileId) -> io::Result<u64> {
        Ok(self.file(file)?.metadata()?.len())
    }

    fn read_at(&self, file: FileId, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let file = self.file(file)?;
        let mut read = 0;
        while read < buf.len() {
            match file.read_at(&mut buf[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(n) => read += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn write_at(&mut self, file: FileId, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file(file)?.write_all_at(data, offset)
    }

    fn sync(&mut self, file: FileId) -> io::Result<()> {
        self.file(file)?.sync_data()
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        self.directory.sync_all()
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }
}

/// Sets space aside. Where the file system can't, the file is only made as long: lack of space
/// then shows at a write.
fn set_aside(file: &File, bytes: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => file.set_len(bytes),
        done => Ok(done?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_wal::{Config, Error, Identity, Lsn, Recovery};

    fn config() -> Config {
        Config {
            segment_bytes: 64 << 10,
            ..Config::new(Identity {
                cluster: 7,
                replica: 1,
            })
        }
    }

    /// The log writes, crashes without a word and finds all that was synced; over several segments.
    #[test]
    fn a_log_in_real_files_finds_what_it_synced() {
        let dir = tempfile::tempdir().expect("a directory");
        let storage = FileStorage::open(dir.path()).expect("open");
        let (mut wal, _) = Recovery::new(storage, config())
            .finish()
            .expect("a new log");
        for round in 0..100u64 {
            wal.append(&[round as u8; 3000]).expect("append");
            wal.write().expect("write");
            assert_eq!(wal.sync().expect("sync"), Lsn(round + 1));
        }
        wal.append(b"never synced").expect("append");
        drop(wal);

        let storage = FileStorage::open(dir.path()).expect("open");
        assert!(
            storage.list().expect("list").len() > 3,
            "the log has several segments"
        );
        let mut recovery = Recovery::new(storage, config());
        let mut found = 0;
        while let Some((lsn, record)) = recovery.next().expect("a good log") {
            assert_eq!((lsn.0, record), (found + 1, &[found as u8; 3000][..]));
            found += 1;
        }
        assert_eq!(found, 100);
        let (mut wal, _) = recovery.finish().expect("recovered");
        let active = wal.active_segment();
        wal.remove_segments_before(active).expect("removed");
        let names = wal.storage().list().expect("list");
        assert_eq!(names.len(), 2, "the segment, and what counts it: {names:?}");
    }

    #[test]
    fn a_damaged_segment_is_refused_in_words() {
        let dir = tempfile::tempdir().expect("a directory");
        let storage = FileStorage::open(dir.path()).expect("open");
        let (mut wal, _) = Recovery::new(storage, config())
            .finish()
            .expect("a new log");
        for _ in 0..40 {
            wal.append(&[7; 3000]).expect("append");
            wal.write().expect("write");
            wal.sync().expect("sync");
        }
        drop(wal);
        let path = dir.path().join("0000000000000001.wal");
        let mut bytes = fs::read(&path).expect("read");
        bytes[9000] ^= 1;
        fs::write(&path, bytes).expect("write");

        let mut recovery = Recovery::new(FileStorage::open(dir.path()).expect("open"), config());
        let error = loop {
            match recovery.next() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the damage was not seen"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
        assert!(
            error
                .to_string()
                .contains("restore the file, or replace this replica"),
            "{error}"
        );
    }

    #[test]
    fn preallocated_bytes_read_as_zeros_and_names_are_taken_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut storage = FileStorage::open(dir.path()).expect("open");
        let file = storage.create("a", 8192).expect("create");
        assert_eq!(storage.len(file).expect("len"), 8192);
        storage.write_at(file, 4, b"xyz").expect("write");
        let mut buf = [9; 8];
        assert_eq!(storage.read_at(file, 0, &mut buf).expect("read"), 8);
        assert_eq!(&buf, b"\0\0\0\0xyz\0");
        assert_eq!(storage.read_at(file, 8190, &mut buf).expect("read"), 2);
        let taken = storage.create("a", 0).expect_err("taken");
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(
            storage.open("b").expect_err("absent").kind(),
            io::ErrorKind::NotFound
        );
        storage.close(file).expect("close");
        assert!(storage.sync(file).is_err(), "a closed file is not synced");
    }
}
