//! [`MemStorage`]: a disk in memory that crashes, fails and fills up on demand. For tests, fuzzing
//! and benchmarks. And [`fit_checks`], for bytes that lie well.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use crate::storage::{FileId, Storage};

mod checks;

pub use checks::fit_checks;

/// Sectors are kept, lost or torn each by itself.
const SECTOR: u64 = 512;

/// A directory in memory that does to unsynced bytes and names all that [`Storage`] allows.
#[derive(Clone, Debug)]
pub struct MemStorage {
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    handles: BTreeMap<FileId, u64>,
    next_id: u64,
    capacity: u64,
    fault: Option<Fault>,
    ops: Cell<u64>,
    bytes_written: u64,
}

/// What a crash does to what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// Power failed, and all of it is lost.
    LoseAll,
    /// The process died, the machine did not: all of it is still there, and still not durable.
    Process,
    /// Power failed, and each sector, name and length is kept, lost or, for sectors, torn, as
    /// chance from this seed has it.
    Mix(u64),
}

#[derive(Clone, Copy, Debug)]
struct Fault {
    from: u64,
    /// `None`: this and all later calls fail, the machine is off.
    kind: Option<io::ErrorKind>,
}

#[derive(Clone, Debug, Default)]
struct Inode {
    /// Current bytes; up to `len` they continue as zeros.
    data: Vec<u8>,
    len: u64,
    durable_len: u64,
    /// Sectors written since the last sync, with their durable content; empty for zeros.
    unsynced: BTreeMap<u64, Vec<u8>>,
    /// Sectors whose sync failed, with their durable content: a later sync takes them for clean, as
    /// Linux does, and they are not on disk until they are written again.
    forsaken: BTreeMap<u64, Vec<u8>>,
}

impl Default for MemStorage {
    fn default() -> Self {
        Self::new()
    }
}

impl MemStorage {
    /// An empty directory without limits.
    pub fn new() -> Self {
        MemStorage {
            inodes: BTreeMap::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            handles: BTreeMap::new(),
            next_id: 0,
            capacity: u64::MAX,
            fault: None,
            ops: Cell::new(0),
            bytes_written: 0,
        }
    }

    /// Sets the size of the disk: what would go beyond fails with
    /// [`io::ErrorKind::StorageFull`].
    pub fn set_capacity(&mut self, bytes: u64) {
        self.capacity = bytes;
    }

    /// The number of calls so far, `list` and reads included.
    pub fn ops(&self) -> u64 {
        self.ops.get()
    }

    /// The number of bytes in all writes that succeeded.
    pub fn bytes_written(&self) -> u64 {
        self.bytes_written
    }

    /// Makes call number `op`, counted from zero as [`ops`](Self::ops) does, fail once. A write
    /// that fails has done half; what a failed sync should have made durable can be read and is
    /// not on disk, however many later syncs succeed, until it is written again.
    pub fn fail_at(&mut self, op: u64, kind: io::ErrorKind) {
        self.fault = Some(Fault {
            from: op,
            kind: Some(kind),
        });
    }

    /// Turns the machine off before call number `op`: it and all later calls fail without effect,
    /// until [`crash`](Self::crash).
    pub fn halt_at(&mut self, op: u64) {
        self.fault = Some(Fault {
            from: op,
            kind: None,
        });
    }

    /// Whether a fault that was asked for has happened.
    pub fn is_faulted(&self) -> bool {
        self.fault.is_some_and(|fault| self.ops.get() > fault.from)
    }

    /// Crashes and restarts: closes all files and forgets faults that were asked for. If power
    /// failed, what was unsynced is decided about, and what is there then is durable.
    pub fn crash(&mut self, crash: Crash) {
        self.handles.clear();
        self.fault = None;
        if crash == Crash::Process {
            return;
        }
        let mut chance = Chance(crash);
        let mut names = BTreeMap::new();
        let both: Vec<_> = self
            .durable_names
            .keys()
            .chain(self.names.keys())
            .cloned()
            .collect();
        for name in both {
            let (old, new) = (self.durable_names.get(&name), self.names.get(&name));
            let inode = if old == new || chance.keeps() {
                new
            } else {
                old
            };
            if let Some(&inode) = inode {
                names.insert(name, inode);
            }
        }
        for inode in self.inodes.values_mut() {
            inode.crash(&mut chance);
        }
        self.inodes
            .retain(|inode, _| names.values().any(|named| named == inode));
        self.durable_names.clone_from(&names);
        self.names = names;
    }

    /// The bytes of a file, without the zeros it was preallocated with.
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        Some(&self.inodes[self.names.get(name)?].data)
    }

    /// Puts a durable file in place, by hand.
    pub fn put_file(&mut self, name: &str, bytes: &[u8]) {
        let len = bytes.len() as u64;
        let inode = Inode {
            data: bytes.to_vec(),
            len,
            durable_len: len,
            ..Inode::default()
        };
        self.next_id += 1;
        self.inodes.insert(self.next_id, inode);
        self.names.insert(name.to_owned(), self.next_id);
        self.durable_names.insert(name.to_owned(), self.next_id);
    }

    /// Removes a file durably, by hand.
    pub fn take_file(&mut self, name: &str) {
        self.names.remove(name);
        self.durable_names.remove(name);
    }

    /// Changes the durable bytes of a file in place, as decay does; bytes beyond its content are
    /// left alone.
    pub fn damage(&mut self, name: &str, range: Range<u64>, change: impl Fn(u8) -> u8) {
        if let Some(inode) = self
            .names
            .get(name)
            .and_then(|inode| self.inodes.get_mut(inode))
        {
            let held = inode.data.len() as u64;
            for byte in
                &mut inode.data[range.start.min(held) as usize..range.end.min(held) as usize]
            {
                *byte = change(*byte);
            }
        }
    }

    /// Counts a call. `Err` if it is to fail.
    fn op(&self) -> io::Result<()> {
        let op = self.ops.get();
        self.ops.set(op + 1);
        match self.fault {
            Some(Fault {
                from,
                kind: Some(kind),
            }) if op == from => Err(kind.into()),
            Some(Fault { from, kind: None }) if op >= from => {
                Err(io::Error::other("the machine is off"))
            }
            _ => Ok(()),
        }
    }

    /// Whether the machine is off: then a failing call has no effect at all.
    fn is_off(&self) -> bool {
        self.fault.is_some_and(|fault| fault.kind.is_none())
    }

    fn inode(&self, file: FileId) -> io::Result<&Inode> {
        let inode = self.handles.get(&file).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(&self.inodes[inode])
    }

    fn inode_mut(&mut self, file: FileId) -> io::Result<&mut Inode> {
        let inode = self.handles.get(&file).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self
            .inodes
            .get_mut(inode)
            .expect("an open file has an inode"))
    }

    fn grow(&self, by: u64) -> io::Result<()> {
        let used: u64 = self
            .names
            .values()
            .map(|inode| self.inodes[inode].len)
            .sum();
        let fits = by == 0 || used.checked_add(by).is_some_and(|sum| sum <= self.capacity);
        if fits {
            Ok(())
        } else {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    fn handle(&mut self, inode: u64) -> FileId {
        self.next_id += 1;
        self.handles.insert(FileId(self.next_id), inode);
        FileId(self.next_id)
    }
}

impl Storage for MemStorage {
    fn list(&self) -> io::Result<Vec<String>> {
        self.op()?;
        Ok(self.names.keys().cloned().collect())
    }

    fn create(&mut self, name: &str, preallocate: u64) -> io::Result<FileId> {
        self.op()?;
        if self.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.next_id += 1;
        let inode = self.next_id;
        self.inodes.insert(inode, Inode::default());
        self.names.insert(name.to_owned(), inode);
        // As on a file system: the name is there even when the space is not.
        self.grow(preallocate)?;
        self.inodes.insert(
            inode,
            Inode {
                len: preallocate,
                ..Inode::default()
            },
        );
        Ok(self.handle(inode))
    }

    fn open(&mut self, name: &str) -> io::Result<FileId> {
        self.op()?;
        let inode = *self.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(self.handle(inode))
    }

    fn close(&mut self, file: FileId) -> io::Result<()> {
        self.op()?;
        self.handles
            .remove(&file)
            .map(|_| ())
            .ok_or(io::ErrorKind::InvalidInput.into())
    }

    fn len(&self, file: FileId) -> io::Result<u64> {
        self.op()?;
        Ok(self.inode(file)?.len)
    }

    fn read_at(&self, file: FileId, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.op()?;
        Ok(self.inode(file)?.read_at(offset, buf))
    }

    fn write_at(&mut self, file: FileId, offset: u64, data: &[u8]) -> io::Result<()> {
        let fault = self.op();
        if fault.is_err() {
            if !self.is_off() {
                self.inode_mut(file)?
                    .write_at(offset, &data[..data.len() / 2]);
            }
            return fault;
        }
        if self.capacity != u64::MAX {
            let end = offset.saturating_add(data.len() as u64);
            self.grow(end.saturating_sub(self.inode(file)?.len))?;
        }
        self.inode_mut(file)?.write_at(offset, data);
        self.bytes_written += data.len() as u64;
        Ok(())
    }

    fn sync(&mut self, file: FileId) -> io::Result<()> {
        let fault = self.op();
        let off = self.is_off();
        let inode = self.inode_mut(file)?;
        if fault.is_err() {
            if !off {
                let unsynced = std::mem::take(&mut inode.unsynced);
                for (sector, old) in unsynced {
                    inode.forsaken.entry(sector).or_insert(old);
                }
            }
            return fault;
        }
        for sector in std::mem::take(&mut inode.unsynced).into_keys() {
            inode.forsaken.remove(&sector);
        }
        inode.durable_len = inode.len;
        Ok(())
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        self.op()?;
        self.durable_names.clone_from(&self.names);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.op()?;
        let inode = *self.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        if self.handles.values().any(|&open| open == inode) {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        self.names.remove(name);
        Ok(())
    }
}

impl Inode {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> usize {
        let got = self.len.saturating_sub(offset).min(buf.len() as u64) as usize;
        let from = offset.min(self.data.len() as u64) as usize;
        let held = (self.data.len() - from).min(got);
        buf[..held].copy_from_slice(&self.data[from..from + held]);
        buf[held..got].fill(0);
        got
    }

    fn write_at(&mut self, offset: u64, data: &[u8]) {
        let end = offset + data.len() as u64;
        for sector in offset / SECTOR..end.div_ceil(SECTOR) {
            let held = self.data.len() as u64;
            let old =
                (sector * SECTOR).min(held) as usize..((sector + 1) * SECTOR).min(held) as usize;
            self.unsynced
                .entry(sector)
                .or_insert_with(|| self.data[old].to_vec());
        }
        if self.data.len() < end as usize {
            self.data.resize(end as usize, 0);
        }
        self.data[offset as usize..end as usize].copy_from_slice(data);
        self.len = self.len.max(end);
    }

    fn crash(&mut self, chance: &mut Chance) {
        let mut doubtful = std::mem::take(&mut self.forsaken);
        for (sector, old) in std::mem::take(&mut self.unsynced) {
            doubtful.entry(sector).or_insert(old);
        }
        for (sector, mut old) in doubtful {
            old.resize(SECTOR as usize, 0);
            let start = (sector * SECTOR) as usize;
            let end = (start + SECTOR as usize).min(self.data.len());
            chance.decide_sector(&mut self.data[start..end], &old);
        }
        if self.durable_len != self.len && !chance.keeps() {
            self.len = self.durable_len;
            self.data.truncate(self.len as usize);
        }
        self.durable_len = self.len;
    }
}

/// Decides what a crash keeps.
struct Chance(Crash);

impl Chance {
    fn keeps(&mut self) -> bool {
        match &mut self.0 {
            Crash::LoseAll | Crash::Process => false,
            Crash::Mix(state) => splitmix(state) & 1 == 0,
        }
    }

    /// Leaves in `new` what the disk shows after the crash.
    fn decide_sector(&mut self, new: &mut [u8], old: &[u8]) {
        let torn = match &mut self.0 {
            Crash::Mix(state) => splitmix(state).is_multiple_of(4),
            _ => false,
        };
        // A torn sector is decided in pieces.
        let piece = if torn { 16 } else { SECTOR as usize };
        for (new, old) in new.chunks_mut(piece).zip(old.chunks(piece)) {
            if !self.keeps() {
                new.copy_from_slice(&old[..new.len()]);
            }
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood, OOPSLA'14): enough chance for a crash.
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
