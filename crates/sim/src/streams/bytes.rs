//! A run's decisions as bytes: a magic number with the version, then each list: its kind, which of
//! that kind, its length, its decisions. All numbers are of variable length, seven bits a byte.

use super::{ChoiceStream, Choices, StreamKind};
use std::fmt;

/// What begins a recording of any version.
const MAGIC: &[u8] = b"quorate decisions ";

/// One stream for each purpose; version 1 had one for all.
const VERSION: &[u8] = b"2\n";

/// A run's decisions, for a file.
pub fn encode(drawn: &Choices) -> Vec<u8> {
    let mut bytes = [MAGIC, VERSION].concat();
    for (purpose, list) in &drawn.0 {
        put(&mut bytes, purpose.kind as u64);
        put(&mut bytes, purpose.of.into());
        put(&mut bytes, list.len() as u64);
        list.iter().for_each(|value| put(&mut bytes, *value));
    }
    bytes
}

fn put(bytes: &mut Vec<u8>, value: u64) {
    let mut rest = value;
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

/// Why bytes are not a run's decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// They do not begin as such a recording does.
    Magic,
    /// They do, of another version: its decisions mean nothing here.
    Version,
    /// A number is cut short, too large, or not one that can stand here; it ends before this byte.
    Number(usize),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic => f.write_str("not a recording of decisions"),
            Self::Version => {
                f.write_str("a recording of another version of quorate, which alone can replay it")
            }
            Self::Number(at) => write!(f, "the recording is damaged at byte {at}"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// The decisions in these bytes, which [`encode`] wrote.
///
/// # Errors
/// See [`DecodeError`].
pub fn decode(bytes: &[u8]) -> Result<Choices, DecodeError> {
    let versioned = bytes.strip_prefix(MAGIC).ok_or(DecodeError::Magic)?;
    let body = versioned
        .strip_prefix(VERSION)
        .ok_or(DecodeError::Version)?;
    let mut reader = ByteReader {
        at: bytes.len() - body.len(),
        bytes,
    };
    let mut drawn = Choices::default();
    while reader.at < bytes.len() {
        let kind = reader.number()? as usize;
        let kind = *StreamKind::ALL
            .get(kind)
            .ok_or(DecodeError::Number(reader.at))?;
        let of = u32::try_from(reader.number()?).map_err(|_| DecodeError::Number(reader.at))?;
        let count = reader.number()?;
        // Each takes a byte at least: what is claimed is checked before room is made for it.
        if count > (bytes.len() - reader.at) as u64 {
            return Err(DecodeError::Number(reader.at));
        }
        let list: Result<Vec<u64>, _> = (0..count).map(|_| reader.number()).collect();
        if drawn.0.insert(ChoiceStream::new(kind, of), list?).is_some() {
            return Err(DecodeError::Number(reader.at));
        }
    }
    Ok(drawn)
}

struct ByteReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl ByteReader<'_> {
    fn number(&mut self) -> Result<u64, DecodeError> {
        let (mut value, mut shift) = (0u64, 0u32);
        loop {
            let byte = *self
                .bytes
                .get(self.at)
                .ok_or(DecodeError::Number(self.at))?;
            self.at += 1;
            if shift > 63 || (shift == 63 && byte > 1) {
                return Err(DecodeError::Number(self.at));
            }
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_survive_the_way_through_bytes() {
        let mut drawn = Choices::default();
        let list = vec![0, 1, 127, 128, 300, u64::MAX];
        drawn.0.insert(ChoiceStream::new(StreamKind::Mix, 0), list);
        drawn
            .0
            .insert(ChoiceStream::new(StreamKind::Link, 513), vec![7]);
        drawn
            .0
            .insert(ChoiceStream::new(StreamKind::Disk, 2), vec![]);
        let bytes = encode(&drawn);
        assert_eq!(decode(&bytes), Ok(drawn));
        for end in 0..bytes.len() {
            let cut = decode(&bytes[..end]);
            // A list ends there, too.
            let whole = cut.as_ref().is_ok_and(|cut| encode(cut).len() == end);
            assert!(cut.is_err() || whole, "{end}: {cut:?}");
        }
    }

    #[test]
    fn what_is_no_recording_is_refused() {
        let of = |body: &[u8]| decode(&[b"quorate decisions 2\n", body].concat());
        assert_eq!(decode(b"something else"), Err(DecodeError::Magic));
        assert_eq!(decode(b"quorate decisions 1\n"), Err(DecodeError::Version));
        assert_eq!(of(&[]), Ok(Choices::default()));
        assert!(matches!(of(&[0xff; 11]), Err(DecodeError::Number(_))));
        assert_eq!(of(&[99, 0, 0]), Err(DecodeError::Number(21)), "no kind");
        assert_eq!(
            of(&[0, 0, 100, 1]),
            Err(DecodeError::Number(23)),
            "too long"
        );
        assert!(of(&[1, 0, 1, 9]).is_ok());
        assert!(of(&[1, 0, 1, 9, 1, 0, 1, 9]).is_err(), "twice the same");
    }
}
