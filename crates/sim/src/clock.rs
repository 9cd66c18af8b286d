//! A node's own clock: it drifts, it jumps ahead, it never runs backwards.

use quorate_core::Time;

/// A monotonic clock that is off. World time is nanoseconds since the world began.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// At world time `since` it showed `shown`.
    since: u64,
    shown: u64,
    /// Gains this many millionths.
    drift_ppm: i64,
}

impl Clock {
    /// A clock that shows `shown` at world time `now`, and is right from there on.
    pub fn new(now: u64, shown: u64) -> Self {
        Self {
            since: now,
            shown,
            drift_ppm: 0,
        }
    }

    /// What it shows.
    #[inline]
    pub fn at(&self, now: u64) -> Time {
        let passed = now.saturating_sub(self.since);
        if self.drift_ppm == 0 {
            return Time(self.shown + passed);
        }
        let rate = (1_000_000 + self.drift_ppm) as u128;
        Time(self.shown + (u128::from(passed) * rate / 1_000_000) as u64)
    }

    /// The first world time, from `now` on, at which it shows `time` or more.
    #[inline]
    pub fn when(&self, now: u64, time: Time) -> u64 {
        let ahead = time.0.saturating_sub(self.shown);
        let passed = if self.drift_ppm == 0 {
            ahead
        } else {
            let rate = (1_000_000 + self.drift_ppm) as u128;
            (u128::from(ahead) * 1_000_000).div_ceil(rate) as u64
        };
        (self.since + passed).max(now)
    }

    /// From `now` on it gains this many millionths, at least -900,000.
    pub fn set_drift(&mut self, now: u64, drift_ppm: i64) {
        *self = Self {
            since: now,
            shown: self.at(now).0,
            drift_ppm: drift_ppm.max(-900_000),
        };
    }

    /// It jumps ahead.
    pub fn jump(&mut self, now: u64, nanos: u64) {
        self.set_drift(now, self.drift_ppm);
        self.shown += nanos;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_runs_backwards_and_timers_fire_on_time() {
        let mut clock = Clock::new(100, 5);
        let mut last = Time(0);
        for step in 0..2000u64 {
            let now = 100 + step * 37;
            match step % 7 {
                3 => clock.set_drift(now, (step as i64 - 1000) * 300),
                5 => clock.jump(now, step),
                _ => {}
            }
            assert!(clock.at(now) >= last);
            last = clock.at(now);
            let due = Time(last.0 + step);
            let when = clock.when(now, due);
            assert!(clock.at(when) >= due && when >= now);
            assert!(when == now || clock.at(when - 1) < due);
        }
    }
}
