//! The file that a page goes to.

use crate::exit::refused;
use std::fs::File;
use std::path::Path;

/// Opens the file before the run starts, so that a path that cannot be written is reported at once.
pub(super) fn open(path: Option<&Path>) -> anyhow::Result<Option<(&Path, File)>> {
    let Some(path) = path else { return Ok(None) };
    let file = File::create(path)
        .map_err(|error| refused(format_args!("can't write {}: {error}", path.display())))?;
    Ok(Some((path, file)))
}
