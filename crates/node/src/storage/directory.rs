//! [`DataDir`]: one replica's directory, taken by one process at a time.
//!
//! ```text
//! DIR/replica.toml   whose directory it is; written once, before anything else
//! DIR/lock           locked while a process uses the directory; its content means nothing
//! DIR/wal/           the log
//! ```

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Whose data it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The cluster's id.
    pub cluster_id: u64,
    /// The cluster's name, for people.
    pub cluster: String,
    /// The replica's id within the cluster.
    pub member_id: u64,
    /// The replica's name, for people.
    pub member: String,
}

/// A directory that is locked by this process for as long as the value lives.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// Why a directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Another process has it.
    #[error(
        "{path} is in use by another process; stop that one first, or choose another directory"
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// It holds the data of another cluster.
    #[error(
        "{path} holds data of cluster {found:?} ({found_id:016x}), not of {expected:?} \
         ({expected_id:016x}); choose another directory, or the contract that it was made with"
    )]
    ForeignCluster {
        /// The directory.
        path: PathBuf,
        /// The name of the cluster whose data it holds.
        found: String,
        /// That cluster's id.
        found_id: u64,
        /// The name of the cluster that was asked for.
        expected: String,
        /// That cluster's id.
        expected_id: u64,
    },
    /// It holds the data of another replica of the same cluster.
    #[error(
        "{path} holds data of replica {found:?}, not of {expected:?}; two replicas that share a \
         past would vote twice: give each its own directory"
    )]
    ForeignMember {
        /// The directory.
        path: PathBuf,
        /// The replica whose data it holds.
        found: String,
        /// The replica that was asked for.
        expected: String,
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
    /// A version that this one does not know has made it.
    #[error(
        "{path} has directory format {found}, this version knows {FORMAT}; run the version that made it"
    )]
    UnknownFormat {
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

/// The format of the directory as a whole; the log's own is in its segments.
const FORMAT: u32 = 1;
const IDENTITY: &str = "replica.toml";
const LOCK: &str = "lock";
const WAL: &str = "wal";

/// `replica.toml`. Ids are text, as TOML's integers are signed.
#[derive(Debug, Serialize, Deserialize)]
struct Identity {
    format: u32,
    cluster: String,
    cluster_id: String,
    member: String,
    member_id: String,
}

impl DataDir {
    /// Takes the directory for this replica; makes it if it is not there.
    ///
    /// # Errors
    /// If another process uses it, or it belongs to somebody else.
    pub fn open(path: &Path, owner: &Owner) -> Result<Self, DirectoryError> {
        let io = |error| DirectoryError::Io {
            path: path.to_owned(),
            error,
        };
        fs::create_dir_all(path).map_err(io)?;
        // Looked at before the lock file is made, so that a stranger's directory stays untouched.
        let known = path.join(IDENTITY).exists();
        if !known && holds_other_files(path).map_err(io)? {
            return Err(DirectoryError::NotOurs {
                path: path.to_owned(),
            });
        }
        let lock = lock(path)?;
        match read_identity(path)? {
            Some(identity) => check(path, &identity, owner)?,
            None => write_identity(path, owner).map_err(io)?,
        }
        fs::create_dir_all(path.join(WAL)).map_err(io)?;
        sync_dir(path).map_err(io)?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// The directory of the log.
    pub fn wal(&self) -> PathBuf {
        self.path.join(WAL)
    }
}

fn holds_other_files(path: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        // What a crash between making the directory and naming its owner leaves is ours.
        if name != LOCK && name != partial_name().as_str() {
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

/// The longest `replica.toml` that we read.
const MAX_IDENTITY: u64 = 64 << 10;

fn read_identity(dir: &Path) -> Result<Option<Identity>, DirectoryError> {
    let path = dir.join(IDENTITY);
    let bad = |problem: String| DirectoryError::BadIdentity {
        path: path.clone(),
        problem,
    };
    match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(DirectoryError::Io { path, error }),
        Ok(meta) if meta.len() > MAX_IDENTITY => return Err(bad("it is too long".to_owned())),
        Ok(_) => {}
    }
    let text = fs::read_to_string(&path).map_err(|error| bad(error.to_string()))?;
    let format: FormatOnly = toml::from_str(&text).map_err(|error| bad(error.to_string()))?;
    if format.format != FORMAT {
        return Err(DirectoryError::UnknownFormat {
            path: dir.to_owned(),
            found: format.format,
        });
    }
    toml::from_str(&text)
        .map(Some)
        .map_err(|error| bad(error.to_string()))
}

/// The one thing that every format says.
#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

fn check(path: &Path, found: &Identity, owner: &Owner) -> Result<(), DirectoryError> {
    let id = |text: &str| {
        u64::from_str_radix(text, 16).map_err(|error| DirectoryError::BadIdentity {
            path: path.join(IDENTITY),
            problem: format!("{text:?} is no id: {error}"),
        })
    };
    let (cluster_id, member_id) = (id(&found.cluster_id)?, id(&found.member_id)?);
    if cluster_id != owner.cluster_id {
        return Err(DirectoryError::ForeignCluster {
            path: path.to_owned(),
            found: found.cluster.clone(),
            found_id: cluster_id,
            expected: owner.cluster.clone(),
            expected_id: owner.cluster_id,
        });
    }
    if member_id != owner.member_id {
        return Err(DirectoryError::ForeignMember {
            path: path.to_owned(),
            found: found.member.clone(),
            expected: owner.member.clone(),
        });
    }
    Ok(())
}

fn partial_name() -> String {
    format!("{IDENTITY}.partial")
}

/// Written beside, then renamed: the file is there whole or not at all.
fn write_identity(dir: &Path, owner: &Owner) -> io::Result<()> {
    let identity = Identity {
        format: FORMAT,
        cluster: owner.cluster.clone(),
        cluster_id: format!("{:016x}", owner.cluster_id),
        member: owner.member.clone(),
        member_id: format!("{:016x}", owner.member_id),
    };
    let text = toml::to_string(&identity).map_err(io::Error::other)?;
    let partial = dir.join(partial_name());
    let mut file = File::create(&partial)?;
    file.write_all(b"# Whose directory this is. Not to be edited: see `quorate serve --help`.\n")?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&partial, dir.join(IDENTITY))
}

fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(cluster: u64, member: u64) -> Owner {
        Owner {
            cluster_id: cluster,
            cluster: format!("cluster-{cluster}"),
            member_id: member,
            member: format!("n{member}"),
        }
    }

    #[test]
    fn a_directory_is_used_by_one_process_at_a_time_and_found_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("deep/inside");
        let taken = DataDir::open(&path, &owner(1, 2)).expect("a new directory");
        assert!(taken.wal().is_dir());
        let error = DataDir::open(&path, &owner(1, 2)).expect_err("in use");
        assert!(matches!(error, DirectoryError::InUse { .. }), "{error}");
        drop(taken);
        DataDir::open(&path, &owner(1, 2)).expect("the same replica again");
    }

    #[test]
    fn somebody_elses_directory_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        drop(DataDir::open(dir.path(), &owner(1, 2)).expect("a new directory"));
        let error = DataDir::open(dir.path(), &owner(9, 2)).expect_err("another cluster");
        assert!(
            error
                .to_string()
                .contains("holds data of cluster \"cluster-1\""),
            "{error}"
        );
        let error = DataDir::open(dir.path(), &owner(1, 3)).expect_err("another replica");
        assert!(
            error
                .to_string()
                .contains("holds data of replica \"n2\", not of \"n3\""),
            "{error}"
        );
    }

    #[test]
    fn a_directory_with_other_things_in_it_is_left_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("thesis.tex"), "precious").expect("write");
        let error = DataDir::open(dir.path(), &owner(1, 2)).expect_err("not ours");
        assert!(matches!(error, DirectoryError::NotOurs { .. }), "{error}");
        assert_eq!(fs::read_dir(dir.path()).expect("list").count(), 1);
    }

    #[test]
    fn an_identity_that_is_damaged_or_from_the_future_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        for (text, words) in [
            ("", "missing field `format`"),
            ("format = \"x\"", "invalid type"),
            (
                "format = 2\nnew = 1",
                "directory format 2, this version knows 1",
            ),
            ("format = 1\ncluster = \"a\"", "missing field"),
            (
                "format = 1\ncluster = \"a\"\ncluster_id = \"zz\"\nmember = \"b\"\nmember_id = \"1\"",
                "\"zz\" is no id",
            ),
        ] {
            fs::write(dir.path().join(IDENTITY), text).expect("write");
            let error = DataDir::open(dir.path(), &owner(1, 2)).expect_err("bad identity");
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
