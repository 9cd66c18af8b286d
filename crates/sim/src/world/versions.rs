//! Mixed versions: nodes run two software levels, and an operator upgrades them one by one, rolls some
//! back, and asks at random moments to raise the cluster's level.
//!
//! The cluster's level is raised only when every member is known to run software that can follow. A
//! member that was upgraded, said so, and is rolled back before the raise reaches it, is the case that
//! no check can exclude; so a node whose software is too old must stop in words, apply nothing above
//! its level, and stay silent. An operator brings it back with newer software. Until then it counts as
//! a node that is down. If a majority stops so, the cluster does not serve until enough of them are
//! upgraded. That costs time and loses nothing, and these worlds show it: before the raise is known to
//! be under way, the operator rolls back as many nodes as it likes, one after the other.

use super::faults::MS;
use super::{Event, World};
use crate::fault::Fault;
use crate::observe::Broken;
use crate::serving::Simulated;
use quorate_core::NodeId;
use quorate_core::replicated::Role;
use quorate_replica::Change;

/// The level at which a cluster begins.
pub(super) const OLD: u16 = 1;
/// The level that the operator wants.
pub(super) const NEW: u16 = 2;

/// What a world must know of its software levels.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Levels {
    /// A leader has proposed to raise the level; it may not come of it.
    proposed: bool,
    /// The level of the last committed configuration.
    committed: u16,
}

impl<P: Simulated> World<P> {
    /// The operator does something about the software levels.
    pub(super) fn change_versions(&mut self) {
        let choice = self.streams.harm.below(10);
        let start = self.any_node();
        let nodes = usize::from(self.n);
        let mut all = (0..nodes).map(|at| NodeId(((start.index() + at) % nodes) as u32));
        let runs = |node: &NodeId, software| {
            let node = &self.nodes[node.index()];
            node.software == software && !node.unborn && !node.retired && !node.removed
        };
        match choice {
            0..=4 => {
                if let Some(node) = all.find(|node| runs(node, OLD)) {
                    self.install_software(node, NEW);
                }
            }
            5 | 6 => {
                if let Some(node) = all.find(|node| runs(node, NEW)) {
                    self.install_software(node, OLD);
                }
            }
            _ => self.ask_change(start, Change::RaiseLevel { to: NEW }),
        }
    }

    /// Other software: a process that runs is restarted with it, one that is down comes back with it.
    fn install_software(&mut self, id: NodeId, software: u16) {
        let runs = self.nodes[id.index()].replica.is_some();
        if runs && !self.may_crash() {
            return;
        }
        self.nodes[id.index()].software = software;
        self.trace.say(self.now, || {
            format!("{id}: software that knows level {software} is installed")
        });
        if runs {
            self.kill(id, "the process is stopped, to run other software");
        }
    }

    /// A node has started.
    pub(super) fn note_software(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.index()];
        let software = node.software;
        let before = std::mem::replace(&mut node.ran, software);
        node.ran_newest = node.ran_newest.max(software);
        if let Some(replica) = &node.replica {
            let protocol = replica.protocol();
            node.level = protocol.configuration().level;
            node.voters.clone_from(&protocol.configuration().voters);
            node.last_index = protocol.last_index();
        }
        match (before, software) {
            (0, _) => {}
            _ if before < software => self.covered(Fault::Upgraded),
            _ if before > software => self.covered(Fault::RolledBack),
            _ => {}
        }
    }

    /// A node has stopped, because its software is too old. Its operator brings it back with newer
    /// software, some time later.
    pub(super) fn on_too_old(&mut self, id: NodeId) {
        self.covered(Fault::RefusedTooOld);
        let after = match self.healed {
            None => {
                self.streams
                    .crash(id)
                    .exponential(2 * self.swarm.restart_after)
                    + MS
            }
            Some(_) => MS,
        };
        let epoch = self.nodes[id.index()].epoch;
        self.queue
            .push(self.now + after, Event::Upgrade { node: id, epoch });
    }

    pub(super) fn on_upgrade(&mut self, id: NodeId, epoch: u32) {
        let node = &mut self.nodes[id.index()];
        if node.epoch != epoch || node.retired {
            return;
        }
        node.software = node.software.max(NEW);
        self.count(12, id, 0);
        self.kill(id, "the process is stopped, to run newer software");
    }

    /// The faults are over: nodes that have stopped because of their software run newer software now,
    /// and so do all others if the level was raised.
    pub(super) fn heal_software(&mut self) {
        for id in NodeId::all(self.n) {
            let node = &mut self.nodes[id.index()];
            let runs = node.replica.is_some();
            let stopped = runs && !node.serves() && !node.removed;
            let behind = self.levels.proposed && node.software < NEW;
            if !stopped && !behind {
                continue;
            }
            node.software = NEW;
            if runs {
                self.kill(id, "the process is stopped, to run newer software");
            }
        }
    }

    /// Another configuration is in force at a node.
    pub(super) fn note_level(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.index()];
        let Some(replica) = &node.replica else {
            return;
        };
        let protocol = replica.protocol();
        let configuration = protocol.configuration();
        let (level, before) = (configuration.level, node.level);
        node.level = level;
        let leads = protocol.role() == Role::Leader && node.led == Some(protocol.term());
        if level > before && leads {
            self.levels.proposed = true;
            let members = configuration.members().into_iter();
            let old = members.map(|member| (member, self.nodes[member.index()].ran_newest));
            if let Some((member, newest)) = old.into_iter().find(|(_, newest)| *newest < level) {
                let detail = format!(
                    "{id} leads and raises the level to {level}; {member} has never run software that \
                     knows more than level {newest}"
                );
                return self.violated(Broken {
                    property: "the level is raised only when every member can follow",
                    detail,
                });
            }
        }
        let committed = self
            .observers
            .members()
            .map_or(OLD, |members| members.level);
        if committed > std::mem::replace(&mut self.levels.committed, committed).max(OLD) {
            self.covered(Fault::LevelRaised);
        }
    }

    /// What a node did in a burst, before whose end it had applied `applied`, is what its software may.
    pub(super) fn check_software(&mut self, id: NodeId, applied: u64) {
        let node = &mut self.nodes[id.index()];
        let Some(replica) = &node.replica else {
            return;
        };
        let (machine, protocol) = (replica.machine(), replica.protocol());
        node.led = (protocol.role() == Role::Leader).then(|| protocol.term());
        node.last_before = std::mem::replace(&mut node.last_index, protocol.last_index());
        let was_silent = std::mem::replace(&mut node.silent, replica.stopped().is_some());
        let (index, level, software) = (machine.index(), machine.level(), node.software);
        if level > software && index > applied {
            let detail = format!(
                "{id} knows levels up to {software}, and has applied entry {index}, where the level is \
                 {level}"
            );
            return self.violated(Broken {
                property: "a replica applies nothing above its software's level",
                detail,
            });
        }
        let sends = node.actions.sends.len();
        if was_silent && (sends > 0 || index > applied) {
            let detail = format!("{id} has stopped, and then sends {sends} messages");
            self.violated(Broken {
                property: "a replica that has stopped is silent",
                detail,
            });
        }
    }
}
