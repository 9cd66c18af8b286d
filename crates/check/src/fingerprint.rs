//! 128 bits that stand for a situation of the search.
//!
//! Not meant against an adversary: histories are recorded by ourselves.

/// A 128-bit mixer made of two chains of the finalizer of SplitFingerprint64.
#[derive(Default)]
pub(crate) struct Fingerprint(u64, u64);

impl Fingerprint {
    pub(crate) fn add(&mut self, word: u64) {
        fn stir(mut z: u64) -> u64 {
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }
        self.0 = stir(
            self.0
                .wrapping_add(word)
                .wrapping_add(0x9e37_79b9_7f4a_7c15),
        );
        self.1 = stir(
            (self.1 ^ word)
                .wrapping_mul(0xd6e8_feb8_6659_fd93)
                .wrapping_add(1),
        );
    }

    pub(crate) fn finish(self) -> u128 {
        u128::from(self.0) << 64 | u128::from(self.1)
    }
}
