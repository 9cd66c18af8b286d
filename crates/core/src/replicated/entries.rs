//! The entries of a replicated log, and cheap slices of them.

use super::Configuration;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, Range};
use std::sync::Arc;

/// One entry of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// The term of the leader that put it into the log.
    pub term: u64,
    /// What it says.
    pub payload: Payload,
}

/// What an entry says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Payload {
    /// Nothing: the entry with which a leader opens its term.
    #[default]
    Empty,
    /// A command for the state machine. Not empty.
    Command(Bytes),
    /// Who takes part from here on. Counts as soon as it is in a log (Raft §6).
    Configuration(Arc<Configuration>),
}

impl Payload {
    /// The command; nothing if it is none.
    pub fn command(&self) -> &[u8] {
        match self {
            Self::Command(command) => command,
            Self::Empty | Self::Configuration(_) => &[],
        }
    }
}

/// No bytes are [`Payload::Empty`].
impl From<Bytes> for Payload {
    fn from(command: Bytes) -> Self {
        match command.is_empty() {
            true => Self::Empty,
            false => Self::Command(command),
        }
    }
}

impl From<&'static str> for Payload {
    fn from(command: &'static str) -> Self {
        Bytes::from_static(command.as_bytes()).into()
    }
}

/// What an entry counts for against a bound, besides its payload.
const ENTRY_OVERHEAD: usize = 16;

impl Entry {
    /// What the entry counts for against a bound in bytes.
    pub fn bytes(&self) -> usize {
        let payload = match &self.payload {
            Payload::Empty => 0,
            Payload::Command(command) => command.len(),
            Payload::Configuration(configuration) => configuration.bytes(),
        };
        payload + ENTRY_OVERHEAD
    }
}

/// A place in a log: an index and the term of the entry there. Ordered as Raft compares logs
/// (§5.4.1): by term, then by index.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Position {
    /// The entry's term; 0 before the first entry.
    pub term: u64,
    /// The entry's index; the first entry is 1.
    pub index: u64,
}

/// Entries that follow each other, their terms never falling: a slice of a shared allocation, so
/// that a batch is allocated once for the log, the record and the messages. Behaves like
/// `[Entry]`.
#[derive(Clone)]
pub struct Entries {
    shared: Arc<[Entry]>,
    start: u32,
    end: u32,
    bytes: usize,
    /// Is there a configuration among them?
    configures: bool,
}

/// The terms of a batch fall: no log ever looks like that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermsFall;

impl fmt::Display for TermsFall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the terms of a batch of entries fall")
    }
}

impl std::error::Error for TermsFall {}

impl Entries {
    /// Entries in a new allocation.
    ///
    /// # Errors
    /// When the terms fall.
    pub fn new(entries: impl Into<Arc<[Entry]>>) -> Result<Self, TermsFall> {
        let shared = entries.into();
        if !shared.is_sorted_by_key(|entry| entry.term) || u32::try_from(shared.len()).is_err() {
            return Err(TermsFall);
        }
        Ok(Self::sorted(shared))
    }

    /// Entries that are known to be in order: the terms never fall.
    pub fn sorted(shared: Arc<[Entry]>) -> Self {
        debug_assert!(shared.is_sorted_by_key(|entry| entry.term));
        let (bytes, configures) = weigh(&shared);
        Self {
            start: 0,
            end: shared.len() as u32,
            shared,
            bytes,
            configures,
        }
    }

    /// The size of the payloads, and a little for each entry.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// A part of them, sharing the allocation.
    pub fn slice(&self, range: Range<usize>) -> Self {
        if range == (0..self.len()) {
            return self.clone();
        }
        let (bytes, configures) = weigh(&self[range.clone()]);
        Self {
            shared: self.shared.clone(),
            start: self.start + range.start as u32,
            end: self.start + range.end as u32,
            bytes,
            configures,
        }
    }

    /// The configurations among them, each with its place from 0. Costs nothing where there are
    /// none.
    pub fn configurations(&self) -> impl Iterator<Item = (usize, &Arc<Configuration>)> {
        let entries = if self.configures { &self[..] } else { &[] };
        let entries = entries.iter().enumerate();
        entries.filter_map(|(at, entry)| match &entry.payload {
            Payload::Configuration(configuration) => Some((at, configuration)),
            _ => None,
        })
    }
}

/// The size of entries, and whether there is a configuration among them.
fn weigh(entries: &[Entry]) -> (usize, bool) {
    entries
        .iter()
        .fold((0, false), |(bytes, configures), entry| {
            let configuration = matches!(entry.payload, Payload::Configuration(_));
            (bytes + entry.bytes(), configures | configuration)
        })
}

impl Default for Entries {
    fn default() -> Self {
        Self::sorted(Arc::default())
    }
}

impl Deref for Entries {
    type Target = [Entry];
    fn deref(&self) -> &[Entry] {
        &self.shared[self.start as usize..self.end as usize]
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.deref().fmt(f)
    }
}

impl PartialEq for Entries {
    fn eq(&self, other: &Self) -> bool {
        self.deref() == other.deref()
    }
}

impl Eq for Entries {}

impl Hash for Entries {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.deref().hash(state);
    }
}

impl Serialize for Entries {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.deref().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::<Entry>::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}
