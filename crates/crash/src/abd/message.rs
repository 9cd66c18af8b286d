//! What nodes say to each other, keep on disk, and tell the layer above.

use bytes::Bytes;
use quorate_core::{Never, NodeId};
use serde::{Deserialize, Serialize};

/// The age of a value. Each belongs to one write: to the node that served it, which never uses it
/// again.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Tag {
    /// Counts up.
    pub seq: u64,
    /// Who served the write.
    pub node: NodeId,
}

/// A value with its age.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tagged {
    /// Its age.
    pub tag: Tag,
    /// None before the first write.
    pub value: Option<Bytes>,
}

/// Which operation of its sender a message belongs to. Answers to one from before a crash are those
/// to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OperationId {
    /// How often the node had started.
    pub incarnation: u64,
    /// Counts up from there.
    pub number: u64,
}

/// A message. All wait for the disk: a question, until the node's incarnation is on it; an answer,
/// until what it tells is; a value, until its writer has stored it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// Phase 1: which value do you store?
    Query(OperationId),
    /// This one.
    Value(OperationId, Tagged),
    /// Phase 2: store this one, unless it is older than yours.
    Store(OperationId, Tagged),
    /// It is stored, or a newer one is.
    Stored(OperationId),
}

impl From<Never> for Message {
    fn from(never: Never) -> Self {
        match never {}
    }
}

/// What survives a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hard {
    /// The register, as this node knows it.
    pub stored: Tagged,
    /// How often the node has started.
    pub incarnation: u64,
}

/// One change of [`Hard`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Record {
    /// A newer value.
    Stored(Tagged),
    /// The node starts.
    Started,
}

impl quorate_core::Hard for Hard {
    type Record = Record;

    fn apply(&mut self, record: &Record) {
        match record {
            Record::Stored(stored) => self.stored = stored.clone(),
            Record::Started => self.incarnation = self.incarnation.saturating_add(1),
        }
    }
}

/// What the layer above may ask.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// Writes this value.
    Write(Bytes),
    /// Reads; the answer has the same number.
    Read(u64),
}

/// What the layer above is told. An operation that a crash has interrupted is not answered: it may
/// have had an effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// A value is written.
    Written {
        /// The value.
        value: Bytes,
        /// Its age.
        tag: Tag,
    },
    /// What a read has found.
    Read {
        /// Its number.
        id: u64,
        /// The value; none before the first write.
        found: Tagged,
    },
    /// The window is full; the request has no effect.
    Busy(Request),
}

impl From<Never> for Output {
    fn from(never: Never) -> Self {
        match never {}
    }
}

/// An answer has not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resend;
