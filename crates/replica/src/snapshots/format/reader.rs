//! Bytes to state.

use super::{FORMAT, FRAME_BYTES, FRAME_HEADER, HEAD, Head, Item, MAX_ITEM, SESSIONS, STORE};
use crate::machine::Machine;
use crate::sessions::{Answer, SessionId, Sessions};
use bytes::{Buf, BytesMut};
use quorate_kv as kv;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Why a stream of bytes is not a machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SnapshotError {
    /// A frame does not hold what its kind says.
    #[error("the snapshot's frame at byte {0} can't be decoded: {1}")]
    Frame(u64, String),
    /// The snapshot was written by a version that this one does not know.
    #[error("the snapshot has format {0}, this version reads format {FORMAT}")]
    Format(u8),
    /// A frame claims more bytes than any frame has.
    #[error("the snapshot has a frame of {0} bytes, the limit is {MAX_FRAME}")]
    Length(u32),
    /// A frame was damaged, or stands in the wrong place.
    #[error("the snapshot is damaged: the checksum of the frame at byte {0} is wrong")]
    Checksum(u64),
    /// It says something that no writer would.
    #[error("the snapshot is malformed: {0}")]
    Malformed(&'static str),
    /// The stream ended too early.
    #[error("the snapshot is cut short")]
    Short,
    /// What was read is not what was written.
    #[error("the snapshot does not make the state that it says it holds")]
    WrongContents,
    /// The store's part is damaged.
    #[error("the snapshot's store can't be read: {0}")]
    Store(#[from] kv::SnapshotError),
}

use SnapshotError::Malformed;

/// No frame is larger. The reader's buffer grows only with bytes that have come.
const MAX_FRAME: u32 = (FRAME_BYTES + MAX_ITEM) as u32;

/// No version has a larger window. The reader makes a place for each write in it.
const MAX_WINDOW: u64 = 1 << 20;

/// Rebuilds a machine from the stream of a [`MachineWriter`](super::MachineWriter), however it is
/// cut. Holds one incomplete frame and what it has built. Compares and hashes by what it was fed.
#[derive(Clone, Default)]
pub struct MachineReader {
    buffer: BytesMut,
    /// Where the buffer begins in the stream.
    offset: u64,
    /// Over the checksums of all frames before.
    chain: u64,
    head: Option<Head>,
    sessions: Sessions,
    /// The session and the answer read last.
    last: Option<(SessionId, u64)>,
    /// The writes of that session that may have an answer.
    window: Range<u64>,
    store: Option<kv::SnapshotReader>,
}

impl fmt::Debug for MachineReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MachineReader")
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

impl MachineReader {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// If they are not what a writer writes in this place. The rest is not worth reading then.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), SnapshotError> {
        self.buffer.extend_from_slice(chunk);
        while let Some(length) = self.buffer.first_chunk::<4>() {
            let length = u32::from_le_bytes(*length);
            if length > MAX_FRAME {
                return Err(SnapshotError::Length(length));
            }
            let length = FRAME_HEADER + length as usize;
            if self.buffer.len() < length {
                break;
            }
            let mut frame = self.buffer.split_to(length);
            frame.advance(4);
            let checksum = frame.get_u64_le();
            if checksum != xxh3_64_with_seed(&frame, self.offset) {
                return Err(SnapshotError::Checksum(self.offset));
            }
            self.frame(&frame)?;
            self.offset += length as u64;
            self.chain = xxh3_64_with_seed(&checksum.to_le_bytes(), self.chain);
        }
        Ok(())
    }

    fn frame(&mut self, frame: &[u8]) -> Result<(), SnapshotError> {
        match (frame, &self.head, &mut self.store) {
            // The format is looked at by itself first: the rest may be laid out differently.
            ([HEAD, FORMAT, head @ ..], None, None) => {
                let head: Head = self.decode(head)?;
                if head.settings.session_window > MAX_WINDOW {
                    return Err(Malformed("a session window without measure"));
                }
                self.head = Some(head);
                Ok(())
            }
            ([HEAD, format, ..], None, None) => Err(SnapshotError::Format(*format)),
            ([SESSIONS, items @ ..], Some(head), None) => {
                let window = head.settings.session_window;
                self.sessions(items, window)
            }
            ([STORE, block @ ..], Some(_), store) => {
                Ok(store.get_or_insert_default().feed(block)?)
            }
            _ => Err(Malformed("a frame in the wrong place")),
        }
    }

    fn sessions(&mut self, mut items: &[u8], window: u64) -> Result<(), SnapshotError> {
        while !items.is_empty() {
            let (item, rest) = postcard::take_from_bytes(items)
                .map_err(|error| SnapshotError::Frame(self.offset, error.to_string()))?;
            items = rest;
            match (item, self.last) {
                (Item::Session { id, used, settled }, last) => {
                    if last.is_some_and(|(last, _)| last >= id) {
                        return Err(Malformed("sessions out of order"));
                    }
                    self.sessions.insert(id, used, settled);
                    self.last = Some((id, 0));
                    self.window = settled..settled.saturating_add(window);
                }
                (Item::Answer { seq, .. }, Some(_)) if !self.window.contains(&seq) => {
                    return Err(Malformed("an answer outside its session's window"));
                }
                (Item::Answer { seq, index, kept }, Some((id, last))) if seq > last => {
                    let answer = Answer::read(index, kept);
                    self.sessions.insert_answer(id, seq, answer);
                    self.last = Some((id, seq));
                }
                (Item::Answer { .. }, _) => return Err(Malformed("answers out of order")),
            }
        }
        Ok(())
    }

    fn decode<T: serde::de::DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, SnapshotError> {
        match postcard::take_from_bytes(bytes) {
            Ok((value, [])) => Ok(value),
            Ok(_) => Err(Malformed("a head with more behind it")),
            Err(error) => Err(SnapshotError::Frame(self.offset, error.to_string())),
        }
    }

    /// The machine, after the last byte.
    ///
    /// # Errors
    /// If bytes are missing, or the digest of what they make is not the one that they give.
    pub fn finish(self) -> Result<Machine, SnapshotError> {
        let Some(head) = self.head.filter(|_| self.buffer.is_empty()) else {
            return Err(SnapshotError::Short);
        };
        let machine = Machine {
            settings: head.settings,
            sessions: self.sessions,
            store: self.store.ok_or(SnapshotError::Short)?.finish()?,
            applied: head.applied,
            level: head.level,
        };
        match machine.digest() == head.digest {
            true => Ok(machine),
            false => Err(SnapshotError::WrongContents),
        }
    }

    fn fed(&self) -> (u64, u64, &[u8]) {
        (self.offset, self.chain, &self.buffer)
    }
}

impl PartialEq for MachineReader {
    fn eq(&self, other: &Self) -> bool {
        self.fed() == other.fed()
    }
}

impl Eq for MachineReader {}

impl Hash for MachineReader {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.fed().hash(state);
    }
}
