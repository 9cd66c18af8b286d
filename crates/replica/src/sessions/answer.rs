//! What is kept of the answer to a write.

use super::{SessionId, hash_words};
use quorate_kv as kv;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// What became of a write when it was first applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Applied {
    /// The store's revision right after.
    pub(crate) revision: i64,
    pub(crate) result: Result<kv::Response, kv::Error>,
}

/// The answer to a write, for a repetition of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The log index at which the write was applied.
    pub(crate) index: u64,
    pub(crate) kept: Kept,
    /// What the answer counts for beside the note that it is there; 0 if that note is no smaller.
    large: u64,
    /// A hash of what is kept.
    content: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kept {
    /// All of it.
    Whole(Arc<Applied>),
    /// The write was applied and has changed what it was to change; the answer was too large to
    /// keep. (A refusal is never large.)
    Forgotten { revision: i64 },
}

/// What each answer counts for against the bounds: its place in the tables, and as much content.
const NOTE: u64 = 128;

/// An answer of at most so many bytes is always kept.
const SMALL: u64 = 64;

impl Answer {
    /// The answer to a write applied at `index`; only a note of it, if it has more than `most`
    /// bytes.
    pub(crate) fn new(index: u64, applied: Arc<Applied>, most: u64) -> Self {
        let bytes = applied.bytes();
        if bytes > SMALL.max(most) {
            let revision = applied.revision;
            return Self::read(index, Kept::Forgotten { revision });
        }
        Self::read(index, Kept::Whole(applied))
    }

    /// An answer that was kept before.
    pub(crate) fn read(index: u64, kept: Kept) -> Self {
        let bytes = match &kept {
            Kept::Whole(applied) => applied.bytes(),
            Kept::Forgotten { .. } => 0,
        };
        Self {
            index,
            large: if bytes > SMALL { bytes } else { 0 },
            content: hash(&kept, bytes),
            kept,
        }
    }

    /// What is left when the answer is forgotten.
    pub(crate) fn forgotten(self) -> Self {
        match self.kept {
            Kept::Whole(applied) if self.large > 0 => {
                let revision = applied.revision;
                Self::read(self.index, Kept::Forgotten { revision })
            }
            _ => self,
        }
    }

    /// Whether forgetting it gains anything.
    pub(crate) fn is_large(&self) -> bool {
        self.large > 0
    }

    /// What it counts for against the bounds.
    pub(crate) fn bytes(&self) -> u64 {
        NOTE + self.large
    }

    /// A hash of it, in its place.
    pub(crate) fn hash(&self, id: SessionId, seq: u64) -> u64 {
        hash_words([1, id.0, seq, self.index, self.content])
    }
}

fn hash(kept: &Kept, bytes: u64) -> u64 {
    let mut small = [0; 2 * SMALL as usize];
    if bytes <= SMALL
        && let Ok(encoded) = postcard::to_slice(kept, &mut small)
    {
        return xxh3_64(encoded);
    }
    // Serialising to memory fails only for types that postcard can't express; these are not.
    xxh3_64(&postcard::to_stdvec(kept).unwrap_or_default())
}

impl Applied {
    /// About how many bytes the result has when it is encoded, and never fewer. Part of the
    /// replicated rules: it depends on the value alone.
    fn bytes(&self) -> u64 {
        16 + match &self.result {
            Ok(response) => response_bytes(response),
            Err(_) => 0,
        }
    }
}

fn response_bytes(response: &kv::Response) -> u64 {
    match response {
        kv::Response::Put(put) => put_bytes(put),
        kv::Response::DeleteRange(delete) => delete_bytes(delete),
        kv::Response::Txn(txn) => txn_bytes(txn),
        kv::Response::Compact(_) => 16,
    }
}

fn put_bytes(put: &kv::PutResponse) -> u64 {
    16 + put.prev_kv.as_ref().map_or(0, pair_bytes)
}

fn delete_bytes(delete: &kv::DeleteRangeResponse) -> u64 {
    32 + delete.prev_kvs.iter().map(pair_bytes).sum::<u64>()
}

fn txn_bytes(txn: &kv::TxnResponse) -> u64 {
    let of_op = |op: &kv::TxnOpResponse| {
        16 + match op {
            kv::TxnOpResponse::Range(range) => 48 + range.kvs.iter().map(pair_bytes).sum::<u64>(),
            kv::TxnOpResponse::Put(put) => put_bytes(put),
            kv::TxnOpResponse::DeleteRange(delete) => delete_bytes(delete),
            kv::TxnOpResponse::Txn(txn) => txn_bytes(txn),
        }
    };
    32 + txn.responses.iter().map(of_op).sum::<u64>()
}

fn pair_bytes(pair: &kv::KeyValue) -> u64 {
    64 + (pair.key.len() + pair.value.len()) as u64
}
