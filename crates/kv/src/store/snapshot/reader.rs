//! Bytes to state.

use std::fmt;
use std::sync::Arc;

use bytes::{Buf, Bytes};

use super::{HEADER_BYTES, MAGIC, RECORD_BYTES, VERSION};
use crate::digest::Digest;
use crate::history::{History, KeyChange, Revision};
use crate::key::Key;
use crate::store::Store;

/// Revisions beyond this one are not believed: what can still be counted up never overflows.
const MAX_REVISION: i64 = i64::MAX / 2;

/// Why a sequence of blocks is not a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// It does not begin like one.
    #[error("this is not a snapshot of the key-value store")]
    NotASnapshot,
    /// It is of a version that this program does not know.
    #[error("the snapshot has format version {0}, and this program knows version {VERSION} alone")]
    UnknownVersion(u8),
    /// It says something that no store would write.
    #[error("the snapshot is malformed: {0}")]
    Malformed(&'static str),
    /// It ends early.
    #[error("the snapshot ends early")]
    Truncated,
    /// It goes on after its end.
    #[error("the snapshot goes on after its end")]
    TooLong,
    /// What was read is not what was written.
    #[error("the snapshot does not have the contents that it says it has")]
    WrongContents,
}

use SnapshotError::Malformed;

/// Builds a store from the blocks of a [`SnapshotWriter`](crate::SnapshotWriter), in order.
///
/// After an error it refuses everything with the same error.
#[derive(Clone)]
pub struct SnapshotReader(State);

#[derive(Clone)]
enum State {
    Header,
    Records(Box<Records>),
    Failed(SnapshotError),
}

/// A snapshot being read.
#[derive(Clone)]
struct Records {
    header: Header,
    /// The store being built, but for the key being read and the log of changes.
    store: Store,
    current: Option<(Key, History)>,
    /// The changes from the floor on, in the order of their keys.
    changes: Vec<Arc<KeyChange>>,
}

#[derive(Clone)]
struct Header {
    revision: i64,
    compacted: i64,
    floor: Revision,
    retained: u64,
    digest: Digest,
}

impl fmt::Debug for SnapshotReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read = match &self.0 {
            State::Records(records) => records.store.retained,
            _ => 0,
        };
        f.debug_struct("SnapshotReader")
            .field("records", &read)
            .finish_non_exhaustive()
    }
}

impl Default for SnapshotReader {
    fn default() -> Self {
        SnapshotReader::new()
    }
}

impl SnapshotReader {
    /// A reader at the beginning of a snapshot.
    pub fn new() -> Self {
        SnapshotReader(State::Header)
    }

    /// Takes the next block, whole.
    ///
    /// # Errors
    /// If it is not one that a writer writes in this place.
    pub fn feed(&mut self, block: &[u8]) -> Result<(), SnapshotError> {
        let fed = match &mut self.0 {
            State::Failed(error) => Err(*error),
            State::Header => Header::decode(block).map(|header| {
                self.0 = State::Records(Box::new(Records::new(header)));
            }),
            State::Records(records) => records.add_all(block),
        };
        fed.inspect_err(|error| self.0 = State::Failed(*error))
    }

    /// The store, when every block was fed.
    ///
    /// # Errors
    /// If blocks are missing, or what they make is not what the writer had.
    pub fn finish(self) -> Result<Store, SnapshotError> {
        match self.0 {
            State::Records(records) if records.are_complete() => records.build(),
            State::Failed(error) => Err(error),
            State::Header | State::Records(_) => Err(SnapshotError::Truncated),
        }
    }
}

/// Takes the first record off.
fn take(block: &mut &[u8]) -> Result<KeyChange, SnapshotError> {
    const SHORT: SnapshotError = Malformed("a record that ends early");
    let (mut head, rest) = block.split_at_checked(RECORD_BYTES).ok_or(SHORT)?;
    let revision = Revision {
        main: head.get_i64_le(),
        sub: head.get_u32_le(),
    };
    let (create, version, lease) = (head.get_i64_le(), head.get_i64_le(), head.get_i64_le());
    let (key, value) = (head.get_u32_le(), head.get_u32_le());
    let (key, rest) = rest.split_at_checked(key as usize).ok_or(SHORT)?;
    let (value, rest) = rest.split_at_checked(value as usize).ok_or(SHORT)?;
    *block = rest;
    Ok(KeyChange {
        key: Key::new(key),
        revision,
        create,
        version,
        lease,
        value: Bytes::copy_from_slice(value),
    })
}

impl Header {
    fn decode(mut bytes: &[u8]) -> Result<Self, SnapshotError> {
        let beginning = bytes.split_first_chunk().ok_or(SnapshotError::Truncated)?;
        match beginning {
            (&MAGIC, [VERSION, ..]) => {}
            (&MAGIC, [version, ..]) => return Err(SnapshotError::UnknownVersion(*version)),
            (&MAGIC, []) => return Err(SnapshotError::Truncated),
            _ => return Err(SnapshotError::NotASnapshot),
        }
        if bytes.len() != HEADER_BYTES {
            return Err(Malformed("a header of another length"));
        }
        bytes.advance(MAGIC.len() + 1);
        let header = Header {
            revision: bytes.get_i64_le(),
            compacted: bytes.get_i64_le(),
            floor: Revision {
                main: bytes.get_i64_le(),
                sub: bytes.get_u32_le(),
            },
            retained: bytes.get_u64_le(),
            digest: Digest(bytes.get_u64_le()),
        };
        if !(1..=MAX_REVISION).contains(&header.revision)
            || !(-1..=header.revision).contains(&header.compacted)
        {
            return Err(Malformed("a revision out of bounds"));
        }
        let floor = header.floor;
        if floor != Revision::default() && !(1..header.compacted).contains(&floor.main) {
            return Err(Malformed("compaction got further than it was asked to"));
        }
        Ok(header)
    }
}

impl Records {
    fn new(header: Header) -> Self {
        Records {
            header,
            store: Store::new(),
            current: None,
            changes: Vec::new(),
        }
    }

    fn are_complete(&self) -> bool {
        self.store.retained == self.header.retained
    }

    fn add_all(&mut self, mut block: &[u8]) -> Result<(), SnapshotError> {
        if self.are_complete() {
            return Err(SnapshotError::TooLong);
        }
        loop {
            self.add(take(&mut block)?)?;
            match (block, self.are_complete()) {
                ([], _) => return Ok(()),
                (_, true) => return Err(SnapshotError::TooLong),
                _ => {}
            }
        }
    }

    fn add(&mut self, change: KeyChange) -> Result<(), SnapshotError> {
        self.check(&change)?;
        self.store.count_in(&change);
        let change = Arc::new(change);
        if change.revision >= self.header.floor {
            self.changes.push(Arc::clone(&change));
        }
        match &mut self.current {
            Some((key, history)) if *key == change.key => history.push(change),
            current => {
                let next = (change.key.clone(), History::new(change));
                if let Some((key, history)) = current.replace(next) {
                    self.store.keys.insert(key, history);
                }
            }
        }
        Ok(())
    }

    /// Checks that the change can come next.
    fn check(&self, change: &KeyChange) -> Result<(), SnapshotError> {
        if change.key.as_slice().is_empty() {
            return Err(Malformed("an empty key"));
        }
        if !(2..=self.header.revision).contains(&change.revision.main) {
            return Err(Malformed("a change at a revision out of bounds"));
        }
        let follows = match &self.current {
            Some((key, _)) if *key > change.key => return Err(Malformed("keys out of order")),
            Some((key, history)) if *key == change.key => {
                if change.revision < self.header.floor {
                    return Err(Malformed("a change that compaction has forgotten"));
                }
                can_follow(history.latest(), change)
            }
            _ => can_be_first(change, self.header.floor),
        };
        if follows {
            Ok(())
        } else {
            Err(Malformed("a change that cannot follow the last one"))
        }
    }

    fn build(mut self) -> Result<Store, SnapshotError> {
        let mut store = self.store;
        if let Some((key, history)) = self.current.take() {
            store.keys.insert(key, history);
        }
        self.changes.sort_unstable_by_key(|change| change.revision);
        if self
            .changes
            .windows(2)
            .any(|pair| pair[0].revision == pair[1].revision)
        {
            return Err(Malformed("two changes with one revision"));
        }
        store.changes = self.changes.into_iter().collect();
        store.revision = self.header.revision;
        store.compacted = self.header.compacted;
        store.floor = self.header.floor;
        if store.digest() != self.header.digest {
            return Err(SnapshotError::WrongContents);
        }
        Ok(store)
    }
}

/// Whether a key's history can go from one change to the next.
fn can_follow(last: &KeyChange, next: &KeyChange) -> bool {
    if last.revision >= next.revision {
        false
    } else if next.is_tombstone() {
        !last.is_tombstone() && next.create == 0 && next.lease == 0 && next.value.is_empty()
    } else if last.is_tombstone() {
        next.version == 1 && next.create == next.revision.main
    } else {
        next.version == last.version + 1 && next.create == last.create
    }
}

/// Whether a key's retained history can begin like this. Behind the floor there may have been
/// changes that were forgotten; a tombstone is forgotten together with what it hides.
fn can_be_first(change: &KeyChange, floor: Revision) -> bool {
    let main = change.revision.main;
    if change.is_tombstone() {
        false
    } else if change.revision < floor {
        (2..=main).contains(&change.create) && (1..=main).contains(&change.version)
    } else {
        change.version == 1 && change.create == main
    }
}
