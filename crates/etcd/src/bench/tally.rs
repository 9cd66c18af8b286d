//! What the clients saw, gathered cheaply while they run.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// The two kinds of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Put,
    Get,
}

/// Latencies and errors of one kind of request.
#[derive(Debug)]
pub(super) struct OpTally {
    /// Latency of acknowledged requests, in nanoseconds.
    pub latency: Histogram<u64>,
    /// Requests that failed or whose outcome is unknown, by what was said.
    pub errors: BTreeMap<String, u64>,
}

/// Longest latency told apart; what takes longer counts as this.
const LONGEST: Duration = Duration::from_secs(600);
/// Different error texts kept; further ones count under [`OTHER`].
const MAX_ERROR_KINDS: usize = 32;
const OTHER: &str = "(other errors)";

impl OpTally {
    fn new() -> Self {
        // Three digits from 1 µs up: a clone per connection stays small.
        let latency = Histogram::new_with_bounds(1_000, LONGEST.as_nanos() as u64, 3)
            .expect("the bounds are constant and valid");
        Self {
            latency,
            errors: BTreeMap::new(),
        }
    }

    fn error(&mut self, text: &str, count: u64) {
        let full = self.errors.len() >= MAX_ERROR_KINDS && !self.errors.contains_key(text);
        *self
            .errors
            .entry(if full { OTHER.into() } else { text.into() })
            .or_default() += count;
    }

    fn add(&mut self, other: &Self) {
        self.latency
            .add(&other.latency)
            .expect("both have the same bounds");
        for (text, count) in &other.errors {
            self.error(text, *count);
        }
    }
}

/// Puts and gets of the clients of one connection, or of all.
#[derive(Debug)]
pub(super) struct LatencyTally {
    pub put: OpTally,
    pub get: OpTally,
}

impl LatencyTally {
    pub(super) fn new() -> Self {
        Self {
            put: OpTally::new(),
            get: OpTally::new(),
        }
    }

    pub(super) fn of(&mut self, op: Op) -> &mut OpTally {
        match op {
            Op::Put => &mut self.put,
            Op::Get => &mut self.get,
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.put.add(&other.put);
        self.get.add(&other.get);
    }
}

/// Counts shared by every client of a run.
#[derive(Debug)]
pub(super) struct SharedTally {
    start: Instant,
    /// Requests acknowledged since the measurement began.
    acknowledged: AtomicU64,
    failed: AtomicU64,
    /// Nanoseconds since `start` of the latest acknowledgement.
    last: AtomicU64,
    longest_gap: AtomicU64,
}

impl SharedTally {
    pub(super) fn new(start: Instant) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            start,
            acknowledged: zero(),
            failed: zero(),
            last: zero(),
            longest_gap: zero(),
        }
    }

    /// When the measurement begins.
    pub(super) fn start(&self) -> Instant {
        self.start
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    pub(super) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Closes the last gap at `end` and gives the longest.
    pub(super) fn longest_gap(&self, end: Instant) -> Duration {
        self.mark(end);
        Duration::from_nanos(self.longest_gap.load(Ordering::Relaxed))
    }

    fn mark(&self, now: Instant) {
        let now = now.saturating_duration_since(self.start).as_nanos() as u64;
        let before = self.last.fetch_max(now, Ordering::Relaxed);
        let gap = now.saturating_sub(before);
        // Almost never taken: a load costs less than a contended write.
        if gap > self.longest_gap.load(Ordering::Relaxed) {
            self.longest_gap.fetch_max(gap, Ordering::Relaxed);
        }
    }

    /// Records an acknowledgement, unless it began before the measurement did.
    pub(super) fn acknowledge(&self, tally: &Mutex<LatencyTally>, op: Op, sent: Instant) {
        let now = Instant::now();
        if sent < self.start {
            return;
        }
        self.mark(now);
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
        let latency = now.duration_since(sent).as_nanos() as u64;
        let mut tally = tally.lock().expect("no client panics while it records");
        tally.of(op).latency.saturating_record(latency);
    }

    /// Records a request that failed or whose outcome is unknown.
    pub(super) fn fail(&self, tally: &Mutex<LatencyTally>, op: Op, sent: Instant, text: &str) {
        if sent < self.start {
            return;
        }
        self.failed.fetch_add(1, Ordering::Relaxed);
        tally
            .lock()
            .expect("no client panics while it records")
            .of(op)
            .error(text, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_gap_counts_from_the_start_and_to_the_end() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let shared = SharedTally::new(start);
        shared.mark(at(30));
        shared.mark(at(40));
        assert_eq!(shared.longest_gap(at(45)), Duration::from_millis(30));
        assert_eq!(shared.longest_gap(at(140)), Duration::from_millis(95));
    }

    #[test]
    fn what_began_before_the_measurement_is_not_counted() {
        let tally = Mutex::new(LatencyTally::new());
        let before = Instant::now();
        let shared = SharedTally::new(before + Duration::from_secs(60));
        shared.acknowledge(&tally, Op::Put, before);
        shared.fail(&tally, Op::Put, before, "no");
        assert_eq!((shared.acknowledged(), shared.failed()), (0, 0));
    }

    #[test]
    fn error_kinds_are_bounded() {
        let mut tally = OpTally::new();
        for i in 0..100 {
            tally.error(&format!("error {i}"), 1);
        }
        assert_eq!(tally.errors.len(), MAX_ERROR_KINDS + 1);
        assert_eq!(tally.errors[OTHER], 100 - MAX_ERROR_KINDS as u64);
    }
}
