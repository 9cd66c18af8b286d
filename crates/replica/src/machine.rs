//! The replicated state machine: the store, the sessions, and how far the log is applied.

use crate::entry::{self, Entry};
use crate::sessions::{Applied, SessionId, Sessions, Verdict};
use crate::{Limits, RequestId};
use bytes::{BufMut, Bytes, BytesMut};
use quorate_core::Mutant;
use quorate_core::replicated::Payload;
use quorate_kv as kv;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What all replicas hold alike after applying the same log. A clone is cheap, and frozen.
#[derive(Clone, Debug)]
pub struct Machine {
    store: kv::Store,
    sessions: Arc<Sessions>,
    applied: Position,
    /// The cluster's feature level by the last configuration applied.
    level: u16,
}

/// How far the log is applied, and a chain over all that was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    index: u64,
    term: u64,
    /// Hash of every payload applied, in order: two machines with the same chain took the same
    /// entries (doc 003: audit logs with content checksums).
    chain: u64,
}

/// What applying one entry came to.
#[derive(Debug)]
pub(crate) enum Effect {
    /// The leader's empty entry.
    Nothing,
    /// A session was opened for whoever used this nonce.
    Opened { nonce: u64, session: SessionId },
    /// A write was judged.
    Write {
        id: RequestId,
        verdict: WriteVerdict,
    },
    /// The entry has a format that this software does not know. Nothing was applied.
    TooNew {
        /// The format.
        format: u16,
    },
    /// The payload is not an entry of ours: a replica wrote what no correct one writes. Nothing was
    /// applied.
    Malformed,
    /// The entry does not follow the one applied last. Nothing was applied.
    OutOfOrder,
}

/// What became of a write.
#[derive(Debug)]
pub(crate) enum WriteVerdict {
    Applied(Arc<Applied>),
    Duplicate(Arc<Applied>),
    Settled,
    Expired,
    OutsideWindow,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            store: kv::Store::new(),
            sessions: Arc::default(),
            applied: Position::default(),
            level: 1,
        }
    }
}

impl Machine {
    /// The store, for reads.
    pub fn store(&self) -> &kv::Store {
        &self.store
    }

    /// The log index that was applied last; 0 before the first.
    pub fn index(&self) -> u64 {
        self.applied.index
    }

    /// The term of that entry.
    pub fn term(&self) -> u64 {
        self.applied.term
    }

    /// The cluster's feature level, as of the last entry applied.
    pub fn level(&self) -> u16 {
        self.level
    }

    /// How many client sessions are open.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// One number for the whole state and the history that led to it: equal on every replica at
    /// the same index. Finds bugs and flipped bits, not a forger.
    pub fn digest(&self) -> u64 {
        xxh3_64_with_seed(&self.applied.chain.to_le_bytes(), self.store.digest().0)
    }

    /// Applies the committed entry at `index`, which follows the last one.
    pub(crate) fn apply(
        &mut self,
        index: u64,
        term: u64,
        payload: &Payload,
        limits: &Limits,
        software: u16,
        mutant: Mutant,
    ) -> Effect {
        if index != self.applied.index + 1 {
            return Effect::OutOfOrder;
        }
        let entry = match payload {
            Payload::Command(command) => match entry::decode(command, software) {
                Ok(entry) => Some(entry),
                Err(entry::Unreadable::TooNew(format)) => return Effect::TooNew { format },
                Err(entry::Unreadable::Malformed) => return Effect::Malformed,
            },
            Payload::Empty | Payload::Configuration(_) => None,
        };
        if let Payload::Configuration(configuration) = payload {
            self.level = configuration.level;
        }
        let seed = self.applied.chain ^ index;
        let chain = match payload {
            Payload::Configuration(configuration) => {
                let bytes = postcard::to_stdvec(configuration).unwrap_or_default();
                xxh3_64_with_seed(&bytes, seed)
            }
            command => xxh3_64_with_seed(command.command(), seed),
        };
        self.applied = Position { index, term, chain };
        match entry {
            None => Effect::Nothing,
            Some(Entry::OpenSession { nonce }) => {
                let session = Arc::make_mut(&mut self.sessions).open(index, limits.sessions);
                Effect::Opened { nonce, session }
            }
            Some(Entry::Command { id, command }) => Effect::Write {
                id,
                verdict: self.write(index, id, &command, limits, mutant),
            },
        }
    }

    fn write(
        &mut self,
        index: u64,
        id: RequestId,
        command: &kv::Command,
        limits: &Limits,
        mutant: Mutant,
    ) -> WriteVerdict {
        let RequestId {
            session,
            seq,
            settled,
        } = id;
        let sessions = Arc::make_mut(&mut self.sessions);
        match sessions.judge(index, session, seq, settled, limits.session_window) {
            Verdict::Fresh => {}
            Verdict::Duplicate(_) if mutant.is(Mutant::DuplicateApplied) => {}
            Verdict::Duplicate(applied) => return WriteVerdict::Duplicate(applied),
            Verdict::Settled => return WriteVerdict::Settled,
            Verdict::Expired => return WriteVerdict::Expired,
            Verdict::OutsideWindow => return WriteVerdict::OutsideWindow,
        }
        let result = self.store.apply(command);
        let applied = Arc::new(Applied {
            revision: self.store.revision(),
            result,
        });
        sessions.keep(session, seq, Arc::clone(&applied));
        WriteVerdict::Applied(applied)
    }

    /// A snapshot of this state as a stream of chunks; the state may move on meanwhile.
    pub fn snapshot(&self) -> MachineWriter {
        let head = Head {
            format: FORMAT,
            applied: self.applied,
            level: self.level,
            sessions: (*self.sessions).clone(),
        };
        MachineWriter {
            head: Some(Bytes::from(postcard::to_stdvec(&head).unwrap_or_default())),
            store: kv::SnapshotWriter::new(self.store.clone()),
        }
    }
}

const FORMAT: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Head {
    format: u8,
    applied: Position,
    level: u16,
    sessions: Sessions,
}

/// Writes a machine as a stream of bytes, cut into chunks. The stream is a sequence of frames, each
/// a length (4 bytes, little endian) and as many bytes: the sessions first, then what the store
/// writes. Where it is cut means nothing.
pub struct MachineWriter {
    head: Option<Bytes>,
    store: kv::SnapshotWriter,
}

impl fmt::Debug for MachineWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MachineWriter")
            .field("started", &self.head.is_none())
            .finish_non_exhaustive()
    }
}

impl MachineWriter {
    /// The next chunk, of about `bytes` bytes (the first one, with the sessions, may be larger);
    /// `None` after the last.
    pub fn next_chunk(&mut self, bytes: usize) -> Option<Bytes> {
        let frame = self.head.take().or_else(|| self.store.next_chunk(bytes))?;
        let mut chunk = BytesMut::with_capacity(frame.len() + 4);
        chunk.put_u32_le(u32::try_from(frame.len()).unwrap_or(u32::MAX));
        chunk.put_slice(&frame);
        Some(chunk.freeze())
    }
}

/// Why a stream of bytes is not a machine.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The first frame does not hold sessions.
    #[error("the snapshot's head can't be decoded: {0}")]
    Head(postcard::Error),
    /// The snapshot was written by a version that this one does not know.
    #[error("the snapshot has format {0}, this version reads format {FORMAT}")]
    Format(u8),
    /// A frame claims more bytes than any frame has.
    #[error("the snapshot has a frame of {0} bytes, the limit is {MAX_FRAME}")]
    Frame(u32),
    /// The stream ended too early.
    #[error("the snapshot is cut short")]
    Short,
    /// The store's part is damaged.
    #[error("the snapshot's store can't be read: {0}")]
    Store(#[from] kv::SnapshotError),
}

/// No frame is larger. The reader's buffer grows only with bytes that have come.
const MAX_FRAME: u32 = 1 << 30;

/// Rebuilds a machine from the stream of a [`MachineWriter`], however it is cut.
#[derive(Default)]
pub struct MachineReader {
    buffer: BytesMut,
    head: Option<Head>,
    store: kv::SnapshotReader,
}

impl fmt::Debug for MachineReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let applied = self.head.as_ref().map(|head| head.applied);
        f.debug_struct("MachineReader")
            .field("applied", &applied)
            .finish_non_exhaustive()
    }
}

impl MachineReader {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// If they are not what a [`MachineWriter`] writes at this place.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), SnapshotError> {
        self.buffer.extend_from_slice(chunk);
        while let Some(length) = self.buffer.first_chunk::<4>() {
            let length = u32::from_le_bytes(*length);
            if length > MAX_FRAME {
                return Err(SnapshotError::Frame(length));
            }
            if self.buffer.len() - 4 < length as usize {
                break;
            }
            let frame = self.buffer.split_to(4 + length as usize);
            self.frame(&frame[4..])?;
        }
        Ok(())
    }

    fn frame(&mut self, frame: &[u8]) -> Result<(), SnapshotError> {
        if self.head.is_some() {
            return Ok(self.store.feed(frame)?);
        }
        // The format is looked at by itself first: the rest may be laid out differently.
        match frame.first() {
            Some(&FORMAT) => {}
            Some(&other) => return Err(SnapshotError::Format(other)),
            None => return Err(SnapshotError::Short),
        }
        self.head = Some(postcard::from_bytes(frame).map_err(SnapshotError::Head)?);
        Ok(())
    }

    /// The machine, after the last byte.
    ///
    /// # Errors
    /// If bytes are missing or the store's digest does not match.
    pub fn finish(self) -> Result<Machine, SnapshotError> {
        if !self.buffer.is_empty() {
            return Err(SnapshotError::Short);
        }
        let Head {
            applied,
            level,
            sessions,
            ..
        } = self.head.ok_or(SnapshotError::Short)?;
        Ok(Machine {
            store: self.store.finish()?,
            sessions: Arc::new(sessions),
            applied,
            level,
        })
    }
}
