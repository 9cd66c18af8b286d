//! The rolling hash over everything observable in a run.

use std::hash::{Hash, Hasher};

/// Two runs with the same hash did the same things in the same order. The same on every machine:
/// integers count by value, never by their layout in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rolling(u64);

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

impl Default for Rolling {
    fn default() -> Self {
        Self(0x2545_f491_4f6c_dd1d)
    }
}

impl Rolling {
    /// Takes one number in.
    #[inline]
    pub fn add(&mut self, value: u64) {
        let mixed = (self.0 ^ value).wrapping_mul(MULTIPLIER);
        self.0 = mixed ^ (mixed >> 32);
    }

    /// The hash so far.
    pub fn value(self) -> u64 {
        let mut z = self.0;
        z = (z ^ (z >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        z ^ (z >> 29)
    }

    /// The hash of one value.
    pub fn of(value: &impl Hash) -> u64 {
        let mut hasher = Self::default();
        value.hash(&mut hasher);
        hasher.value()
    }
}

impl Hasher for Rolling {
    fn finish(&self) -> u64 {
        self.value()
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.add(u64::from_le_bytes(last) ^ (rest.len() as u64) << 56);
        }
    }

    fn write_u8(&mut self, n: u8) {
        self.add(n.into());
    }

    fn write_u16(&mut self, n: u16) {
        self.add(n.into());
    }

    fn write_u32(&mut self, n: u32) {
        self.add(n.into());
    }

    fn write_u64(&mut self, n: u64) {
        self.add(n);
    }

    fn write_u128(&mut self, n: u128) {
        self.add(n as u64);
        self.add((n >> 64) as u64);
    }

    fn write_usize(&mut self, n: usize) {
        self.add(n as u64);
    }

    fn write_isize(&mut self, n: isize) {
        self.add(n as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_content_count() {
        assert_ne!(Rolling::of(&(1u8, 2u8)), Rolling::of(&(2u8, 1u8)));
        assert_ne!(Rolling::of(&"ab"), Rolling::of(&"ac"));
        assert_ne!(
            Rolling::of(&[0u8; 3].as_slice()),
            Rolling::of(&[0u8; 4].as_slice())
        );
        assert_eq!(
            Rolling::of(&vec![1u8, 2]),
            Rolling::of(&[1u8, 2].as_slice())
        );
    }
}
