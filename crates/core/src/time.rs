//! Time as an input.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// Nanoseconds on one node's monotonic clock, from an origin of the driver's choosing.
///
/// Two nodes' times are not comparable. A pause shows as a jump; it never runs backwards.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Time(pub u64);

impl Time {
    /// The driver's origin.
    pub const ZERO: Self = Self(0);

    /// What now is in a canonical state: far enough from the origin for all that is remembered
    /// (2^62 ns, some 146 years).
    pub const CANONICAL_NOW: Self = Self(1 << 62);

    /// This time in a canonical state: as long before or after [`Time::CANONICAL_NOW`] as it is
    /// before or after `now`. What lies further back than `longest` makes no difference any more,
    /// and is all the same.
    #[must_use]
    pub fn canonical(self, now: Self, longest: Duration) -> Self {
        if self > now {
            return Self::CANONICAL_NOW + self.since(now);
        }
        let ago = now.since(self).min(longest).as_nanos();
        let ago = u64::try_from(ago).unwrap_or(u64::MAX);
        Self(Self::CANONICAL_NOW.0.saturating_sub(ago))
    }

    /// How long ago `earlier` was; zero if it lies in the future.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

impl Sub for Time {
    type Output = Duration;
    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{:06} s",
            self.0 / 1_000_000_000,
            self.0 / 1_000 % 1_000_000
        )
    }
}
