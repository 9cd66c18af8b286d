//! A replica as a state to be searched: equal for equal futures, whatever the clock says.

use super::Replica;
use super::members::HEARD_WITHIN;
use quorate_core::driver::Disk;
use quorate_core::replicated::Replicated;
use quorate_core::{Hard, Time};
use std::time::Duration;

impl<P, D> Replica<P, D>
where
    P: Replicated,
    D: Disk<<P::Hard as Hard>::Record> + Clone,
{
    /// This state, as if now was [`Time::CANONICAL_NOW`]. It does there what this one does at
    /// `now`; deadlines and waits keep their distance, and how long ago something was counts only
    /// as long as it makes a difference.
    #[must_use]
    pub fn canonical(&self, now: Time) -> Self {
        let mut it = self.clone();
        it.protocol = self.protocol.canonical(now);
        // What is overdue is overdue.
        let rebase = |at: &mut Time| *at = at.canonical(now, Duration::ZERO);
        it.writes.rebase(rebase);
        it.reads.rebase(now, self.config.limits.retry);
        it.changes.rebase(rebase);
        for heard in it.heard.values_mut() {
            heard.at = heard
                .at
                .canonical(now, HEARD_WITHIN + Duration::from_nanos(1));
        }
        it
    }
}
