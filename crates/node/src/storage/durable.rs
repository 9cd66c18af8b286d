//! Files that a later start relies on: written so that a power failure leaves the old content or
//! the new one, and a name that was reported made stays.
//!
//! A file is durable when its bytes are synced, its name is synced (its directory), and the names
//! of all directories above it are. Renaming a file whose bytes are not synced is the classic
//! mistake: the name survives, the bytes don't (Pillai et al., All File Systems Are Not Created
//! Equal, OSDI'14).

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What writing durably asks of a file system; a double records the order.
pub trait FileOps {
    /// Is there a directory of this name?
    fn is_dir(&self, path: &Path) -> bool;

    /// Makes one directory; its parent exists.
    ///
    /// # Errors
    /// What the file system says, here and below.
    fn create_dir(&mut self, path: &Path) -> io::Result<()>;

    /// Writes a file anew. Its bytes may still be in memory only.
    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Makes the bytes of a file durable.
    fn sync_file(&mut self, path: &Path) -> io::Result<()>;

    /// Gives a file another name; what had that name is gone.
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    fn sync_dir(&mut self, path: &Path) -> io::Result<()>;
}

/// The file system of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealFiles;

impl FileOps for RealFiles {
    fn is_dir(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn create_dir(&mut self, path: &Path) -> io::Result<()> {
        match fs::create_dir(path) {
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            result => result,
        }
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        File::create(path)?.write_all(bytes)
    }

    fn sync_file(&mut self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

/// Replaces a file: after this it has the new content whatever happens, before the old one, and at
/// no time anything else. Its directory exists and is durable ([`create_dir_durably`]).
///
/// # Errors
/// What the file system says. The old content is then still there, or the new one.
pub fn write_durably(files: &mut impl FileOps, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = partial_of(path);
    files.write(&partial, bytes)?;
    files.sync_file(&partial)?;
    files.rename(&partial, path)?;
    files.sync_dir(parent(path)?)
}

/// Where [`write_durably`] writes first. A crash may leave it behind; it means nothing.
pub fn partial_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

/// Makes a directory, and those above it that are missing, and makes their names durable. Those
/// that exist are synced as well as far as we may: an earlier start may have made them and died
/// before it synced them.
///
/// # Errors
/// What the file system says.
pub fn create_dir_durably(files: &mut impl FileOps, path: &Path) -> io::Result<()> {
    let path = std::path::absolute(path)?;
    let mut chain: Vec<_> = path.ancestors().collect();
    chain.reverse();
    for pair in chain.windows(2) {
        let (above, dir) = (pair[0], pair[1]);
        if files.is_dir(dir) {
            match files.sync_dir(above) {
                // A directory that we may not read, or on a file system that can't sync it: not
                // one that we made.
                Err(error) if is_not_ours(&error) => {}
                result => result?,
            }
        } else {
            files.create_dir(dir)?;
            files.sync_dir(above)?;
        }
    }
    Ok(())
}

fn is_not_ours(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    matches!(
        error.kind(),
        PermissionDenied | InvalidInput | Unsupported | ReadOnlyFilesystem
    )
}

fn parent(path: &Path) -> io::Result<&Path> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Ok(Path::new(".")),
        Some(parent) => Ok(parent),
        None => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} is no file name", path.display()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Records what is done; can fail at one step.
    #[derive(Default)]
    struct Recorder {
        dirs: BTreeSet<PathBuf>,
        done: Vec<String>,
        fail_at: Option<usize>,
    }

    impl Recorder {
        fn with(dirs: &[&str]) -> Self {
            Self {
                dirs: dirs.iter().map(PathBuf::from).collect(),
                ..Self::default()
            }
        }

        fn step(&mut self, what: String) -> io::Result<()> {
            if self.fail_at == Some(self.done.len()) {
                return Err(io::Error::other("broken"));
            }
            self.done.push(what);
            Ok(())
        }
    }

    impl FileOps for Recorder {
        fn is_dir(&self, path: &Path) -> bool {
            self.dirs.contains(path)
        }

        fn create_dir(&mut self, path: &Path) -> io::Result<()> {
            self.dirs.insert(path.to_owned());
            self.step(format!("mkdir {}", path.display()))
        }

        fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
            self.step(format!("write {} {}", path.display(), bytes.len()))
        }

        fn sync_file(&mut self, path: &Path) -> io::Result<()> {
            self.step(format!("sync {}", path.display()))
        }

        fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
            self.step(format!("rename {} {}", from.display(), to.display()))
        }

        fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
            self.step(format!("sync dir {}", path.display()))
        }
    }

    #[test]
    fn bytes_are_durable_before_the_name_and_the_name_before_it_is_relied_on() {
        let mut files = Recorder::default();
        write_durably(&mut files, Path::new("/d/replica.toml"), b"abc").expect("written");
        let order = [
            "write /d/replica.toml.partial 3",
            "sync /d/replica.toml.partial",
            "rename /d/replica.toml.partial /d/replica.toml",
            "sync dir /d",
        ];
        assert_eq!(files.done, order);
        for (at, _) in order.iter().enumerate() {
            let mut files = Recorder {
                fail_at: Some(at),
                ..Recorder::default()
            };
            write_durably(&mut files, Path::new("/d/replica.toml"), b"abc")
                .expect_err("a failure is reported");
            assert_eq!(files.done, order[..at], "and nothing is done after it");
        }
    }

    #[test]
    fn each_directory_that_is_made_is_synced_into_its_parent() {
        let mut files = Recorder::with(&["/", "/var"]);
        create_dir_durably(&mut files, Path::new("/var/a/b")).expect("made");
        assert_eq!(
            files.done,
            [
                "sync dir /",
                "mkdir /var/a",
                "sync dir /var",
                "mkdir /var/a/b",
                "sync dir /var/a"
            ]
        );
        // A second start can't know whether the first one got as far as the syncs.
        files.done.clear();
        create_dir_durably(&mut files, Path::new("/var/a/b")).expect("there");
        assert_eq!(
            files.done,
            ["sync dir /", "sync dir /var", "sync dir /var/a"]
        );
    }

    #[test]
    fn real_files_are_replaced_and_directories_made() {
        let dir = tempfile::tempdir().expect("a directory");
        let deep = dir.path().join("a/b");
        create_dir_durably(&mut RealFiles, &deep).expect("made");
        create_dir_durably(&mut RealFiles, &deep).expect("there");
        let file = deep.join("f");
        for text in ["one", "two"] {
            write_durably(&mut RealFiles, &file, text.as_bytes()).expect("written");
            assert_eq!(fs::read_to_string(&file).expect("read"), text);
        }
        assert!(!partial_of(&file).exists());
    }
}
