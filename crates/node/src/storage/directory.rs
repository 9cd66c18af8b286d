//! [`DataDir`]: one replica's directory, taken by one process at a time.
//!
//! ```text
//! DIR/replica.toml   whose directory it is, and how far; see `identity.rs`
//! DIR/lock           locked while a process uses the directory; its content means nothing
//! DIR/wal/           the log
//! DIR/out-of-service why the replica stopped itself for good, if it did
//! ```

use super::durable::{FileOps, RealFiles, create_dir_durably, partial_of, write_durably};
use super::identity::{FORMAT, Identity, MAX_BYTES};
use super::quarantine::quarantined;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// A directory that is locked by this process for as long as the value lives.
#[derive(Debug)]
pub struct DataDir<F = RealFiles> {
    files: F,
    path: PathBuf,
    identity: Option<Identity>,
    _lock: File,
}

/// Why a directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Its replica has left the service, because its state can't be trusted.
    #[error(
        "{path} is out of service since its replica stopped itself ({why}). Replace the member: \
         'quorate member replace {member}'"
    )]
    OutOfService {
        /// The directory.
        path: PathBuf,
        /// The member's name.
        member: String,
        /// What the replica saw.
        why: String,
    },
    /// Another process has it.
    #[error(
        "{path} is in use by another process; stop that one first, or choose another directory"
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// It holds the data of a cluster with another name.
    #[error(
        "{path} holds data of cluster {found:?}, and the contract names {expected:?}; choose \
         another directory, or the contract that this one was made with"
    )]
    ForeignCluster {
        /// The directory.
        path: PathBuf,
        /// The name of the cluster whose data it holds.
        found: String,
        /// The name of the cluster that was asked for.
        expected: String,
    },
    /// It holds the data of another member.
    #[error(
        "{path} holds data of member {found:?}, not of {expected:?}; two members that share a \
         past would vote twice: give each its own directory"
    )]
    ForeignMember {
        /// The directory.
        path: PathBuf,
        /// The member whose data it holds.
        found: String,
        /// The member that was asked for.
        expected: String,
    },
    /// The log of a member is gone.
    #[error(
        "{path} belongs to member {member:?}, which has voted, and its log is missing. A member \
         that has forgotten its votes must not vote again: restore the log, or replace the member \
         with 'quorate member replace {member}'"
    )]
    LogMissing {
        /// The directory.
        path: PathBuf,
        /// The member.
        member: String,
    },
    /// There is something in it, but no `replica.toml` that says whose.
    #[error(
        "{path} is not empty and has no replica.toml: it is not the directory of a replica. \
         Choose another, or an empty one"
    )]
    NotOurs {
        /// The directory.
        path: PathBuf,
    },
    /// A newer version has made it.
    #[error(
        "{path} has directory format {found}, this version knows {FORMAT}; run the version that \
         made it, or a newer one"
    )]
    NewFormat {
        /// The directory.
        path: PathBuf,
        /// The format found.
        found: u32,
    },
    /// An older version has made it, one that was never released.
    #[error(
        "{path} has directory format {found}, of a version before members had ids of their own; \
         this version knows {FORMAT} and can't convert it: read the data out with the version \
         that made it, and start with an empty directory"
    )]
    OldFormat {
        /// The directory.
        path: PathBuf,
        /// The format found.
        found: u32,
    },
    /// `replica.toml` can't be read.
    #[error("{path} does not say whose directory it is: {problem}")]
    BadIdentity {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The file system refuses.
    #[error("{path}: {error}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What it says.
        error: io::Error,
    },
}

const IDENTITY: &str = "replica.toml";
const LOCK: &str = "lock";
const WAL: &str = "wal";

impl DataDir {
    /// Takes a directory for this process; makes it if it is not there. What it finds in it,
    /// [`DataDir::identity`] says.
    ///
    /// # Errors
    /// If another process uses it, or it is not a replica's directory.
    pub fn open(path: &Path) -> Result<Self, DirectoryError> {
        Self::open_over(RealFiles, path)
    }
}

impl<F: FileOps> DataDir<F> {
    /// As [`DataDir::open`], over any files.
    ///
    /// # Errors
    /// As there.
    pub fn open_over(mut files: F, path: &Path) -> Result<Self, DirectoryError> {
        let io = |error| DirectoryError::Io {
            path: path.to_owned(),
            error,
        };
        create_dir_durably(&mut files, path).map_err(io)?;
        // Looked at before the lock file is made, so that a stranger's directory stays untouched.
        let known = path.join(IDENTITY).exists();
        if !known && holds_other_files(path).map_err(io)? {
            return Err(DirectoryError::NotOurs {
                path: path.to_owned(),
            });
        }
        let lock = lock(path)?;
        let identity = read_identity(path)?;
        if let Some(why) = quarantined(path).map_err(io)? {
            let member = identity.map_or_else(String::new, |identity| identity.member);
            let path = path.to_owned();
            return Err(DirectoryError::OutOfService { path, member, why });
        }
        Ok(Self {
            files,
            path: path.to_owned(),
            identity,
            _lock: lock,
        })
    }

    /// Whose directory it is; `None` for an empty one.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// Says durably whose directory it is.
    ///
    /// # Errors
    /// What the file system says; what the directory says then is the old or the new.
    pub fn set_identity(&mut self, identity: Identity) -> Result<(), DirectoryError> {
        let path = self.path.join(IDENTITY);
        let write = |text: String| write_durably(&mut self.files, &path, text.as_bytes());
        identity
            .to_text()
            .map_err(io::Error::other)
            .and_then(write)
            .map_err(|error| DirectoryError::Io {
                path: path.clone(),
                error,
            })?;
        self.identity = Some(identity);
        Ok(())
    }

    /// Makes the directory of the log, durably, and returns it.
    ///
    /// # Errors
    /// What the file system says.
    pub fn make_wal(&mut self) -> Result<PathBuf, DirectoryError> {
        let path = self.wal();
        create_dir_durably(&mut self.files, &path).map_err(|error| DirectoryError::Io {
            path: path.clone(),
            error,
        })?;
        Ok(path)
    }

    /// The directory of the log.
    pub fn wal(&self) -> PathBuf {
        self.path.join(WAL)
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Whose directory it is, as far as it says; nothing is locked or changed.
///
/// # Errors
/// If what it says can't be read.
pub fn stored_identity(path: &Path) -> Result<Option<Identity>, DirectoryError> {
    match path.exists() {
        true => read_identity(path),
        false => Ok(None),
    }
}

fn holds_other_files(path: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        // What a crash between making the directory and naming its owner leaves is ours.
        if name != LOCK && Path::new(&name) != partial_of(Path::new(IDENTITY)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Locks a directory, which exists, for this process: for as long as the file is open.
///
/// # Errors
/// If another process has it.
pub fn lock(path: &Path) -> Result<File, DirectoryError> {
    let file = path.join(LOCK);
    let io = |error| DirectoryError::Io {
        path: file.clone(),
        error,
    };
    let mut options = OpenOptions::new();
    let lock = options
        .write(true)
        .create(true)
        .truncate(false)
        .open(&file)
        .map_err(io)?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(DirectoryError::InUse {
            path: path.to_owned(),
        }),
        Err(error) => Err(io(error.into())),
    }
}

fn read_identity(dir: &Path) -> Result<Option<Identity>, DirectoryError> {
    let path = dir.join(IDENTITY);
    let bad = |problem: String| DirectoryError::BadIdentity {
        path: path.clone(),
        problem,
    };
    match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(DirectoryError::Io { path, error }),
        Ok(meta) if meta.len() > MAX_BYTES => return Err(bad("it is too long".to_owned())),
        Ok(_) => {}
    }
    let text = fs::read_to_string(&path).map_err(|error| bad(error.to_string()))?;
    Identity::parse(&text, &path).map(Some)
}

#[cfg(test)]
mod tests {
    use super::super::identity::State;
    use super::super::tracked::TrackedFiles;
    use super::*;

    fn identity() -> Identity {
        Identity {
            cluster: "test".to_owned(),
            member: "n2".to_owned(),
            member_id: 5,
            state: State::Forming,
        }
    }

    #[test]
    fn a_directory_is_used_by_one_process_at_a_time_and_found_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("deep/inside");
        let mut taken = DataDir::open(&path).expect("a new directory");
        assert_eq!(taken.identity(), None);
        let error = DataDir::open(&path).expect_err("in use");
        assert!(matches!(error, DirectoryError::InUse { .. }), "{error}");
        taken.set_identity(identity()).expect("written");
        assert!(taken.make_wal().expect("made").is_dir());
        drop(taken);
        let again = DataDir::open(&path).expect("the same replica again");
        assert_eq!(again.identity(), Some(&identity()));
    }

    /// The directory's own name was never made durable: after a power cut in the first seconds there
    /// was no member, and an acknowledged write that only this one had lost its copy.
    #[test]
    fn all_that_a_start_relies_on_is_durable_when_it_is_relied_on() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("deep/inside");
        let files = TrackedFiles::default();
        let mut taken = DataDir::open_over(files, &path).expect("a new directory");
        let nothing = <[&Path; 0]>::default();
        assert_eq!(taken.files.at_risk(), nothing);
        let mut made = vec![dir.path().join("deep"), path.clone()];
        assert!(taken.files.made().eq(&made), "{:?}", taken.files);
        // As at the first start, and as often as the member's state changes.
        for member_id in [5, 6] {
            let identity = Identity {
                member_id,
                ..identity()
            };
            taken.set_identity(identity).expect("written");
            assert_eq!(taken.files.at_risk(), nothing);
        }
        made.push(path.join(IDENTITY));
        taken.make_wal().expect("made");
        assert_eq!(taken.files.at_risk(), nothing);
        made.push(path.join(WAL));
        assert!(taken.files.made().eq(&made), "{:?}", taken.files);
    }

    #[test]
    fn a_directory_with_other_things_in_it_is_left_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("thesis.tex"), "precious").expect("write");
        let error = DataDir::open(dir.path()).expect_err("not ours");
        assert!(matches!(error, DirectoryError::NotOurs { .. }), "{error}");
        assert_eq!(fs::read_dir(dir.path()).expect("list").count(), 1);
    }

    #[test]
    fn what_a_start_that_was_cut_short_leaves_is_an_empty_directory() {
        let dir = tempfile::tempdir().expect("a directory");
        for name in ["lock", "replica.toml.partial"] {
            fs::write(dir.path().join(name), "half").expect("write");
        }
        let taken = DataDir::open(dir.path()).expect("as good as empty");
        assert_eq!(taken.identity(), None);
    }
}
