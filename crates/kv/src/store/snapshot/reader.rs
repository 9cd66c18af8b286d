//! Bytes to state.

use std::fmt;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use xxhash_rust::xxh3::Xxh3Default;

use super::{CHECKSUM_BYTES, HEADER_BYTES, MAGIC, MAX_FIELD, RECORD_BYTES, VERSION};
use crate::digest::ChangeSum;
use crate::history::{Change, History, Revision};
use crate::key::Key;
use crate::store::Store;

/// Revisions beyond this one are not believed: what can still be counted up never overflows.
const MAX_REVISION: i64 = i64::MAX / 2;

/// Why a stream of bytes is not a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
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
    /// It was damaged.
    #[error("the snapshot is damaged: its checksum is wrong")]
    WrongChecksum,
    /// What was read is not what was written, though the bytes are.
    #[error("the snapshot does not have the contents that it says it has")]
    WrongContents,
}

use SnapshotError::Malformed;

/// Builds a store from the chunks of a [`SnapshotWriter`](crate::SnapshotWriter), in order.
///
/// Beside what it has built it holds a chunk and one incomplete record. After an error it refuses
/// everything with the same error.
pub struct SnapshotReader {
    /// Received and not yet decoded.
    pending: BytesMut,
    checksum: Xxh3Default,
    state: State,
}

enum State {
    Header,
    Records(Box<Records>),
    Complete(Box<Store>),
    Failed(SnapshotError),
}

/// A snapshot being read.
struct Records {
    header: Header,
    /// The store being built, but for the key being read and the log of changes.
    store: Store,
    current: Option<(Key, History)>,
    /// The changes from the floor on, in the order of their keys.
    changes: Vec<Arc<Change>>,
}

struct Header {
    revision: i64,
    compacted: i64,
    floor: Revision,
    retained: u64,
    sum: ChangeSum,
}

impl fmt::Debug for SnapshotReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotReader")
            .field("pending", &self.pending.len())
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
        let (pending, checksum) = (BytesMut::new(), Xxh3Default::new());
        SnapshotReader {
            pending,
            checksum,
            state: State::Header,
        }
    }

    /// Takes the next chunk.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), SnapshotError> {
        self.pending.extend_from_slice(chunk);
        loop {
            match self.step() {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => {
                    self.pending = BytesMut::new();
                    self.state = State::Failed(error);
                    return Err(error);
                }
            }
        }
    }

    /// The store, when every chunk was fed.
    pub fn finish(self) -> Result<Store, SnapshotError> {
        match self.state {
            State::Complete(store) => Ok(*store),
            State::Failed(error) => Err(error),
            State::Header | State::Records(_) => Err(SnapshotError::Truncated),
        }
    }

    /// Decodes one more piece; `false` if that needs more bytes.
    fn step(&mut self) -> Result<bool, SnapshotError> {
        match &mut self.state {
            State::Failed(error) => Err(*error),
            State::Complete(_) if self.pending.is_empty() => Ok(false),
            State::Complete(_) => Err(SnapshotError::TooLong),
            State::Header => {
                check_beginning(&self.pending)?;
                let Some(header) = take(&mut self.pending, HEADER_BYTES) else {
                    return Ok(false);
                };
                self.checksum.update(&header);
                self.state = State::Records(Box::new(Records::new(Header::decode(&header)?)));
                Ok(true)
            }
            State::Records(records) if records.are_complete() => {
                let Some(mut checksum) = take(&mut self.pending, CHECKSUM_BYTES) else {
                    return Ok(false);
                };
                if checksum.get_u64_le() != self.checksum.digest() {
                    return Err(SnapshotError::WrongChecksum);
                }
                let store = records.build()?;
                self.state = State::Complete(Box::new(store));
                Ok(true)
            }
            State::Records(records) => {
                let Some(length) = record_length(&self.pending)? else {
                    return Ok(false);
                };
                let Some(record) = take(&mut self.pending, length) else {
                    return Ok(false);
                };
                self.checksum.update(&record);
                records.add(decode(&record))?;
                Ok(true)
            }
        }
    }
}

/// Takes `length` bytes off, if they are there.
fn take(pending: &mut BytesMut, length: usize) -> Option<BytesMut> {
    (pending.len() >= length).then(|| pending.split_to(length))
}

fn check_beginning(pending: &[u8]) -> Result<(), SnapshotError> {
    if pending
        .iter()
        .zip(&MAGIC)
        .any(|(byte, magic)| byte != magic)
    {
        return Err(SnapshotError::NotASnapshot);
    }
    match pending.get(MAGIC.len()) {
        Some(&version) if version != VERSION => Err(SnapshotError::UnknownVersion(version)),
        _ => Ok(()),
    }
}

/// The length of the record that `pending` begins with, if enough of it is there to tell.
fn record_length(pending: &[u8]) -> Result<Option<usize>, SnapshotError> {
    let Some(mut lengths) = pending.get(36..RECORD_BYTES) else {
        return Ok(None);
    };
    let (key, value) = (lengths.get_u32_le(), lengths.get_u32_le());
    if key > MAX_FIELD || value > MAX_FIELD {
        return Err(Malformed("a key or value is too long"));
    }
    Ok(Some(RECORD_BYTES + key as usize + value as usize))
}

/// Decodes a record of the right length.
fn decode(mut record: &[u8]) -> Change {
    let revision = Revision {
        main: record.get_i64_le(),
        sub: record.get_u32_le(),
    };
    let (create, version, lease) = (
        record.get_i64_le(),
        record.get_i64_le(),
        record.get_i64_le(),
    );
    let key_length = record.get_u32_le() as usize;
    record.advance(4);
    let (key, value) = record.split_at(key_length.min(record.len()));
    let (key, value) = (Key::new(key), Bytes::copy_from_slice(value));
    Change {
        key,
        revision,
        create,
        version,
        lease,
        value,
    }
}

impl Header {
    fn decode(mut bytes: &[u8]) -> Result<Self, SnapshotError> {
        bytes.advance(MAGIC.len() + 1);
        let header = Header {
            revision: bytes.get_i64_le(),
            compacted: bytes.get_i64_le(),
            floor: Revision {
                main: bytes.get_i64_le(),
                sub: bytes.get_u32_le(),
            },
            retained: bytes.get_u64_le(),
            sum: ChangeSum(bytes.get_u64_le()),
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

    fn add(&mut self, change: Change) -> Result<(), SnapshotError> {
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
    fn check(&self, change: &Change) -> Result<(), SnapshotError> {
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

    /// Hands out the store; this ends the reading.
    fn build(&mut self) -> Result<Store, SnapshotError> {
        let mut store = std::mem::take(&mut self.store);
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
        if store.sum != self.header.sum {
            return Err(SnapshotError::WrongContents);
        }
        store.changes = self.changes.drain(..).collect();
        store.revision = self.header.revision;
        store.compacted = self.header.compacted;
        store.floor = self.header.floor;
        Ok(store)
    }
}

/// Whether a key's history can go from one change to the next.
fn can_follow(last: &Change, next: &Change) -> bool {
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
fn can_be_first(change: &Change, floor: Revision) -> bool {
    let main = change.revision.main;
    if change.is_tombstone() {
        false
    } else if change.revision < floor {
        (2..=main).contains(&change.create) && (1..=main).contains(&change.version)
    } else {
        change.version == 1 && change.create == main
    }
}
