//! A directory whose state can't be trusted any more, marked as such.
//!
//! A replica that saw a safety property violated has left the service. It must not come back by
//! being started again: it would vote on what it holds. So the reason is written into its directory,
//! and a directory with such a mark is refused.

use super::durable::{RealFiles, write_durably};
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
    write_durably(&mut RealFiles, &dir.join(QUARANTINE), why.as_bytes())
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
