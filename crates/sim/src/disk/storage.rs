//! [`SimStorage`]: a directory on a disk that can do all that disks do.

use super::file::{CrashDamage, File, SECTOR};
use crate::decisions::Decisions;
use quorate_wal::{FileId, Storage};
use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

/// Files in memory, sector by sector: what was not synced may be lost or torn by a power failure,
/// and faults can be asked for.
#[derive(Clone, Debug)]
pub struct SimStorage {
    /// Every file that has a name, now or on the medium.
    files: Vec<Option<File>>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    handles: Vec<Option<usize>>,
    spare: Vec<Vec<u8>>,
    capacity: u64,
    used: u64,
    /// Calls that change something, so far.
    ops: u64,
    fault: Option<Fault>,
    halted: bool,
    /// A call has failed since the last restart.
    failed: bool,
    lying_syncs: u32,
    misdirect: Option<u64>,
}

/// A fault that is to happen at a call that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fault {
    at: u64,
    kind: FaultKind,
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The power fails before it has any effect; no call works until [`SimStorage::power_fails`].
    Halt,
    /// It fails as a broken disk does; a write has done half, a sync nothing.
    Error,
    /// It fails for want of space.
    Full,
}

impl Default for SimStorage {
    fn default() -> Self {
        Self {
            files: vec![],
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            handles: vec![],
            spare: vec![],
            capacity: u64::MAX,
            used: 0,
            ops: 0,
            fault: None,
            halted: false,
            failed: false,
            lying_syncs: 0,
            misdirect: None,
        }
    }
}

impl SimStorage {
    /// Lets something go wrong at the call that changes something after the next `calls`.
    pub fn plan(&mut self, calls: u64, kind: FaultKind) {
        self.fault = Some(Fault {
            at: self.ops + calls,
            kind,
        });
    }

    /// Takes back all that was asked for: from here on the disk works.
    pub fn heal(&mut self) {
        (self.fault, self.lying_syncs, self.misdirect) = (None, 0, None);
        self.capacity = u64::MAX;
    }

    /// Has the power failed at a call?
    pub fn halted(&self) -> bool {
        self.halted
    }

    /// Has a call failed since the last restart?
    pub fn failed(&self) -> bool {
        self.failed
    }

    /// How large the disk is, in bytes.
    pub fn set_capacity(&mut self, bytes: u64) {
        self.capacity = bytes;
    }

    /// Bytes in use.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// The next syncs report success and do nothing.
    pub fn lie(&mut self, syncs: u32) {
        self.lying_syncs = syncs;
    }

    /// Would a sync report success and do nothing?
    pub fn is_lying(&self) -> bool {
        self.lying_syncs > 0
    }

    /// The next write goes this many sectors too far.
    pub fn misdirect(&mut self, sectors: u64) {
        self.misdirect = Some(sectors);
    }

    /// Flips one bit of what is durable, if anything is. Says where.
    pub fn rot(&mut self, decisions: &mut Decisions) -> Option<(String, u64)> {
        let names: Vec<&String> = self.names.keys().collect();
        let name = (*names.get(decisions.below(names.len() as u64) as usize)?).clone();
        let file = self.files[*self.names.get(&name)?].as_mut()?;
        if file.durable_end() == 0 {
            return None;
        }
        let offset = decisions.below(file.durable_end());
        file.rot(offset, decisions.below(8) as u32);
        Some((name, offset))
    }

    /// The power failed: decides about all that was not synced. What is there now is durable.
    pub fn power_fails(&mut self, tear: bool, decisions: &mut Decisions) -> CrashDamage {
        let mut damage = CrashDamage::default();
        if self.names != self.durable_names {
            let mut names = BTreeMap::new();
            let mut all: Vec<&String> =
                self.names.keys().chain(self.durable_names.keys()).collect();
            all.sort_unstable();
            all.dedup();
            for name in all {
                let (now, then) = (self.names.get(name), self.durable_names.get(name));
                let changed = now != then && decisions.below(2) == 1;
                if let Some(&file) = if changed { then } else { now } {
                    names.insert(name.clone(), file);
                }
            }
            self.names = names;
        }
        self.durable_names.clone_from(&self.names);
        for file in self.files.iter_mut().flatten() {
            file.power_fails(tear, decisions, &mut damage);
        }
        self.forget_unnamed();
        self.restarted();
        damage
    }

    /// The process died; the machine and its page cache live on.
    pub fn process_dies(&mut self, decisions: &mut Decisions) {
        for file in self.files.iter_mut().flatten() {
            file.process_dies(decisions);
        }
        self.restarted();
    }

    /// Some of the files are lost while nothing has them open, at least one. Says which.
    pub fn lose_files(&mut self, decisions: &mut Decisions) -> Vec<String> {
        let all: Vec<String> = self.names.keys().cloned().collect();
        if all.is_empty() {
            return all;
        }
        let surely = decisions.below(all.len() as u64) as usize;
        let every = decisions.below(4) == 0;
        let mut lost = all;
        let mut at = 0;
        lost.retain(|_| {
            at += 1;
            every || at - 1 == surely || decisions.below(4) == 0
        });
        for name in &lost {
            self.names.remove(name);
            self.durable_names.remove(name);
        }
        self.forget_unnamed();
        lost
    }

    /// All is gone, as on a new disk.
    pub fn wipe(&mut self) {
        *self = Self::default();
    }

    fn restarted(&mut self) {
        self.handles.clear();
        (self.halted, self.failed, self.fault) = (false, false, None);
        (self.lying_syncs, self.misdirect) = (0, None);
        self.used = self.files.iter().flatten().map(File::len).sum();
    }

    /// Calls that change something pass here. An error is what the call fails with.
    fn op(&mut self) -> Result<(), FaultKind> {
        if self.halted {
            return Err(FaultKind::Halt);
        }
        let op = self.ops;
        self.ops += 1;
        match self.fault {
            Some(Fault { at, kind }) if at <= op => {
                self.fault = None;
                self.halted = kind == FaultKind::Halt;
                self.failed = true;
                Err(kind)
            }
            _ => Ok(()),
        }
    }

    fn index(&self, file: FileId) -> io::Result<usize> {
        let handle = self.handles.get(file.0 as usize).copied().flatten();
        handle.ok_or_else(|| io::Error::other("the file is not open"))
    }

    fn file(&mut self, file: FileId) -> io::Result<&mut File> {
        let index = self.index(file)?;
        let file = self.files.get_mut(index).and_then(Option::as_mut);
        file.ok_or_else(|| io::Error::other("the file is gone"))
    }

    fn open_handle(&mut self, index: usize) -> FileId {
        self.handles.push(Some(index));
        FileId(self.handles.len() as u64 - 1)
    }

    fn take_space(&mut self, bytes: u64) -> io::Result<()> {
        if self.used.saturating_add(bytes) > self.capacity {
            self.failed = true;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.used += bytes;
        Ok(())
    }

    /// Files without a name, now and on the medium, give their buffers back.
    fn forget_unnamed(&mut self) {
        for index in 0..self.files.len() {
            let named = |names: &BTreeMap<String, usize>| names.values().any(|&at| at == index);
            if !named(&self.names)
                && !named(&self.durable_names)
                && let Some(file) = self.files[index].take()
            {
                self.used -= file.len().min(self.used);
                self.spare.push(file.into_buffer());
            }
        }
    }
}

fn error(kind: FaultKind) -> io::Error {
    match kind {
        FaultKind::Halt => io::Error::other("the power is off"),
        FaultKind::Error => io::Error::other("input/output error"),
        FaultKind::Full => io::ErrorKind::StorageFull.into(),
    }
}

impl Storage for SimStorage {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names.keys().cloned().collect())
    }

    fn create(&mut self, name: &str, preallocate: u64) -> io::Result<FileId> {
        self.op().map_err(error)?;
        if self.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.take_space(preallocate)?;
        let file = File::new(self.spare.pop().unwrap_or_default(), preallocate);
        let free = self.files.iter().position(Option::is_none);
        let index = free.unwrap_or_else(|| {
            self.files.push(None);
            self.files.len() - 1
        });
        self.files[index] = Some(file);
        self.names.insert(name.to_owned(), index);
        Ok(self.open_handle(index))
    }

    fn open(&mut self, name: &str) -> io::Result<FileId> {
        let index = self.names.get(name).copied();
        let index = index.ok_or(io::Error::from(io::ErrorKind::NotFound))?;
        Ok(self.open_handle(index))
    }

    fn close(&mut self, file: FileId) -> io::Result<()> {
        self.index(file)?;
        self.handles[file.0 as usize] = None;
        Ok(())
    }

    fn len(&self, file: FileId) -> io::Result<u64> {
        let index = self.index(file)?;
        Ok(self.files[index].as_ref().map_or(0, File::len))
    }

    fn read_at(&self, file: FileId, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let index = self.index(file)?;
        Ok(self.files[index]
            .as_ref()
            .map_or(0, |file| file.read(offset, buf)))
    }

    fn write_at(&mut self, file: FileId, offset: u64, data: &[u8]) -> io::Result<()> {
        let fault = self.op().err();
        let grows = (offset + data.len() as u64).saturating_sub(Storage::len(self, file)?);
        if grows > 0 {
            self.take_space(grows)?;
        }
        match fault {
            None => {
                let astray = self.misdirect.take().map_or(0, |sectors| sectors * SECTOR);
                self.file(file)?.write(offset + astray, data);
                Ok(())
            }
            Some(FaultKind::Halt) => Err(error(FaultKind::Halt)),
            Some(kind) => {
                self.file(file)?.write(offset, &data[..data.len() / 2]);
                Err(error(kind))
            }
        }
    }

    fn sync(&mut self, file: FileId) -> io::Result<()> {
        match self.op() {
            Ok(()) if self.lying_syncs > 0 => self.lying_syncs -= 1,
            Ok(()) => self.file(file)?.sync(),
            Err(FaultKind::Halt) => return Err(error(FaultKind::Halt)),
            Err(kind) => {
                self.file(file)?.sync_failed();
                return Err(error(kind));
            }
        }
        Ok(())
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        self.op().map_err(error)?;
        self.durable_names.clone_from(&self.names);
        self.forget_unnamed();
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.op().map_err(error)?;
        let removed = self.names.remove(name);
        removed.map(|_| ()).ok_or(io::ErrorKind::NotFound.into())
    }
}

/// A [`SimStorage`] in the hands of a log, while the world keeps its own.
#[derive(Clone, Debug, Default)]
pub struct SharedStorage(Rc<RefCell<SimStorage>>);

impl SharedStorage {
    /// The disk, for its owner: never across a call of the log.
    pub fn get(&self) -> RefMut<'_, SimStorage> {
        self.0.borrow_mut()
    }
}

impl Storage for SharedStorage {
    fn list(&self) -> io::Result<Vec<String>> {
        self.0.borrow().list()
    }

    fn create(&mut self, name: &str, preallocate: u64) -> io::Result<FileId> {
        self.get().create(name, preallocate)
    }

    fn open(&mut self, name: &str) -> io::Result<FileId> {
        self.get().open(name)
    }

    fn close(&mut self, file: FileId) -> io::Result<()> {
        self.get().close(file)
    }

    fn len(&self, file: FileId) -> io::Result<u64> {
        self.0.borrow().len(file)
    }

    fn read_at(&self, file: FileId, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.0.borrow().read_at(file, offset, buf)
    }

    fn write_at(&mut self, file: FileId, offset: u64, data: &[u8]) -> io::Result<()> {
        self.get().write_at(file, offset, data)
    }

    fn sync(&mut self, file: FileId) -> io::Result<()> {
        self.get().sync(file)
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        self.get().sync_dir()
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.get().remove(name)
    }
}
