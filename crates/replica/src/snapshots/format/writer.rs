//! State to bytes.

use super::{FORMAT, FRAME_BYTES, FRAME_HEADER, HEAD, Head, ItemRef, SESSIONS, STORE};
use crate::machine::Machine;
use crate::sessions::SessionId;
use bytes::{BufMut, Bytes, BytesMut};
use quorate_kv as kv;
use serde::Serialize;
use std::hash::{Hash, Hasher};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Encodes a frozen machine, chunk by chunk. A value: a frozen state and a position. It compares
/// and hashes as that.
#[derive(Clone, Debug)]
pub struct MachineWriter {
    machine: Machine,
    /// What is encoded next, and where that begins in the stream.
    next: Mark,
    /// Encoded and not handed out.
    pending: BytesMut,
    /// So much of what comes next was handed out by another writer.
    skip: u64,
    /// The frames that were begun here.
    passed: Vec<Mark>,
}

/// A frame of the stream: where it begins, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Mark {
    offset: u64,
    next: Next,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Next {
    Head,
    /// The sessions from this one on; of the first one, only the answers from that number on.
    Sessions(SessionId, Option<u64>),
    Store(kv::SnapshotCursor),
    Nothing,
}

/// Where frames of one stream begin, as far as writers have come: so another one can start at any
/// offset before that at the cost of one frame.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Marks(Vec<Mark>);

impl Marks {
    /// Takes the marks over that a writer has passed.
    pub(crate) fn learn(&mut self, passed: Vec<Mark>) {
        for mark in passed {
            if self.0.last().is_none_or(|last| last.offset < mark.offset) {
                self.0.push(mark);
            }
        }
    }

    fn before(&self, offset: u64) -> Option<&Mark> {
        let after = self.0.partition_point(|mark| mark.offset <= offset);
        self.0.get(after.checked_sub(1)?)
    }
}

impl MachineWriter {
    /// A writer at the beginning.
    pub fn new(machine: Machine) -> Self {
        Self::resume(machine, &Marks::default(), 0)
    }

    /// A writer that begins at `offset`, given what other writers of the same machine have marked.
    pub(crate) fn resume(machine: Machine, marks: &Marks, offset: u64) -> Self {
        let start = Mark {
            offset: 0,
            next: Next::Head,
        };
        let next = marks.before(offset).cloned().unwrap_or(start);
        Self {
            machine,
            skip: offset - next.offset,
            next,
            pending: BytesMut::new(),
            passed: vec![],
        }
    }

    /// The next chunk: `bytes` bytes, unless it is the last one; `None` after that.
    pub fn next_chunk(&mut self, bytes: usize) -> Option<Bytes> {
        let bytes = bytes.max(1);
        // At once: growing step by step copies everything each time.
        self.pending.reserve(bytes + FRAME_BYTES);
        while self.pending.len() < bytes && self.next.next != Next::Nothing {
            self.encode_frame();
            let skip = self.skip.min(self.pending.len() as u64);
            let _ = self.pending.split_to(skip as usize);
            self.skip -= skip;
        }
        let chunk = self.pending.split_to(bytes.min(self.pending.len()));
        (!chunk.is_empty()).then(|| chunk.freeze())
    }

    /// Whether all was handed out.
    pub fn is_done(&self) -> bool {
        self.pending.is_empty() && self.next.next == Next::Nothing
    }

    /// The position: how many bytes of the stream come before the next chunk.
    pub fn offset(&self) -> u64 {
        self.next.offset + self.skip - self.pending.len() as u64
    }

    /// The machine that is encoded.
    pub(crate) fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Takes out the marks of the frames that were begun since the last call.
    pub(crate) fn take_marks(&mut self) -> Vec<Mark> {
        std::mem::take(&mut self.passed)
    }

    fn encode_frame(&mut self) {
        self.passed.push(self.next.clone());
        let start = self.pending.len();
        self.pending.put_bytes(0, FRAME_HEADER);
        let next = match std::mem::replace(&mut self.next.next, Next::Nothing) {
            Next::Head => self.encode_head(),
            Next::Sessions(id, seq) => self.encode_sessions(id, seq),
            Next::Store(cursor) => self.encode_store(cursor),
            Next::Nothing => return self.pending.truncate(start),
        };
        let frame = &mut self.pending[start..];
        let (header, body) = frame.split_at_mut(FRAME_HEADER);
        let checksum = xxh3_64_with_seed(body, self.next.offset);
        // No body comes near 4 GiB: it has one item more than `FRAME_BYTES` at most.
        header[..4].copy_from_slice(&(body.len() as u32).to_le_bytes());
        header[4..].copy_from_slice(&checksum.to_le_bytes());
        self.next = Mark {
            offset: self.next.offset + frame.len() as u64,
            next,
        };
    }

    fn encode_head(&mut self) -> Next {
        self.pending.put_slice(&[HEAD, FORMAT]);
        let head = Head {
            settings: self.machine.settings,
            applied: self.machine.applied,
            level: self.machine.level,
            digest: self.machine.digest(),
        };
        self.pending.put_slice(&encode(&head));
        match self.machine.sessions.from(SessionId(0)).next() {
            Some((first, _)) => Next::Sessions(first, None),
            None => Next::Store(kv::SnapshotCursor::default()),
        }
    }

    fn encode_sessions(&mut self, from: SessionId, mut seq: Option<u64>) -> Next {
        let start = self.pending.len();
        self.pending.put_u8(SESSIONS);
        let is_full = |pending: &BytesMut| pending.len() - start >= FRAME_BYTES;
        for (id, session) in self.machine.sessions.from(from) {
            if is_full(&self.pending) {
                return Next::Sessions(id, None);
            }
            if seq.is_none() {
                let (used, settled) = (session.used, session.settled());
                let item = ItemRef::Session { id, used, settled };
                self.pending.put_slice(&encode(&item));
            }
            for (seq, answer) in session.answers_from(seq.take().unwrap_or(0)) {
                if is_full(&self.pending) {
                    return Next::Sessions(id, Some(seq));
                }
                let (index, kept) = (answer.index, &answer.kept);
                let item = ItemRef::Answer { seq, index, kept };
                self.pending.put_slice(&encode(&item));
            }
        }
        Next::Store(kv::SnapshotCursor::default())
    }

    fn encode_store(&mut self, cursor: kv::SnapshotCursor) -> Next {
        self.pending.put_u8(STORE);
        let mut writer = kv::SnapshotWriter::resume(self.machine.store.clone(), cursor);
        writer.next_block(FRAME_BYTES, &mut self.pending);
        match writer.cursor().is_end() {
            true => Next::Nothing,
            false => Next::Store(writer.cursor().clone()),
        }
    }
}

// Serialising to memory fails only for types that postcard can't express; these are not.
fn encode(value: &impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(value).unwrap_or_default()
}

impl PartialEq for MachineWriter {
    fn eq(&self, other: &Self) -> bool {
        (self.offset(), &self.machine) == (other.offset(), &other.machine)
    }
}

impl Eq for MachineWriter {}

impl Hash for MachineWriter {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.offset(), &self.machine).hash(state);
    }
}
