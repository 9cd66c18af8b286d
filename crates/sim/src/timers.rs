//! The timers of one node, cheap to arm again.

use crate::clock::Clock;
use quorate_core::Time;

/// Named timers. Each has at most one entry in the event queue that counts; arming a timer for
/// later leaves the entry where it is, and moves it when it comes up early. That is what makes
/// re-arming an election timer at each heartbeat free.
#[derive(Clone, Debug)]
pub struct Timers<T> {
    slots: Vec<Slot<T>>,
}

#[derive(Clone, Copy, Debug)]
struct Slot<T> {
    timer: T,
    /// On the node's clock.
    deadline: Option<Time>,
    /// The world time of the entry in the queue that counts; all others are stale.
    queued: Option<u64>,
}

/// What to do about a queue entry that came up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due<T> {
    /// Nothing: it is stale.
    Stale,
    /// It was armed again meanwhile: queue it for this world time.
    Later(u64),
    /// It has run out.
    Now(T),
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self { slots: vec![] }
    }
}

impl<T: Copy + PartialEq> Timers<T> {
    /// Arms a timer. Returns its number, and the world time to queue an entry for if one is needed.
    #[inline]
    pub fn arm(&mut self, clock: &Clock, now: u64, timer: T, deadline: Time) -> (u8, Option<u64>) {
        let at = self.index(timer);
        let slot = &mut self.slots[at];
        slot.deadline = Some(deadline);
        let when = clock.when(now, deadline);
        let queue = slot.queued.is_none_or(|queued| when < queued);
        if queue {
            slot.queued = Some(when);
        }
        (at as u8, queue.then_some(when))
    }

    /// Disarms a timer.
    pub fn disarm(&mut self, timer: T) {
        let at = self.index(timer);
        self.slots[at].deadline = None;
    }

    /// The queue entry of timer number `at` for `now` has come up.
    #[inline]
    pub fn due(&mut self, clock: &Clock, now: u64, at: u8) -> Due<T> {
        let Some(slot) = self.slots.get_mut(usize::from(at)) else {
            return Due::Stale;
        };
        if slot.queued != Some(now) {
            return Due::Stale;
        }
        slot.queued = None;
        let Some(deadline) = slot.deadline else {
            return Due::Stale;
        };
        if clock.at(now) < deadline {
            let when = clock.when(now, deadline);
            slot.queued = Some(when);
            return Due::Later(when);
        }
        slot.deadline = None;
        Due::Now(slot.timer)
    }

    /// The node is paused: the queue entry of timer number `at`, which came up at `now`, counts again
    /// at `until`. Returns whether to queue it for then.
    pub fn postpone(&mut self, now: u64, at: u8, until: u64) -> bool {
        match self.slots.get_mut(usize::from(at)) {
            Some(slot) if slot.queued == Some(now) => {
                slot.queued = Some(until);
                true
            }
            _ => false,
        }
    }

    /// The clock was set: tells, for each armed timer, the world time to queue a new entry for.
    pub fn on_clock_set(&mut self, clock: &Clock, now: u64, mut queue: impl FnMut(u8, u64)) {
        for (at, slot) in self.slots.iter_mut().enumerate() {
            if let Some(deadline) = slot.deadline {
                let when = clock.when(now, deadline);
                slot.queued = Some(when);
                queue(at as u8, when);
            }
        }
    }

    /// Forgets all: the node has crashed.
    pub fn clear(&mut self) {
        for slot in &mut self.slots {
            (slot.deadline, slot.queued) = (None, None);
        }
    }

    fn index(&mut self, timer: T) -> usize {
        let found = self.slots.iter().position(|slot| slot.timer == timer);
        found.unwrap_or_else(|| {
            self.slots.push(Slot {
                timer,
                deadline: None,
                queued: None,
            });
            self.slots.len() - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arming_for_later_costs_no_entry_and_for_earlier_one() {
        let clock = Clock::new(0, 0);
        let mut timers = Timers::default();
        assert_eq!(timers.arm(&clock, 0, 'a', Time(100)), (0, Some(100)));
        assert_eq!(timers.arm(&clock, 50, 'a', Time(150)), (0, None));
        assert_eq!(timers.due(&clock, 100, 0), Due::Later(150));
        assert_eq!(timers.arm(&clock, 110, 'a', Time(120)), (0, Some(120)));
        assert_eq!(timers.due(&clock, 120, 0), Due::Now('a'));
        assert_eq!(timers.due(&clock, 150, 0), Due::Stale);
        timers.arm(&clock, 160, 'a', Time(170));
        timers.disarm('a');
        assert_eq!(timers.due(&clock, 170, 0), Due::Stale);
    }

    #[test]
    fn a_clock_that_jumps_fires_timers_early() {
        let mut clock = Clock::new(0, 0);
        let mut timers = Timers::default();
        timers.arm(&clock, 0, 'a', Time(1000));
        clock.jump(10, 900);
        let mut queued = vec![];
        timers.on_clock_set(&clock, 10, |at, when| queued.push((at, when)));
        assert_eq!(queued, [(0, 100)]);
        assert_eq!(timers.due(&clock, 100, 0), Due::Now('a'));
        assert_eq!(timers.due(&clock, 1000, 0), Due::Stale);
    }
}
