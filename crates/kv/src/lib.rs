//! The state machine: a multi-version key-value store with etcd v3's semantics.
//!
//! Every replica applies the same [`Command`]s in the same order to a [`Store`] and so reaches
//! the same state. A write transaction that changes something makes one new *revision*; every
//! older revision stays readable until it is compacted.
//!
//! What this crate never does: it knows no clock, no randomness, no disk, no network and no
//! threads; it does not decide order (that is consensus) and it does not suppress duplicates
//! (that is the replica). It never panics on a command or a snapshot it is given, however odd.
//!
//! Where to start reading: [`Command`] and [`RangeRequest`] are what can be asked,
//! [`Store`] is what answers, [`Error`] is how it refuses.
//!
//! The reference for every behaviour is etcd 3.4; where a corner is surprising, the test that
//! pins it says which etcd behaviour it follows.

mod digest;
mod error;
mod history;
mod key;
mod request;
mod response;
mod store;

pub use digest::Digest;
pub use error::{Code, Error};
pub use request::{
    Command, CompactRequest, Compare, CompareResult, CompareTarget, DEFAULT_MAX_TXN_OPS,
    DeleteRangeRequest, MAX_TXN_DEPTH, PutRequest, RangeRequest, SortOrder, SortTarget, TxnOp,
    TxnRequest,
};
pub use response::{
    CompactResponse, DeleteRangeResponse, KeyValue, PutResponse, RangeResponse, Response,
    TxnOpResponse, TxnResponse,
};
pub use store::{SnapshotCursor, SnapshotError, SnapshotReader, SnapshotWriter, Store};
