//! Handing leadership over (thesis §3.10).

use super::role::{Leader, State, Transfer};
use super::{Notice, Raft, Role};
use quorate_core::{Effects, NodeId, Time};

impl Raft {
    /// From now on the leader takes no proposals, so that the target can catch up.
    pub(super) fn on_transfer(&mut self, now: Time, to: NodeId, out: &mut Effects<Self>) {
        if to == self.me || to.0 >= self.config.nodes.into() {
            return; // not a member (consul#7031)
        }
        if let State::Leader(leader) = &mut self.state {
            leader.transfer = Some(Transfer { to, since: now });
            self.hand_over(to, out);
        }
    }

    /// Tells the target to campaign if it has the whole log, for else nobody could vote for it.
    pub(super) fn hand_over(&self, from: NodeId, out: &mut Effects<Self>) {
        if let State::Leader(leader) = &self.state
            && leader
                .transfer
                .as_ref()
                .is_some_and(|transfer| transfer.to == from)
            && leader.proposed.is_empty()
            && leader.progress[from.index()].matched == self.hard.log.last().index
        {
            self.notice(from, Notice::TimeoutNow, out);
        }
    }

    /// At each heartbeat: says it again, or gives up.
    pub(super) fn pursue_transfer(&self, now: Time, leader: &mut Leader, out: &mut Effects<Self>) {
        let Some(transfer) = &leader.transfer else {
            return;
        };
        let matched = leader.progress[transfer.to.index()].matched;
        if now.since(transfer.since) >= self.election_max() {
            leader.transfer = None;
        } else if matched == self.hard.log.last().index && leader.proposed.is_empty() {
            self.notice(transfer.to, Notice::TimeoutNow, out);
        }
    }

    /// The leader of this term hands over: no pre-vote, and nobody sticks to the old leader.
    pub(super) fn on_timeout_now(&mut self, out: &mut Effects<Self>) {
        if self.role() == Role::Follower {
            self.campaign(true, out);
        }
    }
}
