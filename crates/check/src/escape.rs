//! Keys and values in stored histories: readable text where they are text, hex where not.
//!
//! A byte string that is printable UTF-8 is written as itself. Everything else, and text that
//! itself begins with `hex:`, is written as `hex:` and two digits a byte.

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error};
use serde::{Serialize, Serializer};

const HEX: &str = "hex:";

/// `bytes` as they appear in stored histories and in explanations.
pub(crate) fn show(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.starts_with(HEX) && !text.chars().any(char::is_control) => {
            text.to_owned()
        }
        _ => {
            let digits = |byte: &u8| {
                [byte >> 4, byte & 15]
                    .map(|nibble| char::from_digit(nibble.into(), 16).unwrap_or('?'))
            };
            HEX.chars().chain(bytes.iter().flat_map(digits)).collect()
        }
    }
}

/// The inverse of [`show`]; `None` for bad hex.
pub(crate) fn read(text: &str) -> Option<Bytes> {
    let Some(digits) = text.strip_prefix(HEX) else {
        return Some(Bytes::copy_from_slice(text.as_bytes()));
    };
    let nibbles: Option<Vec<u8>> = digits
        .chars()
        .map(|c| c.to_digit(16).and_then(|n| u8::try_from(n).ok()))
        .collect();
    let nibbles = nibbles.filter(|n| n.len() % 2 == 0)?;
    Some(
        nibbles
            .chunks_exact(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect(),
    )
}

pub(crate) fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&show(bytes))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    read(&text)
        .ok_or_else(|| D::Error::custom("expected an even number of hex digits after `hex:`"))
}

pub(crate) mod option {
    use super::{Bytes, Deserialize, Deserializer, Error, Serialize, Serializer, read, show};

    pub(crate) fn serialize<S: Serializer>(
        bytes: &Option<Bytes>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        bytes.as_deref().map(show).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Bytes>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| read(&text).ok_or_else(|| D::Error::custom("bad hex after `hex:`")))
            .transpose()
    }
}
