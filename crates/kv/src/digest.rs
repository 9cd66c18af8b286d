//! A digest of the state, kept up to date change by change.

use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::history::KeyChange;

/// A digest of everything a [`Store`](crate::Store) holds: every retained change of every key, and
/// the revisions.
///
/// Two stores that applied the same commands have equal digests on every machine; two that differ
/// in anything have different ones but for a chance of about 2⁻⁶⁴. It is there to find bugs and
/// flipped bits. It is *no* defence against somebody who looks for a collision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Digest(pub u64);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The sum, modulo 2⁶⁴, of the hashes of a set of changes: it does not depend on their order, and
/// a change is taken out as it was put in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChangeSum(pub(crate) u64);

impl ChangeSum {
    pub(crate) fn add(&mut self, change: &KeyChange) {
        self.0 = self.0.wrapping_add(hash(change));
    }

    pub(crate) fn remove(&mut self, change: &KeyChange) {
        self.0 = self.0.wrapping_sub(hash(change));
    }
}

fn hash(change: &KeyChange) -> u64 {
    hash_words([
        xxh3_64(change.key.as_slice()),
        change.revision.main as u64,
        u64::from(change.revision.sub),
        change.create as u64,
        change.version as u64,
        change.lease as u64,
        xxh3_64(&change.value),
    ])
}

/// Hashes numbers in one byte order on every machine.
pub(crate) fn hash_words<const N: usize>(words: [u64; N]) -> u64 {
    let bytes = words.map(u64::to_le_bytes);
    xxh3_64(bytes.as_flattened())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::history::Revision;
    use crate::key::Key;

    fn change() -> KeyChange {
        KeyChange {
            key: Key::new(b"key"),
            revision: Revision { main: 7, sub: 1 },
            create: 5,
            version: 2,
            lease: 9,
            value: Bytes::from_static(b"value"),
        }
    }

    #[test]
    fn every_field_of_a_change_counts() {
        let mutants: [fn(&mut KeyChange); 7] = [
            |c| c.key = Key::new(b"kez"),
            |c| c.revision.main = 8,
            |c| c.revision.sub = 2,
            |c| c.create = 6,
            |c| c.version = 3,
            |c| c.lease = 0,
            |c| c.value = Bytes::from_static(b"valuf"),
        ];
        for mutate in mutants {
            let mut mutant = change();
            mutate(&mut mutant);
            assert_ne!(hash(&change()), hash(&mutant), "{mutant:?}");
        }
    }

    #[test]
    fn the_hash_is_the_same_on_every_machine() {
        assert_eq!(hash(&change()), 13_779_377_836_485_992_475);
    }
}
