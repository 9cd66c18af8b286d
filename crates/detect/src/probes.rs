//! Questions that wait for an answer.

use quorate_core::Time;
use std::collections::VecDeque;
use std::time::Duration;

/// The questions without an answer, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Probes {
    waiting: VecDeque<(u64, Time)>,
}

impl Probes {
    /// More are not remembered; the oldest is what counts.
    const MAX: usize = 1024;

    pub(crate) fn probed(&mut self, now: Time, probe: u64) {
        if self.waiting.len() < Self::MAX {
            self.waiting.push_back((probe, now));
        }
    }

    /// Says whether a question waited for it.
    pub(crate) fn answered(&mut self, probe: u64) -> bool {
        let before = self.waiting.len();
        while self
            .waiting
            .front()
            .is_some_and(|(first, _)| *first <= probe)
        {
            self.waiting.pop_front();
        }
        self.waiting.len() < before
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }

    pub(crate) fn oldest(&self) -> Option<Time> {
        self.waiting.front().map(|(_, sent)| *sent)
    }

    /// The first moment at which the oldest has waited for longer than `limit`: an answer at the
    /// limit is in time.
    pub(crate) fn overdue(&self, limit: Duration) -> Option<Time> {
        self.oldest()
            .map(|sent| sent + limit + Duration::from_nanos(1))
    }

    /// How much of `limit` the oldest has waited.
    pub(crate) fn waited(&self, now: Time, limit: Duration) -> f64 {
        let waited = self.oldest().map_or(0, |sent| now.since(sent).as_nanos());
        waited as f64 / limit.as_nanos().max(1) as f64
    }
}
