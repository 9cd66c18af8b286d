//! A directory whose state can't be trusted any more, marked as such.
//!
//! A replica that saw a safety property violated has left the service. It must not come back by
//! being started again: it would vote on what it holds. So the reason is written into its directory,
//! and a directory with such a mark is refused.

use super::durable::{FileOps, RealFiles, write_durably};
use std::path::Path;
use std::{fs, io};

/// The file that marks a directory.
pub(super) const QUARANTINE: &str = "out-of-service";

/// The longest reason that is read back, in bytes.
const MAX_REASON: usize = 64 << 10;

/// Marks a directory, durably.
///
/// # Errors
/// What the file system says.
pub fn quarantine(dir: &Path, why: &str) -> io::Result<()> {
    mark(&mut RealFiles, dir, why)
}

fn mark(files: &mut impl FileOps, dir: &Path, why: &str) -> io::Result<()> {
    write_durably(files, &dir.join(QUARANTINE), why.as_bytes())
}

/// Why a directory is marked, if it is.
///
/// # Errors
/// What the file system says.
pub(super) fn quarantined(dir: &Path) -> io::Result<Option<String>> {
    match fs::read(dir.join(QUARANTINE)) {
        Ok(bytes) => {
            let bytes = &bytes[..bytes.len().min(MAX_REASON)];
            Ok(Some(String::from_utf8_lossy(bytes).trim().to_owned()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DataDir, DirectoryError, Identity, State, TrackedFiles};
    use super::*;

    /// A replica that had seen a safety property violated came back as if nothing had been, when it
    /// was started again, and voted.
    #[test]
    fn a_directory_that_is_out_of_service_stays_so_and_says_why() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut taken = DataDir::open(dir.path()).expect("in service");
        let identity = Identity {
            cluster: "test".to_owned(),
            member: "n2".to_owned(),
            member_id: 5,
            state: State::Forming,
        };
        taken.set_identity(identity).expect("written");
        drop(taken);
        let mut files = TrackedFiles::default();
        mark(&mut files, dir.path(), "state-machine safety: two digests").expect("marked");
        assert!(files.made().eq([dir.path().join(QUARANTINE)]));
        assert_eq!(files.at_risk(), <[&Path; 0]>::default());
        for _ in 0..2 {
            let error = DataDir::open(dir.path()).expect_err("out of service");
            assert!(
                matches!(&error, DirectoryError::OutOfService { why, .. }
                    if why == "state-machine safety: two digests"),
                "{error}"
            );
            assert!(
                error.to_string().contains("'quorate member replace n2'"),
                "{error}"
            );
        }
    }
}
