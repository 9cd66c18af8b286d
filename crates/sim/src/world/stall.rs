//! Leaders whose disk hangs, for several election timeouts, while nothing else goes wrong.
//!
//! Such a leader commits by its followers' disks and answers, so no other property shows that it should
//! not lead: one more disk that hangs and nothing is committed, while the others could do without it.

use super::faults::MS;
use super::{Event, World};
use crate::fault::Fault;
use crate::milestone::Milestone;
use crate::observe::Broken;
use crate::serving::Simulated;
use quorate_core::NodeId;
use quorate_core::replicated::Role;
use quorate_report::FaultIntervalKind;

/// A leader whose sync hangs has left within this time: three of the longest election timeouts of these
/// worlds (800 ms), and a little, for clients write every few milliseconds.
const LEAVES_WITHIN: u64 = 3 * 800 * MS + 200 * MS;

impl<P: Simulated> World<P> {
    /// The leader's disk hangs, if all others are well.
    pub(super) fn stall_leader(&mut self) {
        let span = self
            .streams
            .harm
            .within(LEAVES_WITHIN + 500 * MS, 2 * LEAVES_WITHIN);
        let unwell = |id: &NodeId| {
            let node = &self.nodes[id.index()];
            !node.serves() || node.stalled_until > self.now
        };
        let Some(id) = NodeId::all(self.n).find(|id| self.leads(*id)) else {
            return;
        };
        if NodeId::all(self.n).any(|id| unwell(&id)) {
            return;
        }
        let until = self.now + span;
        self.nodes[id.index()].stalled_until = until;
        self.covered(Fault::DiskStall);
        self.trace.say(self.now, || {
            format!("{id} leads: its disk stalls for {} ms", span / MS)
        });
        if let Some(recording) = &mut self.recording {
            let label = format!("its disk stalls for {} ms", span / MS);
            recording.spell(self.now, FaultIntervalKind::Slow, id, &label, until);
        }
    }

    fn leads(&self, id: NodeId) -> bool {
        let replica = self.nodes[id.index()].replica.as_ref();
        replica.is_some_and(|replica| replica.protocol().role() == Role::Leader)
    }

    /// A sync would be through by now, and the disk hangs.
    pub(super) fn on_hanging_sync(&mut self, id: NodeId) {
        let leads = self.leads(id);
        let node = &mut self.nodes[id.index()];
        if !self.swarm.stall_leaders || !leads || node.stall_watched == node.stalled_until {
            return;
        }
        node.stall_watched = node.stalled_until;
        let term = node.replica.as_ref().map_or(0, |r| r.protocol().term());
        let event = Event::StillLeads {
            node: id,
            epoch: node.epoch,
            term,
            until: node.stalled_until,
        };
        self.queue.push(self.now + LEAVES_WITHIN, event);
    }

    pub(super) fn on_still_leads(&mut self, id: NodeId, epoch: u32, term: u64, until: u64) {
        let hangs = until > self.now && self.nodes[id.index()].stalled_until == until;
        if self.healed.is_some() || !hangs || !self.is_current(id, epoch) {
            return;
        }
        let replica = self.nodes[id.index()].replica.as_ref();
        let same = replica.is_some_and(|replica| replica.protocol().term() == term);
        if !self.leads(id) || !same {
            return self.reached(Milestone::StalledLeaderLeft);
        }
        let detail = format!(
            "{id} still leads in term {term}; its disk hangs for {} ms, and nothing else is wrong",
            LEAVES_WITHIN / MS
        );
        self.violated(Broken {
            property: "a leader whose disk hangs does not go on leading",
            detail,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::Streams;
    use crate::world::Options;
    use quorate_contract::Contract;
    use quorate_crash::raft::Raft;

    /// A world in which a node leads, and that node.
    fn led_world() -> (World<Raft>, NodeId) {
        let mut world: World<Raft> = World::new(
            &Contract::default(),
            Streams::from_seed(1),
            &Options::default(),
        );
        world.swarm.stall_leaders = true;
        for node in NodeId::all(world.n) {
            world.restart(node);
        }
        loop {
            if let Some(leader) = NodeId::all(world.n).find(|id| world.leads(*id)) {
                return (world, leader);
            }
            let (at, event) = world.queue.pop().expect("a node is elected");
            world.now = at;
            world.happen(event);
        }
    }

    /// The disk hangs for so long, a sync is due, and later the leader is looked at.
    fn hangs(world: &mut World<Raft>, leader: NodeId, span: u64) -> u64 {
        let until = world.now + span;
        world.nodes[leader.index()].stalled_until = until;
        world.on_hanging_sync(leader);
        until
    }

    fn is_looked_at(world: &mut World<Raft>, leader: NodeId, until: u64) -> bool {
        let node = &world.nodes[leader.index()];
        let replica = node.replica.as_ref().expect("it runs");
        let (epoch, term) = (node.epoch, replica.protocol().term());
        world.on_still_leads(leader, epoch, term, until);
        world.violation.is_some()
    }

    /// A disk hung for a moment and, before the leader was looked at, hung again. The second stall was
    /// taken for the first one, though no sync waited for it: a false alarm, one world of 60,000.
    #[test]
    fn a_second_stall_is_not_taken_for_the_first() {
        let (mut world, leader) = led_world();
        let begin = world.now;
        let first = hangs(&mut world, leader, 40 * MS);
        world.now = begin + 1000 * MS;
        let second = hangs(&mut world, leader, 2 * LEAVES_WITHIN);
        world.now = begin + LEAVES_WITHIN;
        assert!(!is_looked_at(&mut world, leader, first));
        world.now = begin + 1000 * MS + LEAVES_WITHIN;
        assert!(is_looked_at(&mut world, leader, second));
    }
}
