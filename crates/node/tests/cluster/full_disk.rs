//! A disk that fills up: said in words, final for the process, and nothing acknowledged is lost.

use crate::harness::Cluster;
use quorate_node::storage::FileStorage;
use quorate_node::{Ended, Node};
use quorate_wal::{FileId, Storage};
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

/// Real files that may grow by so many bytes more.
struct Filling {
    files: FileStorage,
    left: u64,
}

impl Filling {
    fn open(path: &Path, left: u64) -> io::Result<Self> {
        Ok(Self {
            files: FileStorage::open(path)?,
            left,
        })
    }

    fn spend(&mut self, bytes: u64) -> io::Result<()> {
        self.left = self
            .left
            .checked_sub(bytes)
            .ok_or(io::ErrorKind::StorageFull)?;
        Ok(())
    }
}

impl Storage for Filling {
    fn list(&self) -> io::Result<Vec<String>> {
        self.files.list()
    }

    /// As on a file system that sets nothing aside: the lack shows at a write.
    fn create(&mut self, name: &str, _: u64) -> io::Result<FileId> {
        self.files.create(name, 0)
    }

    fn open(&mut self, name: &str) -> io::Result<FileId> {
        self.files.open(name)
    }

    fn close(&mut self, file: FileId) -> io::Result<()> {
        self.files.close(file)
    }

    fn len(&self, file: FileId) -> io::Result<u64> {
        self.files.len(file)
    }

    fn read_at(&self, file: FileId, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.files.read_at(file, offset, buf)
    }

    /// What does not fit is written in part, as a file system may.
    fn write_at(&mut self, file: FileId, offset: u64, data: &[u8]) -> io::Result<()> {
        let fits = data.len().min(self.left as usize);
        self.files.write_at(file, offset, &data[..fits])?;
        self.spend(data.len() as u64)
    }

    fn sync(&mut self, file: FileId) -> io::Result<()> {
        self.files.sync(file)
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        self.files.sync_dir()
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.files.remove(name)
    }
}

#[test]
fn a_full_disk_ends_the_replica_in_words_and_loses_nothing() {
    let mut cluster = Cluster::new(1);
    let config = cluster.config(0);
    let open = |path: &Path| Filling::open(path, 300_000);
    let node = Node::start_over(config, open, &mut |_| ControlFlow::Continue(())).expect("started");
    cluster.adopt(0, node);
    let mut acknowledged = 0;
    let refused = loop {
        match cluster.put(0, &format!("k{acknowledged}"), &"v".repeat(5000)) {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert!(acknowledged > 20, "{acknowledged} writes fit");
    assert_eq!(
        refused, "etcdserver: server stopped",
        "its outcome is unknown"
    );
    let too_long = async { tokio::time::sleep(Duration::from_secs(20)).await };
    match cluster.node(0).run_until(too_long) {
        Some(Ended::DiskFailed(error)) => {
            assert!(error.contains("no space left for write"), "{error}");
            assert!(error.contains("free space and restart"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    cluster.stop(0);

    cluster.start(0);
    for n in 0..acknowledged {
        let value = cluster.get(0, &format!("k{n}")).expect("read");
        assert_eq!(
            value.map(|value| value.len()),
            Some(5000),
            "k{n} was acknowledged"
        );
    }
    cluster.put(0, "more", "room").expect("written");
}
