//! Keys as the index holds them.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;

/// The longest key that is stored in place.
const INLINE: usize = 30;

/// A key of the index. A short one lives in the index node itself: the search for a key then
/// follows one pointer per node and not one per comparison, which at a million keys is worth a
/// quarter of the time of a put.
#[derive(Clone)]
pub(crate) enum Key {
    Inline(u8, [u8; INLINE]),
    Heap(Arc<[u8]>),
}

impl Key {
    pub(crate) fn new(key: &[u8]) -> Self {
        match u8::try_from(key.len()) {
            Ok(len) if key.len() <= INLINE => {
                let mut place = [0; INLINE];
                place[..key.len()].copy_from_slice(key);
                Key::Inline(len, place)
            }
            _ => Key::Heap(key.into()),
        }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Key::Inline(len, place) => &place[..usize::from(*len)],
            Key::Heap(key) => key,
        }
    }

    pub(crate) fn to_bytes(&self) -> Bytes {
        Bytes::copy_from_slice(self.as_slice())
    }
}

// The order, and with it the equality, of a key is that of its bytes: the index is searched with
// plain slices.
impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        self.as_slice()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_slice().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_bytes_and_their_order_on_both_sides_of_the_inline_limit() {
        let long = [b'a'; INLINE + 1];
        let keys: Vec<Key> = (1..=long.len()).map(|len| Key::new(&long[..len])).collect();
        assert!(matches!(keys[INLINE - 1], Key::Inline(..)));
        assert!(matches!(keys[INLINE], Key::Heap(_)));
        for (index, key) in keys.iter().enumerate() {
            assert_eq!(key.as_slice(), &long[..=index]);
        }
        assert!(keys.is_sorted_by(|a, b| a < b));
    }
}
