//! The last events in words. Off unless asked for: words cost more than the events.

use quorate_core::Time;
use std::collections::VecDeque;

/// Keeps the last lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    limit: usize,
    lines: VecDeque<String>,
}

impl Trace {
    /// Keeps this many lines; none costs nothing.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            lines: VecDeque::new(),
        }
    }

    /// Is it on?
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.limit > 0
    }

    /// Adds a line, if it is on.
    #[inline]
    pub(crate) fn say(&mut self, now: u64, line: impl FnOnce() -> String) {
        if self.limit > 0 {
            if self.lines.len() == self.limit {
                self.lines.pop_front();
            }
            self.lines.push_back(format!("{}  {}", Time(now), line()));
        }
    }

    /// The lines, oldest first.
    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.into()
    }
}
