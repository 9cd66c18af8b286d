//! A disk that hangs.
//!
//! A leader's heartbeats need no disk, so they alone would keep a leader whose disk does nothing any
//! more. So each node looks whether its disk finishes what it is given. A leader knows by its own
//! acknowledgements, and looks at each heartbeat; if there is nothing to write, nothing is owed.
//! Others send themselves a message that waits for all that was written before ([`Claim::Synced`])
//! each time their election timer runs out; it comes at once if there is nothing to wait for. If the
//! disk owes an answer for an election timeout, a leader hands over, and another node does not
//! campaign.

use super::role::{State, Transfer};
use super::{Claim, Raft};
use quorate_core::{Effects, Mutant, Time};

impl Raft {
    /// Has the disk not answered for an election timeout?
    pub fn is_stalled(&self, now: Time) -> bool {
        let owes = self.disk_owes;
        owes.is_some_and(|(since, _)| now.since(since) >= self.election_min())
    }

    /// Not a leader: asks the disk, one question at a time.
    pub(super) fn ask_disk(&mut self, now: Time, out: &mut Effects<Self>) {
        if self.disk_owes.is_none() {
            self.disk_owes = Some((now, 0));
            self.claim(self.me, Claim::Synced, out);
        }
    }

    /// A leader: looks whether its own acknowledgements come.
    fn watch_disk(&mut self, now: Time) {
        if let State::Leader(leader) = &self.state
            && let Some(own) = leader.progress(self.me)
        {
            let waits = own.matched < self.hard.log.last().index;
            if !waits
                || self
                    .disk_owes
                    .is_none_or(|(_, reached)| reached != own.matched)
            {
                self.disk_owes = waits.then_some((now, own.matched));
            }
        }
    }

    /// A leader whose disk hangs hands over to the follower that has most of the log. If there is
    /// none that answers it stays, for no other node could do better. If the other does not take
    /// over within an election timeout, this one steps down all the same.
    pub(super) fn leave_stalled(&mut self, now: Time, out: &mut Effects<Self>) {
        self.watch_disk(now);
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
