//! State to bytes.

use std::ops::Bound;

use bytes::{BufMut, Bytes, BytesMut};
use xxhash_rust::xxh3::Xxh3Default;

use super::{MAGIC, VERSION};
use crate::Store;
use crate::history::Change;
use crate::key::Key;

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
#[derive(Clone)]
enum Next {
    Header,
    Key(Bound<Key>),
    /// The rest of a key's changes, from this one on.
    Changes(Key, usize),
    Checksum,
    Nothing,
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
        while self.pending.len() < max_bytes && self.encode_more() {}
        let chunk = self
            .pending
            .split_to(max_bytes.min(self.pending.len()))
            .freeze();
        (!chunk.is_empty()).then_some(chunk)
    }

    /// Encodes one more piece; `false` if there is none.
    fn encode_more(&mut self) -> bool {
        let start = self.pending.len();
        self.next = match std::mem::replace(&mut self.next, Next::Nothing) {
            Next::Nothing => return false,
            Next::Checksum => {
                self.pending.put_u64_le(self.checksum.digest());
                return true;
            }
            Next::Header => {
                self.encode_header();
                Next::Key(Bound::Unbounded)
            }
            Next::Key(after) => {
                let after = after.as_ref().map(Key::as_slice);
                match self
                    .store
                    .keys
                    .range::<_, [u8]>((after, Bound::Unbounded))
                    .next()
                {
                    Some((key, _)) => Next::Changes(key.clone(), 0),
                    None => Next::Checksum,
                }
            }
            Next::Changes(key, index) => {
                let history = self.store.keys.get(key.as_slice());
                match history.and_then(|history| history.get(index)) {
                    Some(change) => {
                        encode(change, &mut self.pending);
                        Next::Changes(key, index + 1)
                    }
                    None => Next::Key(Bound::Excluded(key)),
                }
            }
        };
        self.checksum.update(&self.pending[start..]);
        true
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
