//! The timers of a replica. There are a handful, armed again all the time.

use quorate_core::Time;
use std::time::Duration;

/// Armed timers and when they run out.
#[derive(Debug)]
pub(crate) struct Timers<T> {
    armed: Vec<(T, Time)>,
}

impl<T: Copy + PartialEq> Timers<T> {
    pub(crate) fn new() -> Self {
        Self { armed: vec![] }
    }

    /// Arms a timer, for a moment within the span by chance, or disarms it.
    pub(crate) fn set(&mut self, now: Time, timer: T, span: Option<(Duration, Duration)>) {
        let Some((min, max)) = span else {
            self.armed.retain(|(armed, _)| *armed != timer);
            return;
        };
        let spread = max.saturating_sub(min);
        let due = now + min + spread.mul_f64(fastrand::f64());
        match self.armed.iter_mut().find(|(armed, _)| *armed == timer) {
            Some((_, at)) => *at = due,
            None => self.armed.push((timer, due)),
        }
    }

    /// When the next one runs out.
    pub(crate) fn next(&self) -> Option<Time> {
        self.armed.iter().map(|(_, due)| *due).min()
    }

    /// Takes out one that has run out, the earliest first.
    pub(crate) fn take_due(&mut self, now: Time) -> Option<T> {
        let due = self
            .armed
            .iter()
            .enumerate()
            .filter(|(_, (_, due))| *due <= now);
        let (first, _) = due.min_by_key(|(_, (_, due))| *due)?;
        Some(self.armed.swap_remove(first).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn timers_fire_once_in_order_and_only_if_armed() {
        let mut timers = Timers::new();
        let now = Time::ZERO;
        timers.set(now, 'a', Some((30 * MS, 30 * MS)));
        timers.set(now, 'b', Some((20 * MS, 20 * MS)));
        timers.set(now, 'c', Some((10 * MS, 10 * MS)));
        timers.set(now, 'c', None);
        timers.set(now, 'b', Some((40 * MS, 40 * MS)));
        assert_eq!(timers.next(), Some(now + 30 * MS));
        assert_eq!(timers.take_due(now + 29 * MS), None);
        let later = now + 50 * MS;
        assert_eq!(
            (timers.take_due(later), timers.take_due(later)),
            (Some('a'), Some('b'))
        );
        assert_eq!((timers.take_due(later), timers.next()), (None, None));
    }

    #[test]
    fn chance_picks_the_moment_within_the_span() {
        let mut timers = Timers::new();
        let mut seen = vec![];
        for _ in 0..200 {
            timers.set(Time(7), 'a', Some((10 * MS, 20 * MS)));
            seen.extend(timers.next());
        }
        assert!(
            seen.iter()
                .all(|at| (Time(7) + 10 * MS..=Time(7) + 20 * MS).contains(at))
        );
        seen.sort_unstable();
        assert!(seen[199].since(seen[0]) > 5 * MS, "moments differ");
    }
}
