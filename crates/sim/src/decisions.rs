//! The choices of a world, as a stream.
//!
//! A world draws nothing from anywhere else: its delays, losses, faults, crash points and client
//! operations are numbers from here; a world of replicas has a stream for each purpose
//! ([`Streams`](crate::Streams)). A seed generates the stream; once recorded it is data that can
//! be replayed, edited, cut short and forked. Any list is valid: a number out of range is taken
//! modulo the range, and after the end of the list every number is zero, which always stands for the
//! quietest choice (no loss, no fault, the shortest delay). So shrinking a list makes a run quieter
//! and never makes it meaningless.

use std::fmt;

/// A stream of decisions.
#[derive(Clone, Debug)]
pub struct Decisions {
    /// Numbers to replay first.
    list: Vec<u64>,
    next: usize,
    /// Where numbers come from after that; `None` for zeros.
    generator: Option<Generator>,
    /// What was drawn, if it is recorded.
    drawn: Option<Vec<u64>>,
}

impl Decisions {
    /// The stream that a seed generates.
    pub fn from_seed(seed: u64) -> Self {
        Self {
            list: vec![],
            next: 0,
            generator: Some(Generator::new(seed)),
            drawn: None,
        }
    }

    /// A recorded stream; zeros follow.
    pub fn replay(list: Vec<u64>) -> Self {
        Self {
            list,
            next: 0,
            generator: None,
            drawn: None,
        }
    }

    /// A recorded stream that goes on as a seed has it: the same past, another future.
    pub fn fork(list: Vec<u64>, seed: u64) -> Self {
        Self {
            generator: Some(Generator::new(seed)),
            ..Self::replay(list)
        }
    }

    /// Goes on as another seed has it.
    pub(crate) fn branch(&mut self, seed: u64) {
        (self.list, self.next) = (vec![], 0);
        self.generator = Some(Generator::new(seed));
    }

    /// Records from here on what is drawn.
    #[must_use]
    pub fn recorded(mut self) -> Self {
        self.drawn = Some(vec![]);
        self
    }

    /// What was drawn since [`Decisions::recorded`].
    pub fn take_record(&mut self) -> Vec<u64> {
        self.drawn.take().unwrap_or_default()
    }

    /// A number below `n`; 0 if `n` is 0.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        let value = if self.next < self.list.len() {
            self.next += 1;
            self.list[self.next - 1] % n.max(1)
        } else {
            match &mut self.generator {
                Some(generator) => generator.below(n),
                None => 0,
            }
        };
        if let Some(drawn) = &mut self.drawn {
            drawn.push(value);
        }
        value
    }

    /// A number in `min..=max`; `min` if the range is empty.
    #[inline]
    pub fn within(&mut self, min: u64, max: u64) -> u64 {
        min + self.below(max.saturating_sub(min).saturating_add(1))
    }

    /// Happens with this many chances in a million. Draws nothing when it can't happen.
    #[inline]
    pub fn chance(&mut self, per_million: u32) -> bool {
        per_million > 0 && self.below(1_000_000) >= 1_000_000 - u64::from(per_million.min(999_999))
    }

    /// One of these, the first one being the quietest.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> Option<T> {
        let at = self.below(choices.len() as u64);
        choices.get(at as usize).copied()
    }

    /// Exponentially distributed around `mean`, up to 22 times that. In integers, so that it is
    /// the same on every machine: the logarithm is piecewise linear, within 9 % of the true one.
    #[inline]
    pub fn exponential(&mut self, mean: u64) -> u64 {
        scale(mean, exponential(self.below(1 << 32)))
    }

    /// Mostly far below `mean`, now and then a hundred times that: a Weibull distribution of
    /// shape 1/2.
    #[inline]
    pub fn heavy_tail(&mut self, mean: u64) -> u64 {
        let e = exponential(self.below(1 << 32));
        scale(mean, (e * e) >> 17)
    }
}

/// `mean * factor`, the factor in 16 binary places.
fn scale(mean: u64, factor: u64) -> u64 {
    ((u128::from(mean) * u128::from(factor)) >> 16) as u64
}

/// `-ln(1 - draw / 2^32)` in 16 binary places.
fn exponential(draw: u64) -> u64 {
    const LN_2: u64 = 45_426; // 16 binary places
    let u = (1u64 << 32) - draw.min((1 << 32) - 1);
    let halvings = u64::from(u.leading_zeros() - 31);
    // `u` has its leading bit at 32 - halvings; the bits after it are the fraction.
    let mantissa = (u << halvings) - (1 << 32);
    let fraction = if halvings == 0 {
        0
    } else {
        (1 << 16) - (mantissa >> 16)
    };
    let log2 = (halvings.saturating_sub(1) << 16) + fraction;
    (log2 * LN_2) >> 16
}

/// xoshiro256++ (Blackman and Vigna 2019), seeded by splitmix64: our own, so that no library's
/// next version changes what a seed means.
#[derive(Clone)]
struct Generator([u64; 4]);

impl fmt::Debug for Generator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Generator")
    }
}

impl Generator {
    fn new(seed: u64) -> Self {
        let mut state = seed;
        Self([(); 4].map(|()| splitmix(&mut state)))
    }

    #[inline]
    fn next(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.0;
        let result = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let t = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= t;
        *d = d.rotate_left(45);
        result
    }

    /// By multiplication instead of division; the bias is under `n / 2^64`.
    #[inline]
    fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }
}

pub(crate) fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw_some(decisions: &mut Decisions) -> Vec<u64> {
        (0..100)
            .map(|i| match i % 5 {
                0 => decisions.below(1000),
                1 => decisions.within(5, 7),
                2 => u64::from(decisions.chance(300_000)),
                3 => decisions.exponential(1_000_000),
                _ => decisions.heavy_tail(1_000_000),
            })
            .collect()
    }

    /// Pins the generator: a seed means the same in every version.
    #[test]
    fn a_seed_is_a_stream() {
        let mut decisions = Decisions::from_seed(1);
        let first: Vec<u64> = (0..4).map(|_| decisions.below(1 << 32)).collect();
        assert_eq!(first, [3485847679, 3208790322, 430144855, 3204977055]);
    }

    #[test]
    fn a_record_replays_to_the_same_and_can_be_forked() {
        let mut original = Decisions::from_seed(7).recorded();
        let drawn = draw_some(&mut original);
        let list = original.take_record();
        assert_eq!(draw_some(&mut Decisions::replay(list.clone())), drawn);
        let mut fork = Decisions::fork(list[..50].to_vec(), 8);
        let forked = draw_some(&mut fork);
        assert_eq!(forked[..50], drawn[..50]);
        assert_ne!(forked[50..], drawn[50..]);
    }

    #[test]
    fn any_list_is_valid_and_zero_is_quiet() {
        let mut wild = Decisions::replay(vec![u64::MAX; 20]);
        for _ in 0..20 {
            assert!(wild.within(3, 9) <= 9);
        }
        assert_eq!(wild.within(3, 9), 3);
        assert_eq!(wild.exponential(1_000_000), 0);
        assert_eq!(wild.heavy_tail(1_000_000), 0);
        assert!(!wild.chance(999_999));
        assert_eq!(wild.pick(&[1, 2]), Some(1));
        assert_eq!(wild.pick::<u8>(&[]), None);
    }

    #[test]
    fn distributions_have_the_means_that_they_name() {
        let mut decisions = Decisions::from_seed(3);
        let n = 100_000;
        let mean = |sum: u64| sum / n;
        let exponential = mean((0..n).map(|_| decisions.exponential(1000)).sum());
        let heavy = mean((0..n).map(|_| decisions.heavy_tail(1000)).sum());
        let chances = (0..n).filter(|_| decisions.chance(250_000)).count() as u64;
        assert!((950..1080).contains(&exponential), "{exponential}");
        assert!((900..1200).contains(&heavy), "{heavy}");
        assert!(
            (n / 4 - n / 100..n / 4 + n / 100).contains(&chances),
            "{chances}"
        );
    }
}
