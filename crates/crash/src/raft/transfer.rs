//! Handing leadership over (thesis §3.10).

use super::role::{Leader, State, Transfer};
use super::{Notice, Raft, Role};
use quorate_core::{Effects, NodeId, Time};
use std::cmp::Reverse;

impl Raft {
    /// From now on the leader takes no proposals, so that the target can catch up.
    pub(super) fn on_transfer(&mut self, now: Time, to: NodeId, out: &mut Effects<Self>) {
        if to == self.me || self.configuration.voters.binary_search(&to).is_err() {
            return; // it could not lead (consul#7031)
        }
        if let State::Leader(leader) = &mut self.state {
            leader.transfer = Some(Transfer { to, since: now });
            self.hand_over(to, out);
        }
    }

    /// Tells the target to campaign if it has the whole log, for else no node could vote for it.
    pub(super) fn hand_over(&self, from: NodeId, out: &mut Effects<Self>) {
        if let State::Leader(leader) = &self.state
            && leader
                .transfer
                .as_ref()
                .is_some_and(|transfer| transfer.to == from)
            && leader.proposed.is_empty()
            && self.has_all(leader, from)
        {
            self.notice(from, Notice::TimeoutNow, out);
        }
    }

    /// At each heartbeat: says it again, or gives up after an election timeout. A leader that must
    /// not stay steps down then, which this returns.
    pub(super) fn pursue_transfer(
        &self,
        now: Time,
        leader: &mut Leader,
        out: &mut Effects<Self>,
    ) -> bool {
        let Some(transfer) = &leader.transfer else {
            return false;
        };
        if now.since(transfer.since) >= self.election_max() {
            leader.transfer = None;
            return self.must_leave(now);
        }
        if self.has_all(leader, transfer.to) && leader.proposed.is_empty() {
            self.notice(transfer.to, Notice::TimeoutNow, out);
        }
        false
    }

    fn has_all(&self, leader: &Leader, node: NodeId) -> bool {
        let last = self.hard.log.last().index;
        leader
            .progress(node)
            .is_some_and(|progress| progress.matched == last)
    }

    /// The voter that lacks least of the log, of those that were heard lately.
    pub(super) fn best_voter(&self, leader: &Leader) -> Option<NodeId> {
        let voters = leader.progress.iter().filter(|progress| {
            progress.node != self.me
                && progress.silent <= 1
                && self
                    .configuration
                    .voters
                    .binary_search(&progress.node)
                    .is_ok()
        });
        let best = voters.max_by_key(|progress| (progress.matched, Reverse(progress.node)));
        best.map(|progress| progress.node)
    }

    /// The leader of this term hands over: no pre-vote, and no node sticks to the old leader.
    pub(super) fn on_timeout_now(&mut self, now: Time, out: &mut Effects<Self>) {
        if self.role() == Role::Follower && !self.is_stalled(now) {
            self.campaign(true, out);
        }
    }
}
