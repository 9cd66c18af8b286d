//! [`TrackedFiles`]: the file system of this machine, and what of it a power cut takes back.

use super::durable::{FileOps, RealFiles};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// Does what it is asked on this machine, and remembers what is not durable yet. For tests: a process
/// that is killed keeps what the kernel holds, so nothing that is left on this machine shows a sync
/// that is missing.
#[derive(Clone, Debug, Default)]
pub struct TrackedFiles {
    made: BTreeSet<PathBuf>,
    /// Files whose bytes may be in memory only.
    bytes: BTreeSet<PathBuf>,
    /// Files and directories whose names may be.
    names: BTreeSet<PathBuf>,
}

impl TrackedFiles {
    /// Files and directories that were made through this, under the last name that they had.
    pub fn made(&self) -> impl Iterator<Item = &Path> {
        self.made.iter().map(PathBuf::as_path)
    }

    /// Those of them that a power cut now takes back, or leaves without their content.
    pub fn at_risk(&self) -> Vec<&Path> {
        let at_risk: BTreeSet<_> = self.bytes.union(&self.names).collect();
        at_risk.into_iter().map(PathBuf::as_path).collect()
    }
}

impl FileOps for TrackedFiles {
    fn is_dir(&self, path: &Path) -> bool {
        RealFiles.is_dir(path)
    }

    fn create_dir(&mut self, path: &Path) -> io::Result<()> {
        RealFiles.create_dir(path)?;
        self.made.insert(path.to_owned());
        self.names.insert(path.to_owned());
        Ok(())
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        RealFiles.write(path, bytes)?;
        self.made.insert(path.to_owned());
        self.bytes.insert(path.to_owned());
        self.names.insert(path.to_owned());
        Ok(())
    }

    fn sync_file(&mut self, path: &Path) -> io::Result<()> {
        RealFiles.sync_file(path)?;
        self.bytes.remove(path);
        Ok(())
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        RealFiles.rename(from, to)?;
        for set in [&mut self.made, &mut self.bytes] {
            if set.remove(from) {
                set.insert(to.to_owned());
            }
        }
        self.names.remove(from);
        self.names.insert(to.to_owned());
        Ok(())
    }

    fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        RealFiles.sync_dir(path)?;
        self.names.retain(|name| name.parent() != Some(path));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{create_dir_durably, write_durably};

    #[test]
    fn a_file_is_at_risk_until_its_bytes_and_its_name_are_synced() {
        let dir = tempfile::tempdir().expect("a directory");
        let (old, new) = (dir.path().join("old"), dir.path().join("new"));
        let mut files = TrackedFiles::default();
        files.write(&old, b"a").expect("written");
        files.rename(&old, &new).expect("renamed");
        files.sync_dir(dir.path()).expect("synced");
        assert_eq!(
            files.at_risk(),
            [&new],
            "the name survives, the bytes don't"
        );
        files.sync_file(&new).expect("synced");
        assert_eq!(files.at_risk(), <[&Path; 0]>::default());
        files.create_dir(&dir.path().join("d")).expect("made");
        assert_eq!(files.at_risk(), [dir.path().join("d")]);

        let mut files = TrackedFiles::default();
        let deep = dir.path().join("e/f");
        create_dir_durably(&mut files, &deep).expect("made");
        write_durably(&mut files, &deep.join("g"), b"a").expect("written");
        assert_eq!(files.made().count(), 3);
        assert_eq!(files.at_risk(), <[&Path; 0]>::default());
    }
}
