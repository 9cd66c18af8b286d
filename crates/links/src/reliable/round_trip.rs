//! How long to wait for an acknowledgement.

use std::time::Duration;

/// The smoothed round trip and its variation, in nanoseconds (RFC 6298, section 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct RoundTrip {
    measured: Option<(u64, u64)>,
}

impl RoundTrip {
    /// Takes one measurement of a message that was sent once (Karn's rule: with a message that was
    /// sent again one cannot tell which copy is acknowledged).
    pub(super) fn measure(&mut self, sample: Duration) {
        let sample = u64::try_from(sample.as_nanos()).unwrap_or(u64::MAX);
        let (mean, variation) = match self.measured {
            None => (sample, sample / 2),
            Some((mean, variation)) => (
                mean - mean / 8 + sample / 8,
                variation - variation / 4 + mean.abs_diff(sample) / 4,
            ),
        };
        self.measured = Some((mean, variation));
    }

    /// The smoothed round trip.
    pub(super) fn mean(self) -> Option<Duration> {
        self.measured.map(|(mean, _)| Duration::from_nanos(mean))
    }

    /// The mean and four variations.
    pub(super) fn timeout(self) -> Option<Duration> {
        self.measured.map(|(mean, variation)| {
            Duration::from_nanos(mean.saturating_add(variation.saturating_mul(4)))
        })
    }
}
