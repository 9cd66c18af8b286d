//! What clients did and what they were told: the material every checker judges.
//!
//! The unit is one client operation with the moment it was invoked, what it asked for and how it
//! ended. A timeout is a third outcome (Herlihy and Wing's *pending* invocation): the operation may
//! take effect at any later moment, or never.
//!
//! Revisions follow etcd v3: an empty store is at revision 1; each transaction that changes
//! something takes exactly the next revision; an answer carries the revision of the store when it
//! was computed.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::escape;

/// A revision of the store. Signed as on the wire, so that nonsense from a server can be recorded.
pub type Revision = i64;

/// The revision of a store without a write.
pub const EMPTY_REVISION: Revision = 1;

/// A recorded run: operations of all clients, and what each replica held at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Operations in any order; an index into this list names an operation in a verdict.
    pub operations: Vec<Operation>,
    /// The contents of replicas read after the run, when they were read.
    pub finals: Vec<FinalState>,
}

/// One operation of one client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// Who asked. Only named in explanations: real-time order alone decides.
    pub client: u64,
    /// When the client asked, in nanoseconds of one clock shared by all clients.
    pub invoked: u64,
    /// What was asked.
    pub action: Action,
    /// How it ended.
    pub outcome: Outcome,
}

/// What a client asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Store `value` under `key`.
    Put {
        /// The key.
        #[serde(with = "escape")]
        key: Bytes,
        /// The value; unique values make a history cheap to judge, but are not required.
        #[serde(with = "escape")]
        value: Bytes,
    },
    /// Remove `key`.
    Delete {
        /// The key.
        #[serde(with = "escape")]
        key: Bytes,
    },
    /// Read one key.
    Get {
        /// The key.
        #[serde(with = "escape")]
        key: Bytes,
        /// Whether an older state, but a state that did exist, is a legal answer.
        #[serde(default, skip_serializing_if = "is_false")]
        serializable: bool,
    },
    /// Read all keys from `from` up to but without `until` (without end when `None`).
    Scan {
        /// The first key of the range.
        #[serde(with = "escape")]
        from: Bytes,
        /// The first key after the range.
        #[serde(
            with = "escape::option",
            default,
            skip_serializing_if = "Option::is_none"
        )]
        until: Option<Bytes>,
        /// Whether an older state, but a state that did exist, is a legal answer.
        #[serde(default, skip_serializing_if = "is_false")]
        serializable: bool,
    },
    /// If all compares hold do `then`, or else `otherwise`, atomically.
    Txn(Txn),
}

/// A guarded transaction; reads in it see the writes before them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Txn {
    /// All must hold for `then`.
    pub compares: Vec<Comparison>,
    /// Done when all compares hold.
    pub then: Vec<TxnOp>,
    /// Done when one does not.
    pub otherwise: Vec<TxnOp>,
}

/// One step of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TxnOp {
    /// Store `value` under `key`.
    Put {
        /// The key.
        #[serde(with = "escape")]
        key: Bytes,
        /// The value.
        #[serde(with = "escape")]
        value: Bytes,
    },
    /// Remove `key`.
    Delete {
        /// The key.
        #[serde(with = "escape")]
        key: Bytes,
    },
    /// Read `key`.
    Get {
        /// The key.
        #[serde(with = "escape")]
        key: Bytes,
    },
}

/// A condition on one key. An absent key has version and revisions 0 and equals no value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The key.
    #[serde(with = "escape")]
    pub key: Bytes,
    /// What must equal what.
    pub equals: Target,
}

/// What a [`Comparison`] compares for equality.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The value.
    Value(#[serde(with = "escape")] Bytes),
    /// The revision of the last change.
    ModRevision(Revision),
    /// The revision that created the key; 0 asks for absence.
    CreateRevision(Revision),
    /// The number of puts since the key was created.
    Version(i64),
}

/// How an operation ended for its client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// Answered.
    Done {
        /// When the answer arrived.
        returned: u64,
        /// The answer.
        response: Response,
    },
    /// Refused: it has had no effect and never will.
    Refused {
        /// When the refusal arrived.
        returned: u64,
        /// The reason given.
        why: String,
    },
    /// No answer, or one that leaves it open: it may take effect at any later time, or never.
    Unknown,
}

/// An answer of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// The revision of the store after a write, or the one that a read was answered from.
    pub revision: Revision,
    /// The rest, by kind of action.
    pub reply: Reply,
}

/// The part of an answer that depends on the action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reply {
    /// To a put.
    Put,
    /// To a delete: how many keys were removed.
    Deleted(i64),
    /// To a get.
    Got(Option<Item>),
    /// To a scan: the items in key order.
    Scanned(Vec<Item>),
    /// To a transaction.
    Txn {
        /// Whether all compares held.
        succeeded: bool,
        /// One reply for each step of the branch that ran.
        replies: Vec<Reply>,
    },
}

/// A key with its value and its revisions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// The key.
    #[serde(with = "escape")]
    pub key: Bytes,
    /// The value.
    #[serde(with = "escape")]
    pub value: Bytes,
    /// The revision that created the key.
    pub create_revision: Revision,
    /// The revision that last changed it.
    pub mod_revision: Revision,
    /// The number of puts since it was created, that one included.
    pub version: i64,
}

/// Everything one replica held when the run was over and the cluster had settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinalState {
    /// Which replica.
    pub replica: u64,
    /// Its answer to a scan of everything.
    pub contents: Response,
}

impl FinalState {
    /// What `replica` held at `revision`: all its items in key order.
    #[must_use]
    pub fn new(replica: u64, revision: Revision, items: Vec<Item>) -> Self {
        Self {
            replica,
            contents: Response {
                revision,
                reply: Reply::Scanned(items),
            },
        }
    }
}

impl Operation {
    /// When the answer or the refusal arrived.
    #[must_use]
    pub fn returned(&self) -> Option<u64> {
        match self.outcome {
            Outcome::Done { returned, .. } | Outcome::Refused { returned, .. } => Some(returned),
            Outcome::Unknown => None,
        }
    }
}

impl Action {
    /// Whether this can change the store.
    #[must_use]
    pub fn may_write(&self) -> bool {
        match self {
            Self::Put { .. } | Self::Delete { .. } => true,
            Self::Get { .. } | Self::Scan { .. } => false,
            Self::Txn(txn) => txn.then.iter().chain(&txn.otherwise).any(TxnOp::may_write),
        }
    }

    /// A compare-and-swap: put `value` if the condition holds, or else read the key.
    #[must_use]
    pub fn compare_and_swap(key: Bytes, equals: Target, value: Bytes) -> Self {
        Self::Txn(Txn {
            compares: vec![Comparison {
                key: key.clone(),
                equals,
            }],
            then: vec![TxnOp::Put {
                key: key.clone(),
                value,
            }],
            otherwise: vec![TxnOp::Get { key }],
        })
    }
}

impl TxnOp {
    /// Whether this can change the store.
    #[must_use]
    pub fn may_write(&self) -> bool {
        !matches!(self, Self::Get { .. })
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_false(flag: &bool) -> bool {
    !*flag
}
