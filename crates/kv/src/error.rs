//! Refusals, in etcd's words.

use serde::{Deserialize, Serialize};

/// The class of a refusal: the gRPC status code that a client sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Code {
    /// The request can never succeed as it stands.
    InvalidArgument,
    /// The request asks for something that does not exist.
    NotFound,
    /// The state has to change before the request can succeed.
    FailedPrecondition,
    /// The revision asked for lies outside of what the store holds.
    OutOfRange,
    /// A bound was reached.
    ResourceExhausted,
    /// A caller inside this program broke a rule; no client can cause it.
    Internal,
}

/// Why the store refuses a request. A refused request has changed nothing.
///
/// `Display` gives etcd's exact text, as clients match on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A key is the empty string.
    #[error("etcdserver: key is not provided")]
    EmptyKey,
    /// `ignore_value` or `ignore_lease` on a key that does not exist; also etcd's answer to an
    /// operation of a transaction that says nothing.
    #[error("etcdserver: key not found")]
    KeyNotFound,
    /// `ignore_value` together with a value.
    #[error("etcdserver: value is provided")]
    ValueProvided,
    /// `ignore_lease` together with a lease.
    #[error("etcdserver: lease is provided")]
    LeaseProvided,
    /// More operations in a transaction than the server allows.
    #[error("etcdserver: too many operations in txn request")]
    TooManyOps,
    /// One transaction would change a key twice.
    #[error("etcdserver: duplicate key given in txn request")]
    DuplicateKey,
    /// The revision lies before the compacted one.
    #[error("etcdserver: mvcc: required revision has been compacted")]
    Compacted,
    /// The revision lies ahead of the store.
    #[error("etcdserver: mvcc: required revision is a future revision")]
    FutureRevision,
    /// The store has reached its space quota.
    #[error("etcdserver: mvcc: database space exceeded")]
    NoSpace,
    /// The lease named in a put does not exist.
    #[error("etcdserver: requested lease not found")]
    LeaseNotFound,
    /// A sort order or target with no meaning.
    #[error("etcdserver: invalid sort option")]
    InvalidSortOption,
    /// A transaction that may write was given to `Store::read_txn`.
    #[error("quorate: a transaction that may write has to be proposed")]
    NotReadOnly,
}

impl Error {
    /// The class of this refusal.
    pub fn code(self) -> Code {
        match self {
            Error::EmptyKey
            | Error::KeyNotFound
            | Error::ValueProvided
            | Error::LeaseProvided
            | Error::TooManyOps
            | Error::DuplicateKey
            | Error::InvalidSortOption => Code::InvalidArgument,
            Error::Compacted | Error::FutureRevision => Code::OutOfRange,
            Error::NoSpace => Code::ResourceExhausted,
            Error::LeaseNotFound => Code::NotFound,
            Error::NotReadOnly => Code::Internal,
        }
    }
}
