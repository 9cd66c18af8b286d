//! The payload of a log entry: who asked, and for what.
//!
//! ```text
//! 1  format: the feature level at which the entry was written
//! n  the entry in postcard, laid out as that level has it
//! ```

use crate::request::RequestId;
use bytes::Bytes;
use quorate_kv as kv;
use serde::{Deserialize, Serialize};

/// What the state machine is asked by one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Entry {
    /// Open a session. The nonce lets the replica that asked recognise its own.
    OpenSession { nonce: u64 },
    /// Apply a command, once.
    Command { id: RequestId, command: kv::Command },
}

/// As [`Entry`], borrowed; the encodings are the same.
#[derive(Serialize)]
enum EntryRef<'a> {
    OpenSession {
        nonce: u64,
    },
    Command {
        id: RequestId,
        command: &'a kv::Command,
    },
}

/// Why bytes are not an entry that can be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// A format that this software does not know.
    TooNew(u16),
    /// Not an entry of any format.
    Malformed,
}

pub(crate) fn encode_open_session(level: u16, nonce: u64) -> Bytes {
    encode(level, &EntryRef::OpenSession { nonce })
}

pub(crate) fn encode_command(level: u16, id: RequestId, command: &kv::Command) -> Bytes {
    encode(level, &EntryRef::Command { id, command })
}

/// In the format of a feature level: the cluster's, so that every member can read it.
fn encode(level: u16, entry: &EntryRef<'_>) -> Bytes {
    let format = u8::try_from(level.max(1)).unwrap_or(u8::MAX);
    let bytes = postcard::to_extend(entry, vec![format]);
    // Serialising to memory fails only for types that postcard can't express; these are not.
    Bytes::from(bytes.unwrap_or_default())
}

/// # Errors
/// If the bytes are not an entry, more than one, or one of a format above `known`.
pub(crate) fn decode(bytes: &[u8], known: u16) -> Result<Entry, Unreadable> {
    let (format, body) = bytes.split_first().ok_or(Unreadable::Malformed)?;
    match u16::from(*format) {
        0 => return Err(Unreadable::Malformed),
        newer if newer > known => return Err(Unreadable::TooNew(newer)),
        _ => {}
    }
    match postcard::take_from_bytes(body) {
        Ok((entry, [])) => Ok(entry),
        _ => Err(Unreadable::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_says_its_format_and_a_newer_one_is_not_guessed_at() {
        let bytes = encode_open_session(2, 7);
        assert_eq!(decode(&bytes, 2), Ok(Entry::OpenSession { nonce: 7 }));
        assert_eq!(decode(&bytes, 3), Ok(Entry::OpenSession { nonce: 7 }));
        assert_eq!(decode(&bytes, 1), Err(Unreadable::TooNew(2)));
        assert_eq!(decode(&bytes[..1], 2), Err(Unreadable::Malformed));
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(decode(&longer, 2), Err(Unreadable::Malformed));
        assert_eq!(decode(&[0, 0, 7], 2), Err(Unreadable::Malformed));
    }
}
