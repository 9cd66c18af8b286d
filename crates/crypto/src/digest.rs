//! What stands for content in votes.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A collision-resistant digest (BLAKE3): two contents with one digest are one content.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of a value's one encoding, apart from that of equal bytes in another domain.
    ///
    /// # Panics
    /// If the value cannot be encoded, which plain data always can.
    pub fn of<T: Serialize + ?Sized>(domain: &'static str, content: &T) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(domain.len() as u64).to_le_bytes());
        hasher.update(domain.as_bytes());
        let bytes = postcard::to_stdvec(content).expect("plain data is encoded");
        hasher.update(&bytes);
        Self(hasher.finalize().into())
    }

    /// The digest's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Eight hex digits: enough to tell contents apart in a trace.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..4]
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{self}")
    }
}
