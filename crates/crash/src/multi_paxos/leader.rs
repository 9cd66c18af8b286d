//! Phase 2: slots under way, counting, and sending again.

use super::{Ballot, Eager, MultiPaxos, Output, Refusal, Role};
use bytes::Bytes;
use quorate_core::{Effects, NodeId, NodeSet, To};
use std::collections::BTreeMap;

/// A node with a quorum's promises.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Leader {
    pub(super) ballot: Ballot,
    /// The first slot that is not proposed yet.
    next: u64,
    /// The first slot whose proposal was not sent yet.
    unsent: u64,
    /// What earlier leaders left, and up to which slot.
    left: BTreeMap<u64, Bytes>,
    left_through: u64,
    /// For each slot that is proposed and not chosen: what, and who has accepted it.
    slots: BTreeMap<u64, (Bytes, NodeSet)>,
}

impl Leader {
    pub(super) fn new(ballot: Ballot, next: u64, left: BTreeMap<u64, Bytes>) -> Self {
        let last = left.last_key_value().map(|(slot, _)| *slot);
        Self {
            ballot,
            next,
            unsent: next,
            left_through: last.unwrap_or(next - 1),
            left,
            slots: BTreeMap::new(),
        }
    }

    pub(super) fn under_way(&self) -> usize {
        self.slots.len()
    }

    fn propose(&mut self, value: Bytes) {
        self.slots.insert(self.next, (value, NodeSet::EMPTY));
        self.next += 1;
    }
}

impl MultiPaxos {
    pub(super) fn on_propose(&mut self, value: Bytes, out: &mut Effects<Self>) {
        let refusal = match &mut self.role {
            Role::Leader(leader) if leader.next > self.config.max_slots => Refusal::Full,
            Role::Leader(leader)
                if leader.next <= leader.left_through
                    || leader.slots.len() >= self.config.window =>
            {
                Refusal::Busy
            }
            Role::Leader(leader) => return leader.propose(value),
            _ => {
                let leader = self.leader;
                Refusal::NotLeader { leader }
            }
        };
        out.output_eager(Output::Refused(refusal));
    }

    /// Sends what the burst has proposed, and as much of what earlier leaders left as the window
    /// has room for.
    pub(super) fn send_proposals(&mut self, out: &mut Effects<Self>) {
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        while leader.next <= leader.left_through && leader.slots.len() < self.config.window {
            // No node of a quorum has accepted anything in a gap, so nothing is chosen there.
            let value = leader.left.remove(&leader.next).unwrap_or_default();
            leader.propose(value);
        }
        let unsent = std::mem::replace(&mut leader.unsent, leader.next);
        let fresh: Vec<u64> = (unsent..leader.next).collect();
        for slots in fresh.chunks(self.config.batch) {
            for peer in self.peers() {
                self.send_slots(peer, slots, out);
            }
            self.accept_own(slots, out);
        }
    }

    /// Proposes some slots in a row to a node.
    fn send_slots(&self, to: NodeId, slots: &[u64], out: &mut Effects<Self>) {
        let (Role::Leader(leader), Some(first)) = (&self.role, slots.first()) else {
            return;
        };
        let values = slots.iter().filter_map(|slot| leader.slots.get(slot));
        let accept = Eager::Accept {
            ballot: leader.ballot,
            first: *first,
            values: values.map(|(value, _)| value.clone()).collect(),
            chosen: self.chosen,
        };
        out.send_eager(To::One(to), accept);
    }

    /// The leader is an acceptor like the others, and hears of its own acceptance by a message to
    /// itself when it is on disk.
    fn accept_own(&mut self, slots: &[u64], out: &mut Effects<Self>) {
        let (Role::Leader(leader), Some(first)) = (&self.role, slots.first()) else {
            return;
        };
        let values = slots.iter().filter_map(|slot| leader.slots.get(slot));
        let values = values.map(|(value, _)| value.clone()).collect();
        let (ballot, chosen) = (leader.ballot, self.chosen);
        self.on_accept(self.me, ballot, *first, values, chosen, out);
    }

    pub(super) fn on_accepted(
        &mut self,
        from: NodeId,
        ballot: Ballot,
        first: u64,
        last: u64,
        out: &mut Effects<Self>,
    ) {
        let quorum = self.config.quorum();
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        if leader.ballot != ballot || first > last {
            return;
        }
        for (_, (_, accepted)) in leader.slots.range_mut(first..=last) {
            accepted.insert(from);
        }
        // Slots are handed up in order: one that is chosen early waits for those before.
        let mut through = self.chosen;
        while let Some((_, accepted)) = leader.slots.get(&(through + 1))
            && accepted.len() >= quorum
        {
            through += 1;
            leader.slots.remove(&through);
        }
        self.choose_through(through, out);
    }

    /// To each follower: its oldest proposals that it has not accepted, a batch of them at most;
    /// and a heartbeat, which tells who is behind.
    pub(super) fn repeat_proposals(&mut self, out: &mut Effects<Self>) {
        let Role::Leader(leader) = &self.role else {
            return;
        };
        for peer in self.peers() {
            let (ballot, chosen) = (leader.ballot, self.chosen);
            out.send_eager(To::One(peer), Eager::Heartbeat { ballot, chosen });
            let sent = leader.slots.range(..leader.unsent);
            let open = sent.filter(|(_, (_, accepted))| !accepted.contains(peer));
            let open: Vec<u64> = open
                .map(|(slot, _)| *slot)
                .take(self.config.batch)
                .collect();
            for run in open.chunk_by(|one, next| one + 1 == *next) {
                self.send_slots(peer, run, out);
            }
        }
    }
}
