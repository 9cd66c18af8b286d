//! The payload of a log entry: who asked, and for what.

use crate::RequestId;
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

pub(crate) fn encode_open_session(nonce: u64) -> Bytes {
    encode(&EntryRef::OpenSession { nonce })
}

pub(crate) fn encode_command(id: RequestId, command: &kv::Command) -> Bytes {
    encode(&EntryRef::Command { id, command })
}

fn encode(entry: &EntryRef<'_>) -> Bytes {
    let bytes = postcard::to_stdvec(entry);
    // Serialising to memory fails only for types that postcard can't express; these are not.
    Bytes::from(bytes.unwrap_or_default())
}

/// # Errors
/// If the bytes are not an entry, or more than one.
pub(crate) fn decode(bytes: &[u8]) -> Result<Entry, postcard::Error> {
    match postcard::take_from_bytes(bytes)? {
        (entry, []) => Ok(entry),
        _ => Err(postcard::Error::DeserializeBadEncoding),
    }
}
