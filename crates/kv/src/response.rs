//! What the store answers.

mod nested;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A key with the value it had at some revision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeyValue {
    /// The key; never empty.
    pub key: Bytes,
    /// The revision that created the key (the last time, if it was deleted in between).
    pub create_revision: i64,
    /// The revision that wrote this value.
    pub mod_revision: i64,
    /// How many times the key was written since it was created; the first write is 1.
    pub version: i64,
    /// The value; may be empty.
    pub value: Bytes,
    /// The lease the key hangs on; 0 for none.
    pub lease: i64,
}

/// The answer to a [`RangeRequest`](crate::RangeRequest).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeResponse {
    /// The store's revision when it answered: the header's revision, and not the one asked for.
    pub revision: i64,
    /// The pairs found; empty for `count_only`.
    pub kvs: Vec<KeyValue>,
    /// Whether `limit` cut the answer short.
    pub more: bool,
    /// How many keys the range holds at that revision, whatever `limit` and the revision filters
    /// left out.
    pub count: i64,
}

/// The answer to a [`PutRequest`](crate::PutRequest).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutResponse {
    /// The revision that the put made.
    pub revision: i64,
    /// What the key held before, if that was asked for and there was something.
    pub prev_kv: Option<KeyValue>,
}

/// The answer to a [`DeleteRangeRequest`](crate::DeleteRangeRequest).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteRangeResponse {
    /// The revision after the delete: unchanged if there was nothing to delete.
    pub revision: i64,
    /// How many keys were deleted.
    pub deleted: i64,
    /// What the deleted keys held, in key order, if that was asked for.
    pub prev_kvs: Vec<KeyValue>,
}

/// The answer to a [`TxnRequest`](crate::TxnRequest).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TxnResponse {
    /// The revision after the transaction. It is 0 in the answer to a nested transaction: etcd
    /// fills only the outermost header.
    pub revision: i64,
    /// Whether all comparisons held, so that `success` ran and not `failure`.
    pub succeeded: bool,
    /// One answer per operation that ran, in order.
    pub responses: Vec<TxnOpResponse>,
}

/// The answer to one operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TxnOpResponse {
    /// To a range.
    Range(RangeResponse),
    /// To a put.
    Put(PutResponse),
    /// To a delete.
    DeleteRange(DeleteRangeResponse),
    /// To a nested transaction.
    Txn(TxnResponse),
}

/// The answer to a [`CompactRequest`](crate::CompactRequest).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompactResponse {
    /// The store's revision; compaction does not change it.
    pub revision: i64,
}

/// The answer to a [`Command`](crate::Command), of the same kind as the command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Response {
    /// To a put.
    Put(PutResponse),
    /// To a delete.
    DeleteRange(DeleteRangeResponse),
    /// To a transaction.
    Txn(TxnResponse),
    /// To a compaction.
    Compact(CompactResponse),
}

impl Response {
    /// The revision for the answer's header.
    pub fn revision(&self) -> i64 {
        match self {
            Response::Put(response) => response.revision,
            Response::DeleteRange(response) => response.revision,
            Response::Txn(response) => response.revision,
            Response::Compact(response) => response.revision,
        }
    }
}
