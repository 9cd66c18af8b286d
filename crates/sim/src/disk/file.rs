//! One file: what programs see, and what of it would outlive a power failure.

use crate::decisions::Decisions;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// The unit that a disk writes whole, or tears.
pub(super) const SECTOR: u64 = 512;

/// A file in the page cache, and what is known of its medium.
///
/// Cheap where nothing goes wrong: appending copies the bytes once and notes a range, a sync drops
/// the notes. The medium's old content is kept only for sectors that are written again.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    /// What is read; up to `len` it continues as zeros.
    data: Vec<u8>,
    len: u64,
    /// The length on the medium.
    durable_len: u64,
    /// On the medium, bytes from here on are zeros, but for `old`.
    durable_end: u64,
    /// Written since the last sync.
    dirty: Vec<Range<u64>>,
    /// What the medium holds of sectors before `durable_end` that differ from `data`.
    old: BTreeMap<u64, Vec<u8>>,
    /// Sectors whose sync failed: clean in the page cache, not on the medium, as on Linux.
    forsaken: BTreeSet<u64>,
}

/// What a crash did to the unsynced sectors of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CrashDamage {
    /// Sectors that did reach the medium.
    pub kept: u64,
    /// Sectors that did not.
    pub lost: u64,
    /// Sectors that did in part.
    pub torn: u64,
}

impl File {
    pub(super) fn new(buffer: Vec<u8>, len: u64) -> Self {
        Self {
            data: buffer,
            len,
            ..Self::default()
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The end of the bytes that were ever written and synced.
    pub(super) fn durable_end(&self) -> u64 {
        self.durable_end
    }

    pub(super) fn read(&self, offset: u64, buf: &mut [u8]) -> usize {
        let count = self.len.saturating_sub(offset).min(buf.len() as u64) as usize;
        let start = (offset as usize).min(self.data.len());
        let end = (start + count).min(self.data.len());
        let held = end - start;
        buf[..held].copy_from_slice(&self.data[start..end]);
        buf[held..count].fill(0);
        count
    }

    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) {
        let end = offset + bytes.len() as u64;
        self.keep_old(offset..end);
        for sector in sectors(&(offset..end)) {
            if self.forsaken.is_empty() {
                break;
            }
            self.forsaken.remove(&sector); // dirty again: the next sync takes it along
        }
        let (from, to) = (offset as usize, end as usize);
        if from >= self.data.len() {
            self.data.resize(from, 0);
            self.data.extend_from_slice(bytes);
        } else {
            if to > self.data.len() {
                self.data.resize(to, 0);
            }
            self.data[from..to].copy_from_slice(bytes);
        }
        self.len = self.len.max(end);
        match self.dirty.last_mut() {
            Some(last) if last.end == offset => last.end = end,
            _ => self.dirty.push(offset..end),
        }
    }

    /// Before sectors that the medium holds are written: what it holds.
    fn keep_old(&mut self, range: Range<u64>) {
        if range.start >= self.durable_end {
            return;
        }
        for sector in sectors(&range) {
            if sector * SECTOR < self.durable_end && !self.old.contains_key(&sector) {
                self.old.insert(sector, self.sector(sector));
            }
        }
    }

    fn sector(&self, sector: u64) -> Vec<u8> {
        let mut bytes = vec![0; SECTOR as usize];
        let start = ((sector * SECTOR) as usize).min(self.data.len());
        let end = (start + SECTOR as usize).min(self.data.len());
        bytes[..end - start].copy_from_slice(&self.data[start..end]);
        bytes
    }

    pub(super) fn sync(&mut self) {
        self.dirty.clear();
        if !self.old.is_empty() {
            let forsaken = &self.forsaken;
            self.old.retain(|sector, _| forsaken.contains(sector));
        }
        self.durable_end = self.data.len() as u64;
        self.durable_len = self.len;
    }

    /// A sync that fails: the page cache takes the sectors for clean, the medium lacks them.
    pub(super) fn sync_failed(&mut self) {
        for sector in self.dirty.drain(..).flat_map(|range| sectors(&range)) {
            self.old
                .entry(sector)
                .or_insert_with(|| vec![0; SECTOR as usize]);
            self.forsaken.insert(sector);
        }
    }

    /// The power fails: the medium's content is what is there from now on. Without `tear`, a
    /// sector is kept or lost whole.
    pub(super) fn power_fails(
        &mut self,
        tear: bool,
        decisions: &mut Decisions,
        damage: &mut CrashDamage,
    ) {
        let mut unsynced: BTreeSet<u64> = std::mem::take(&mut self.forsaken);
        unsynced.extend(self.dirty.drain(..).flat_map(|range| sectors(&range)));
        // Often the whole of what was not synced has one fate.
        let fate = if unsynced.is_empty() {
            0
        } else {
            decisions.below(4)
        };
        for sector in unsynced {
            let choice = match fate {
                0 => 0,
                1 => 1,
                _ if tear => decisions.below(3),
                _ => decisions.below(2),
            };
            match choice {
                0 => damage.kept += 1,
                1 => {
                    damage.lost += 1;
                    let old = self.medium(sector);
                    self.put_sector(sector, &old);
                }
                _ => {
                    damage.torn += 1;
                    let (old, mut torn) = (self.medium(sector), self.sector(sector));
                    let cut = decisions.within(1, SECTOR - 1) as usize;
                    if decisions.below(4) == 3 {
                        torn[..cut].copy_from_slice(&old[..cut]);
                    } else {
                        torn[cut..].copy_from_slice(&old[cut..]);
                    }
                    self.put_sector(sector, &torn);
                }
            }
        }
        if self.len > self.durable_len {
            self.len -= decisions.below(self.len - self.durable_len + 1);
            self.data.truncate(self.len as usize);
        }
        self.old.clear();
        self.durable_end = self.data.len() as u64;
        self.durable_len = self.len;
    }

    /// The process died and the machine did not: the page cache stays. Of what a failed sync left
    /// behind, the machine may have dropped any part.
    pub(super) fn process_dies(&mut self, decisions: &mut Decisions) {
        for sector in std::mem::take(&mut self.forsaken) {
            let old = self.old.remove(&sector).unwrap_or_default();
            if decisions.below(2) == 1 {
                self.put_sector(sector, &old);
            } else {
                self.old.insert(sector, old);
                self.forsaken.insert(sector);
            }
        }
    }

    fn medium(&self, sector: u64) -> Vec<u8> {
        match self.old.get(&sector) {
            Some(old) => old.clone(),
            None => vec![0; SECTOR as usize],
        }
    }

    fn put_sector(&mut self, sector: u64, bytes: &[u8]) {
        let start = (sector * SECTOR) as usize;
        let end = (start + bytes.len()).min(self.len as usize);
        if self.data.len() < end {
            self.data.resize(end, 0);
        }
        if start < end {
            self.data[start..end].copy_from_slice(&bytes[..end - start]);
        }
    }

    /// Flips a bit that was durable.
    pub(super) fn rot(&mut self, offset: u64, bit: u32) {
        if let Some(byte) = self.data.get_mut(offset as usize) {
            *byte ^= 1 << (bit % 8);
        }
    }

    /// The buffer, for the next file.
    pub(super) fn into_buffer(mut self) -> Vec<u8> {
        self.data.clear();
        self.data
    }
}

fn sectors(range: &Range<u64>) -> Range<u64> {
    range.start / SECTOR..range.end.div_ceil(SECTOR)
}
