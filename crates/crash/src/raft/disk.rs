//! A disk that hangs.
//!
//! A leader's heartbeats need no disk, so they alone would keep a leader whose disk does nothing any
//! more. So each node asks whether its disk finishes what it is given: it sends itself a message that
//! waits for all that was written before ([`Claim::Synced`]), and that comes at once if there is
//! nothing to wait for; a leader at each heartbeat, another node each time its election timer runs
//! out. If the disk owes an answer for an election timeout, a leader hands over, and another node does
//! not campaign.
//!
//! All that was written counts, pieces of a snapshot too. A leader that looked at its own entries
//! alone led on, idle, while the disk hung with a snapshot: the next write would have had to wait.

use super::role::{State, Transfer};
use super::{Claim, Raft};
use quorate_core::{Effects, Mutant, Time};

impl Raft {
    /// Has the disk not answered for an election timeout?
    pub fn is_stalled(&self, now: Time) -> bool {
        let owes = self.disk_owes;
        owes.is_some_and(|since| now.since(since) >= self.election_min())
    }

    /// Asks the disk, one question at a time.
    pub(super) fn ask_disk(&mut self, now: Time, out: &mut Effects<Self>) {
        if self.disk_owes.is_none() {
            self.disk_owes = Some(now);
            self.claim(self.me, Claim::Synced, out);
        }
    }

    /// A leader whose disk hangs hands over to the follower that has most of the log. If there is
    /// none that answers it stays, for no other node could do better. If the other does not take
    /// over within an election timeout, this one steps down all the same.
    pub(super) fn leave_stalled(&mut self, now: Time, out: &mut Effects<Self>) {
        self.ask_disk(now, out);
        if !self.is_stalled(now) || self.config.mutant.is(Mutant::StalledLeaderLeads) {
            return;
        }
        let best = match &self.state {
            State::Leader(leader) if leader.transfer.is_none() => self.best_voter(leader),
            _ => None,
        };
        if let (State::Leader(leader), Some(to)) = (&mut self.state, best) {
            leader.transfer = Some(Transfer { to, since: now });
            self.hand_over(to, out);
        }
    }
}
