//! State to bytes.

use std::fmt;
use std::ops::Bound;

use bytes::{BufMut, Bytes, BytesMut};
use xxhash_rust::xxh3::Xxh3Default;

use super::{MAGIC, VERSION};
use crate::history::Change;
use crate::key::Key;
use crate::store::Store;

/// Streams a frozen copy of a store, chunk by chunk.
///
/// It holds one chunk and one record at a time beside the copy, which shares its contents with the
/// store it was cloned from.
#[derive(Clone)]
pub struct SnapshotWriter {
    store: Store,
    next: Next,
    /// Encoded and not yet handed out.
    pending: BytesMut,
    checksum: Xxh3Default,
}

/// What is to be encoded next.
#[derive(Clone, Debug)]
enum Next {
    Header,
    /// The changes of the keys from this bound on, without so many of the first key.
    Changes(Bound<Key>, usize),
    Checksum,
    Nothing,
}

impl fmt::Debug for SnapshotWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotWriter")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl SnapshotWriter {
    /// A writer of `store`, which is usually a clone.
    pub fn new(store: Store) -> Self {
        let (pending, checksum) = (BytesMut::new(), Xxh3Default::new());
        SnapshotWriter {
            store,
            next: Next::Header,
            pending,
            checksum,
        }
    }

    /// The next chunk, of `max_bytes` unless it is the last; `None` after the last. (A `max_bytes`
    /// of 0 counts as 1.)
    pub fn next_chunk(&mut self, max_bytes: usize) -> Option<Bytes> {
        let max_bytes = max_bytes.max(1);
        while self.pending.len() < max_bytes {
            let start = self.pending.len();
            self.next = match std::mem::replace(&mut self.next, Next::Nothing) {
                Next::Header => {
                    self.encode_header();
                    Next::Changes(Bound::Unbounded, 0)
                }
                Next::Changes(from, skip) => self.encode_changes(from, skip, max_bytes),
                Next::Checksum => {
                    self.pending.put_u64_le(self.checksum.digest());
                    Next::Nothing
                }
                Next::Nothing => break,
            };
            self.checksum.update(&self.pending[start..]);
        }
        let chunk = self
            .pending
            .split_to(max_bytes.min(self.pending.len()))
            .freeze();
        (!chunk.is_empty()).then_some(chunk)
    }

    /// Encodes changes until there are `enough` bytes, and says what comes next.
    fn encode_changes(&mut self, from: Bound<Key>, mut skip: usize, enough: usize) -> Next {
        let from = from.as_ref().map(Key::as_slice);
        for (key, history) in self.store.keys.range::<_, [u8]>((from, Bound::Unbounded)) {
            while let Some(change) = history.get(skip) {
                if self.pending.len() >= enough {
                    return Next::Changes(Bound::Included(key.clone()), skip);
                }
                encode(change, &mut self.pending);
                skip += 1;
            }
            skip = 0;
        }
        Next::Checksum
    }

    fn encode_header(&mut self) {
        let out = &mut self.pending;
        out.put_slice(&MAGIC);
        out.put_u8(VERSION);
        out.put_i64_le(self.store.revision);
        out.put_i64_le(self.store.compacted);
        out.put_i64_le(self.store.floor.main);
        out.put_u32_le(self.store.floor.sub);
        out.put_u64_le(self.store.retained);
        out.put_u64_le(self.store.sum.0);
    }
}

fn encode(change: &Change, out: &mut BytesMut) {
    let key = change.key.as_slice();
    out.put_i64_le(change.revision.main);
    out.put_u32_le(change.revision.sub);
    out.put_i64_le(change.create);
    out.put_i64_le(change.version);
    out.put_i64_le(change.lease);
    out.put_u32_le(key.len() as u32);
    out.put_u32_le(change.value.len() as u32);
    out.put_slice(key);
    out.put_slice(&change.value);
}
