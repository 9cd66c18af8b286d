//! A histogram that any thread may add to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A histogram of durations in buckets that double: 2⁻²⁰ s (about 1 µs) and up,
/// the last one for 8 s and more.
///
/// The bounds include all of etcd's own (1 ms × 2ⁿ, within 2.4 %), and go on
/// below where fast disks live.
#[derive(Debug)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum_nanos: AtomicU64,
}

/// Bounds 2⁻²⁰ s to 2³ s, and one bucket for what is longer.
const BUCKETS: usize = 25;
/// Exponent of the smallest bound.
const SMALLEST: i32 = -20;

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram {
    /// An empty histogram.
    pub const fn new() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
            sum_nanos: AtomicU64::new(0),
        }
    }

    /// Adds one duration.
    pub fn observe(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = (0..BUCKETS - 1).find(|i| duration.as_secs_f64() <= bound(*i));
        self.buckets[bucket.unwrap_or(BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
        self.sum_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// What was added so far.
    pub fn snapshot(&self) -> HistogramSnapshot {
        let buckets = self
            .buckets
            .each_ref()
            .map(|bucket| bucket.load(Ordering::Relaxed));
        let sum = Duration::from_nanos(self.sum_nanos.load(Ordering::Relaxed)).as_secs_f64();
        HistogramSnapshot { buckets, sum }
    }
}

fn bound(bucket: usize) -> f64 {
    f64::exp2(f64::from(SMALLEST + bucket as i32))
}

/// A histogram at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HistogramSnapshot {
    buckets: [u64; BUCKETS],
    sum: f64,
}

impl HistogramSnapshot {
    /// Upper bounds in seconds, each with the number of durations up to it. The
    /// last bound is infinite.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        self.buckets
            .iter()
            .enumerate()
            .scan(0, |total, (i, count)| {
                *total += count;
                Some((
                    if i == BUCKETS - 1 {
                        f64::INFINITY
                    } else {
                        bound(i)
                    },
                    *total,
                ))
            })
    }

    /// The sum of all durations, in seconds.
    pub(super) fn sum(&self) -> f64 {
        self.sum
    }

    /// The number of durations.
    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_from_its_bucket_on() {
        let histogram = Histogram::new();
        for duration in [
            Duration::ZERO,
            Duration::from_millis(3),
            Duration::from_secs(60),
        ] {
            histogram.observe(duration);
        }
        let snapshot = histogram.snapshot();
        let up_to = |seconds: f64| {
            snapshot
                .cumulative()
                .find(|(bound, _)| *bound >= seconds)
                .map(|(_, count)| count)
        };
        assert_eq!(up_to(0.000_001), Some(1));
        assert_eq!(up_to(0.001_9), Some(1));
        assert_eq!(up_to(0.003), Some(2));
        assert_eq!(up_to(8.0), Some(2));
        assert_eq!(up_to(9.0), Some(3));
        assert_eq!((snapshot.count(), snapshot.sum()), (3, 60.003));
    }
}
