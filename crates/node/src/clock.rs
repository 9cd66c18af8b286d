//! Time, and the moments at which it can't be trusted.

use quorate_core::Time;
use std::time::{Duration, Instant, SystemTime};

/// A monotonic clock whose origin is the start of the process. Copies agree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self {
            origin: Instant::now(),
        }
    }

    pub(crate) fn now(self) -> Time {
        Time(u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

/// A thread that comes back this much later than it asked to has been paused: by the scheduler, by
/// a stopped process, by a machine that was moved (doc 002: a pause is indistinguishable from a
/// crash to everybody else).
const PAUSE: Duration = Duration::from_millis(100);
/// The wall clock may be steered by this much between two looks.
const JUMP: Duration = Duration::from_millis(500);
/// How often the wall clock is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Notices pauses of a thread and jumps of the wall clock. The protocol uses neither; operators do.
#[derive(Debug)]
pub(crate) struct ClockWatch {
    looked: Time,
    wall: SystemTime,
    pub(crate) pauses: u64,
    pub(crate) longest_pause: Duration,
    pub(crate) jumps: u64,
}

impl ClockWatch {
    pub(crate) fn new(now: Time, wall: SystemTime) -> Self {
        Self {
            looked: now,
            wall,
            pauses: 0,
            longest_pause: Duration::ZERO,
            jumps: 0,
        }
    }

    /// The thread meant to be back at `due` at the latest and is back `now`. Returns by how much it
    /// was paused, if it was.
    pub(crate) fn on_return(&mut self, due: Time, now: Time) -> Option<Duration> {
        let late = now.since(due);
        if late < PAUSE {
            return None;
        }
        self.pauses += 1;
        self.longest_pause = self.longest_pause.max(late);
        Some(late)
    }

    /// Is it time to look at the wall clock?
    pub(crate) fn is_due(&self, now: Time) -> bool {
        now.since(self.looked) >= LOOK_EVERY
    }

    /// Compares the clocks. Returns by how much the wall clock jumped, if it did.
    pub(crate) fn on_look(&mut self, now: Time, wall: SystemTime) -> Option<Duration> {
        let should_be = self.wall + now.since(self.looked);
        (self.looked, self.wall) = (now, wall);
        let off = match wall.duration_since(should_be) {
            Ok(ahead) => ahead,
            Err(behind) => behind.duration(),
        };
        (off >= JUMP).then(|| {
            self.jumps += 1;
            off
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_and_jumps_are_counted_and_ordinary_delays_are_not() {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let at = |ms: u64| Time(ms * 1_000_000);
        let mut watch = ClockWatch::new(at(0), wall);
        assert_eq!(watch.on_return(at(50), at(149)), None);
        assert_eq!(watch.on_return(at(50), at(40)), None);
        assert_eq!(
            watch.on_return(at(50), at(4250)),
            Some(Duration::from_millis(4200))
        );
        assert_eq!((watch.pauses, watch.longest_pause.as_millis()), (1, 4200));

        assert!(!watch.is_due(at(999)) && watch.is_due(at(1000)));
        assert_eq!(
            watch.on_look(at(1000), wall + Duration::from_millis(1499)),
            None
        );
        let back = wall - Duration::from_secs(60);
        assert_eq!(
            watch.on_look(at(2000), back).map(|off| off.as_secs()),
            Some(62)
        );
        assert_eq!(watch.on_look(at(3000), back + Duration::from_secs(1)), None);
        assert_eq!(watch.jumps, 1);
    }
}
