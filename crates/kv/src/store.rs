//! The store itself.

mod compact;
mod range;
mod snapshot;
mod txn;
mod write;

use std::sync::Arc;

use imbl::{OrdMap, Vector};

use crate::digest::{ChangeSum, Digest, hash_words};
use crate::error::Error;
use crate::history::{History, KeyChange, Revision};
use crate::key::Key;
use crate::request::{Command, PutRequest};
use crate::response::Response;

pub use snapshot::{SnapshotCursor, SnapshotError, SnapshotReader, SnapshotWriter};
use write::Write;

/// What a retained change costs beside its key and value: its record, its slot in the index node,
/// its slot in the log of changes, and what the allocator rounds up. Measured (`benches/store.rs`).
const CHANGE_OVERHEAD: u64 = 160;

/// A multi-version key-value store with etcd's semantics: the deterministic state machine that
/// every replica runs.
///
/// Revisions start at 1, the empty store. Each command that changes something makes the next one.
/// All of a command's effects happen or, on an error, none.
///
/// A clone is a frozen copy at the cost of a few pointers: the two share what neither changes, and
/// the first change of a shared part pays for copying it. This is how a snapshot is streamed while
/// the store moves on.
///
/// **Time.** A put is a search in a tree and an append. A range, a comparison of a range and a
/// delete take time with the number of keys that they are about: deleting a million keys by one
/// command holds up the next one for a second or two, as in etcd. Compaction is spread out.
///
/// **Memory.** Everything is held in memory: each retained change costs its key and value and
/// about 160 bytes. Old revisions stay until they are compacted, so that an owner who never sends
/// [`Command::Compact`] has a store that grows with every write. The store sets no bound itself:
/// refusing a write is a decision on which all replicas have to agree, so it is made before the
/// log, by [`size_bytes`](Store::size_bytes).
#[derive(Clone, Debug)]
pub struct Store {
    /// The revision of the last write transaction.
    revision: i64,
    /// The oldest revision that can be read; -1 before the first compaction.
    compacted: i64,
    /// Every key that has a retained change, deleted ones included.
    keys: OrdMap<Key, History>,
    /// The retained changes from `floor` on, in order. Compaction works through them.
    changes: Vector<Arc<KeyChange>>,
    /// Compaction has worked through every change before this one.
    floor: Revision,
    /// Over every retained change.
    sum: ChangeSum,
    /// The number of retained changes.
    retained: u64,
    /// The bytes of the keys and values of the retained changes.
    payload: u64,
}

impl Default for Store {
    fn default() -> Self {
        Store::new()
    }
}

impl Store {
    /// An empty store, at revision 1.
    pub fn new() -> Self {
        Store {
            revision: 1,
            compacted: -1,
            keys: OrdMap::new(),
            changes: Vector::new(),
            floor: Revision::default(),
            sum: ChangeSum::default(),
            retained: 0,
            payload: 0,
        }
    }

    /// Applies a command. The answer depends on the state and the command alone; an error leaves
    /// the contents as they were.
    ///
    /// Any command is safe here, also one that [`Command::check`] refuses (it is refused again,
    /// but for the number of a transaction's operations, which is a rule of the face).
    pub fn apply(&mut self, command: &Command) -> Result<Response, Error> {
        command.check(usize::MAX)?;
        let before = self.changes.len();
        let response = match command {
            Command::Put(put) => {
                self.check_lease(put)?;
                self.write(|write| write.put(put)).map(Response::Put)
            }
            Command::DeleteRange(delete) => self
                .write(|write| Ok(write.delete_range(delete)))
                .map(Response::DeleteRange),
            Command::Txn(txn) => self.apply_txn(txn).map(Response::Txn),
            Command::Compact(compact) => self.compact(compact).map(Response::Compact),
        };
        self.compact_more(self.changes.len().saturating_sub(before));
        response
    }

    /// The revision of the last write; 1 for an empty store.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// The oldest revision that can be read; -1 before the first compaction (as in etcd, where 0
    /// can therefore be compacted once).
    pub fn compacted_revision(&self) -> i64 {
        self.compacted
    }

    /// A digest of the whole state, in constant time.
    pub fn digest(&self) -> Digest {
        Digest(hash_words([
            self.sum.0,
            self.retained,
            self.revision as u64,
            self.compacted as u64,
            self.floor.main as u64,
            u64::from(self.floor.sub),
        ]))
    }

    /// About how much memory the store takes.
    pub fn size_bytes(&self) -> u64 {
        self.payload + self.retained * CHANGE_OVERHEAD
    }

    /// How many changes are retained: one for each key that exists, and those that compaction has
    /// not yet taken.
    pub fn retained_changes(&self) -> u64 {
        self.retained
    }

    /// Leases are not built yet: no lease exists.
    fn check_lease(&self, put: &PutRequest) -> Result<(), Error> {
        if put.lease == 0 {
            Ok(())
        } else {
            Err(Error::LeaseNotFound)
        }
    }

    /// Runs one write transaction.
    fn write<T>(
        &mut self,
        run: impl FnOnce(&mut Write<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut write = Write::begin(self);
        let result = run(&mut write)?;
        write.commit();
        Ok(result)
    }

    /// Counts a change that is now retained.
    fn count_in(&mut self, change: &KeyChange) {
        self.sum.add(change);
        self.retained += 1;
        self.payload += payload(change);
    }

    /// Counts a change that is no longer retained.
    fn count_out(&mut self, change: &KeyChange) {
        self.sum.remove(change);
        self.retained -= 1;
        self.payload -= payload(change);
    }
}

fn payload(change: &KeyChange) -> u64 {
    (change.key.as_slice().len() + change.value.len()) as u64
}
