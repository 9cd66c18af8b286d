//! The last intervals between arrivals.

use std::collections::VecDeque;

/// The last intervals, in nanoseconds, with exact sums: the mean does not depend on the order in
/// which floats were added.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SampleWindow {
    intervals: VecDeque<u64>,
    size: usize,
    sum: u128,
    squares: u128,
}

impl SampleWindow {
    /// Longer intervals count as this, 18 minutes: so the sums cannot overflow.
    const MAX_INTERVAL: u64 = 1 << 40;
    /// The largest window, for the same reason.
    const MAX_SIZE: usize = 1 << 20;

    pub(crate) fn new(size: usize) -> Self {
        Self {
            intervals: VecDeque::new(),
            size: size.clamp(1, Self::MAX_SIZE),
            sum: 0,
            squares: 0,
        }
    }

    pub(crate) fn push(&mut self, interval: u64) {
        if self.intervals.len() == self.size
            && let Some(oldest) = self.intervals.pop_front()
        {
            self.sum -= u128::from(oldest);
            self.squares -= u128::from(oldest).pow(2);
        }
        let interval = interval.min(Self::MAX_INTERVAL);
        self.intervals.push_back(interval);
        self.sum += u128::from(interval);
        self.squares += u128::from(interval).pow(2);
    }

    /// In nanoseconds; 0 without intervals.
    pub(crate) fn mean(&self) -> f64 {
        match self.intervals.len() {
            0 => 0.0,
            n => self.sum as f64 / n as f64,
        }
    }

    /// Of the intervals themselves (over n, not n - 1), in nanoseconds.
    pub(crate) fn deviation(&self) -> f64 {
        let n = self.intervals.len() as u128;
        if n == 0 {
            return 0.0;
        }
        // At most 2^(80 + 20 + 20), exactly.
        let variance = n * self.squares - self.sum * self.sum;
        (variance as f64).sqrt() / n as f64
    }
}
