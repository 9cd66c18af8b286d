//! State to bytes.

use std::ops::Bound;

use bytes::BufMut;

use super::{MAGIC, VERSION};
use crate::history::KeyChange;
use crate::key::Key;
use crate::store::Store;

/// Encodes a frozen copy of a store, block by block.
///
/// It is a value: a copy of the store, which shares its contents with the store that it was cloned
/// from, and a [`SnapshotCursor`]. It goes on from any cursor at the cost of one search.
#[derive(Clone, Debug)]
pub struct SnapshotWriter {
    store: Store,
    next: SnapshotCursor,
}

/// What a [`SnapshotWriter`] encodes next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SnapshotCursor(Next);

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
enum Next {
    #[default]
    Header,
    /// The changes of the keys from this one on, without so many of the first key.
    Changes(Key, usize),
    Nothing,
}

impl SnapshotCursor {
    /// Whether nothing is left.
    pub fn is_end(&self) -> bool {
        self.0 == Next::Nothing
    }
}

impl SnapshotWriter {
    /// A writer of `store`, which is usually a clone, at the beginning.
    pub fn new(store: Store) -> Self {
        Self::resume(store, SnapshotCursor::default())
    }

    /// A writer of `store` that goes on at a cursor, which another writer of the same state had.
    pub fn resume(store: Store, cursor: SnapshotCursor) -> Self {
        SnapshotWriter {
            store,
            next: cursor,
        }
    }

    /// What is encoded next.
    pub fn cursor(&self) -> &SnapshotCursor {
        &self.next
    }

    /// Appends the next block to `out`: the header, or whole records until there are `bytes` bytes
    /// of them. So a block is longer than `bytes` by less than one record. Returns `false`, and
    /// appends nothing, after the last block.
    pub fn next_block(&mut self, bytes: usize, out: &mut impl BufMut) -> bool {
        let (from, skip) = match std::mem::replace(&mut self.next.0, Next::Nothing) {
            Next::Nothing => return false,
            Next::Header => {
                self.encode_header(out);
                if let Some((first, _)) = self.store.keys.get_min() {
                    self.next.0 = Next::Changes(first.clone(), 0);
                }
                return true;
            }
            Next::Changes(from, skip) => (from, skip),
        };
        self.next.0 = self.encode_changes(from, skip, bytes.max(1), out);
        true
    }

    /// Encodes changes until there are `enough` bytes, and says what comes next.
    fn encode_changes(
        &self,
        from: Key,
        mut skip: usize,
        enough: usize,
        out: &mut impl BufMut,
    ) -> Next {
        let mut written = 0;
        let from = (Bound::Included(from.as_slice()), Bound::Unbounded);
        for (key, history) in self.store.keys.range::<_, [u8]>(from) {
            while let Some(change) = history.get(skip) {
                if written >= enough {
                    return Next::Changes(key.clone(), skip);
                }
                written += encode(change, out);
                skip += 1;
            }
            skip = 0;
        }
        Next::Nothing
    }

    fn encode_header(&self, out: &mut impl BufMut) {
        out.put_slice(&MAGIC);
        out.put_u8(VERSION);
        out.put_i64_le(self.store.revision);
        out.put_i64_le(self.store.compacted);
        out.put_i64_le(self.store.floor.main);
        out.put_u32_le(self.store.floor.sub);
        out.put_u64_le(self.store.retained);
        out.put_u64_le(self.store.digest().0);
    }
}

/// Returns how many bytes it has appended.
fn encode(change: &KeyChange, out: &mut impl BufMut) -> usize {
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
    super::RECORD_BYTES + key.len() + change.value.len()
}
