//! The same state at any time of day.
//!
//! A node remembers moments: when it heard its leader, when it asked for something. Two states that
//! differ only in when they were reached behave alike, and a search should take them for one. So a
//! moment counts by how long ago it was, and no longer than it makes a difference.

use super::Raft;
use super::progress::Mode;
use super::role::State;
use quorate_core::Time;
use std::time::Duration;

impl Raft {
    /// This state, as if now was [`Time::CANONICAL_NOW`]. It does there what this one does at `now`,
    /// and two states that always do the same from now on, for all that time has to do with it, are
    /// equal.
    #[must_use]
    pub fn canonical(&self, now: Time) -> Self {
        let rebase = |at: &mut Time, longest: Duration| *at = at.canonical(now, longest);
        let mut it = self.clone();
        let config = it.config.clone();
        // Timeouts grow and shrink, so what counts is the longest that they may become.
        let longest = config
            .election_max
            .saturating_mul(config.max_timeout_factor);
        rebase(&mut it.heard, longest);
        if let Some(since) = it.adaptive.steady_since() {
            rebase(since, longest);
        }
        if let Some(since) = &mut it.disk_owes {
            rebase(since, longest);
        }
        if let State::Leader(leader) = &mut it.state {
            if let Some(transfer) = &mut leader.transfer {
                rebase(&mut transfer.since, longest);
            }
            for progress in &mut leader.progress {
                if let Mode::Snapshot(sending) = &mut progress.mode {
                    rebase(&mut sending.advanced, config.transfer_timeout);
                    rebase(&mut sending.asked, config.chunk_timeout);
                }
            }
        }
        it
    }
}
