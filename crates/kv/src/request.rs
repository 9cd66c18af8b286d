//! What can be asked of the store.

mod check;
mod nested;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::error::Error;

pub use nested::MAX_TXN_DEPTH;

/// How many operations etcd allows in one transaction unless told otherwise.
pub const DEFAULT_MAX_TXN_OPS: usize = 128;

/// Which keys a request is about, and what to say of them.
///
/// `key` and `range_end` name the keys as in every request of the store: an empty `range_end`
/// means the one key; `"\0"` means every key from `key` on; anything else means the keys from
/// `key` up to but not including `range_end`. (All keys with a prefix: the prefix, and the prefix
/// with its last byte incremented. All keys: `"\0"` and `"\0"`.)
///
/// Whether the answer has to be linearizable is settled before the store is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RangeRequest {
    /// The first key.
    pub key: Bytes,
    /// The end of the range.
    pub range_end: Bytes,
    /// How many pairs to answer at most; 0 or less for all.
    pub limit: i64,
    /// The revision to read at; 0 or less for the current one.
    pub revision: i64,
    /// The order of the answer.
    pub sort_order: SortOrder,
    /// What the order goes by.
    pub sort_target: SortTarget,
    /// Leave the values out.
    pub keys_only: bool,
    /// Answer the count alone.
    pub count_only: bool,
    /// Leave out pairs last written before this revision; 0 for none.
    pub min_mod_revision: i64,
    /// Leave out pairs last written after this revision; 0 for none.
    pub max_mod_revision: i64,
    /// Leave out keys created before this revision; 0 for none.
    pub min_create_revision: i64,
    /// Leave out keys created after this revision; 0 for none.
    pub max_create_revision: i64,
}

/// The order of a range's answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SortOrder {
    /// By key for target [`SortTarget::Key`], else ascending.
    ///
    /// As in etcd 3.4, `limit` is then applied in key order *before* the sort.
    #[default]
    None,
    /// Smallest first.
    Ascend,
    /// Largest first.
    Descend,
}

/// What a range's answer is ordered by. Ties stay in key order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SortTarget {
    /// By key.
    #[default]
    Key,
    /// By version.
    Version,
    /// By create revision.
    Create,
    /// By mod revision.
    Mod,
    /// By value.
    Value,
}

impl TryFrom<i32> for SortOrder {
    type Error = Error;

    /// From etcd's numbering on the wire.
    fn try_from(number: i32) -> Result<Self, Error> {
        match number {
            0 => Ok(SortOrder::None),
            1 => Ok(SortOrder::Ascend),
            2 => Ok(SortOrder::Descend),
            _ => Err(Error::InvalidSortOption),
        }
    }
}

impl TryFrom<i32> for SortTarget {
    type Error = Error;

    /// From etcd's numbering on the wire.
    fn try_from(number: i32) -> Result<Self, Error> {
        match number {
            0 => Ok(SortTarget::Key),
            1 => Ok(SortTarget::Version),
            2 => Ok(SortTarget::Create),
            3 => Ok(SortTarget::Mod),
            4 => Ok(SortTarget::Value),
            _ => Err(Error::InvalidSortOption),
        }
    }
}

/// Write one key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PutRequest {
    /// The key.
    pub key: Bytes,
    /// The value.
    pub value: Bytes,
    /// The lease to hang the key on; 0 for none.
    pub lease: i64,
    /// Answer with what the key held before.
    pub prev_kv: bool,
    /// Keep the value the key has; it must exist, and `value` must be empty.
    pub ignore_value: bool,
    /// Keep the lease the key has; it must exist, and `lease` must be 0.
    pub ignore_lease: bool,
}

/// Delete the keys of a range (see [`RangeRequest`] for how it is named).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeleteRangeRequest {
    /// The first key.
    pub key: Bytes,
    /// The end of the range.
    pub range_end: Bytes,
    /// Answer with what the keys held before.
    pub prev_kv: bool,
}

/// Run `success` if every comparison holds, else `failure`; all or nothing, at one revision.
///
/// Every comparison, those of nested transactions included, is made against the state before the
/// transaction. Operations run in order and see what earlier ones wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TxnRequest {
    /// The comparisons; none means success.
    pub compare: Vec<Compare>,
    /// What to do if all hold.
    pub success: Vec<TxnOp>,
    /// What to do otherwise.
    pub failure: Vec<TxnOp>,
}

/// One operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TxnOp {
    /// Read.
    Range(RangeRequest),
    /// Write one key.
    Put(PutRequest),
    /// Delete keys.
    DeleteRange(DeleteRangeRequest),
    /// A nested transaction.
    Txn(TxnRequest),
}

/// A comparison of a transaction, about one key or about every key of a range.
///
/// A key that does not exist compares as version, revisions and lease 0. It has no value, so that
/// any comparison of its value fails, even `!=`. A range compares true if all its keys do; a range
/// with no key at all compares as one key that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Compare {
    /// The relation that has to hold between the key's attribute and the target's.
    pub result: CompareResult,
    /// The attribute to compare, and with what.
    pub target: CompareTarget,
    /// The first key.
    pub key: Bytes,
    /// The end of the range (see [`RangeRequest`] for how it is named).
    pub range_end: Bytes,
}

/// The relation asked for by a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CompareResult {
    /// `=`
    Equal,
    /// `>`
    Greater,
    /// `<`
    Less,
    /// `!=`
    NotEqual,
}

/// The attribute of a key that a comparison is about, and what it is compared with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CompareTarget {
    /// The version.
    Version(i64),
    /// The create revision.
    Create(i64),
    /// The mod revision.
    Mod(i64),
    /// The value, by bytes.
    Value(Bytes),
    /// The lease.
    Lease(i64),
}

/// Forget what is older than a revision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CompactRequest {
    /// The oldest revision that stays readable.
    pub revision: i64,
    /// Answer only when the space is free. The store frees it at once in either case.
    pub physical: bool,
}

/// A request that changes the state, and therefore goes through the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Command {
    /// Write one key.
    Put(PutRequest),
    /// Delete keys.
    DeleteRange(DeleteRangeRequest),
    /// A transaction that may write.
    Txn(TxnRequest),
    /// Forget old revisions.
    Compact(CompactRequest),
}

impl TxnRequest {
    /// Whether the transaction can be answered without the log: it consists of ranges alone. As
    /// in etcd, a nested transaction counts as a write, whatever is in it.
    pub fn is_read_only(&self) -> bool {
        let all_ranges = |ops: &[TxnOp]| ops.iter().all(|op| matches!(op, TxnOp::Range(_)));
        all_ranges(&self.success) && all_ranges(&self.failure)
    }
}
