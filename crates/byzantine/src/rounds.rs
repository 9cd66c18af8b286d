//! Rounds in synchronous time.

use quorate_core::Time;
use std::time::Duration;

/// Rounds of equal length, counted from this node's start on its own clock.
///
/// With messages that arrive within `delta`, and nodes that start and drift apart by less than
/// `delta` over the whole run, rounds of `2 * delta` do: what is sent at the very end of a round
/// arrives before the end of the receiver's next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RoundClock {
    started: Time,
    length: Duration,
}

impl RoundClock {
    /// Rounds that begin now.
    pub fn starting(now: Time, length: Duration) -> Self {
        Self {
            started: now,
            length,
        }
    }

    /// The round that `now` lies in, from 1. The clock says so and not a timer: a node that was
    /// paused knows on waking that it is late.
    pub fn at(&self, now: Time) -> u64 {
        let length = u64::try_from(self.length.as_nanos()).unwrap_or(u64::MAX);
        now.0.saturating_sub(self.started.0) / length.max(1) + 1
    }

    /// How long from `now` until round `round` is over.
    pub fn until_end_of(&self, round: u64, now: Time) -> Duration {
        let length = u64::try_from(self.length.as_nanos()).unwrap_or(u64::MAX);
        let end = self.started + Duration::from_nanos(length.saturating_mul(round));
        end.since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_says_which_round_it_is() {
        let length = Duration::from_nanos(10);
        let rounds = RoundClock::starting(Time(5), length);
        let at = |now| rounds.at(Time(now));
        assert_eq!((at(0), at(5), at(14), at(15), at(105)), (1, 1, 1, 2, 11));
        assert_eq!(rounds.until_end_of(2, Time(9)), Duration::from_nanos(16));
        assert_eq!(rounds.until_end_of(2, Time(99)), Duration::ZERO);
    }
}
