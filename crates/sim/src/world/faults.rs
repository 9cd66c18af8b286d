//! What goes wrong, when, and until when.

use super::{Event, World};
use crate::fault::Fault;
use crate::network::LinkProfile;
use crate::serving::Simulated;
use quorate_core::{NodeId, NodeSet};
use quorate_report::FaultIntervalKind;

pub(super) const MS: u64 = 1_000_000;

/// What ends a fault.
#[derive(Debug)]
pub(super) enum Cure {
    /// Mends cut links.
    Mend(Vec<(NodeId, NodeId)>),
    /// Gives links their old nature.
    Links(Vec<(NodeId, NodeId, LinkProfile)>),
    /// A clock is right again.
    Clock(NodeId),
}

impl<P: Simulated> World<P> {
    pub(super) fn next_fault(&mut self) {
        let every = self.swarm.fault_every;
        let at = self.now + every / 8 + self.streams.moments.exponential(every - every / 8) + 1;
        self.queue.push(at, Event::Fault);
    }

    pub(super) fn on_fault(&mut self) {
        if self.healed.is_some() {
            return;
        }
        self.streams.next_fault();
        let faults = std::mem::take(&mut self.swarm.faults);
        // The quietest choice is none.
        let choice = self
            .streams
            .harm
            .below(faults.len() as u64 + 1)
            .checked_sub(1);
        let fault = choice.and_then(|at| faults.get(at as usize).copied());
        self.swarm.faults = faults;
        if let Some(fault) = fault.filter(|fault| self.caps.allow(*fault)) {
            self.count(7, NodeId(0), fault as u64);
            self.inject(fault);
        }
        self.next_fault();
    }

    pub(super) fn any_node(&mut self) -> NodeId {
        NodeId(self.streams.harm.below(self.n.into()) as u32)
    }

    /// A node, and rather the leader than another.
    pub(super) fn victim(&mut self) -> NodeId {
        let any = self.any_node();
        if self.streams.harm.below(2) == 0 {
            return any;
        }
        let leads = |node: &NodeId| {
            let replica = self.nodes[node.index()].replica.as_ref();
            replica.is_some_and(|replica| replica.protocol().leader() == Some(*node))
        };
        NodeId::all(self.n).find(leads).unwrap_or(any)
    }

    fn inject(&mut self, fault: Fault) {
        match fault {
            Fault::Partition | Fault::OneWayCut | Fault::Isolation => self.cut_links(fault),
            Fault::SlowLinks | Fault::Bandwidth => self.change_links(fault),
            Fault::Kill | Fault::PowerLoss | Fault::Wipe => self.crash_one(fault),
            Fault::ClusterPowerLoss => self.crash_all(),
            Fault::Pause | Fault::ClockJump | Fault::ClockDrift => self.disturb_time(fault),
            Fault::Transfer => self.transfer(),
            Fault::PeerGone => self.reset_link(),
            Fault::MemberAdded => self.change_members(),
            Fault::Upgraded => self.change_versions(),
            Fault::LeftBehind => self.leave_behind(),
            _ => self.disturb_disk(fault),
        }
    }

    fn cut_links(&mut self, fault: Fault) {
        let (mut cut, mut inside) = (vec![], vec![]);
        match fault {
            Fault::Partition => {
                let side: NodeSet = NodeId::all(self.n)
                    .filter(|_| self.streams.harm.below(2) == 1)
                    .collect();
                for (a, b) in self.pairs() {
                    if side.contains(a) != side.contains(b) {
                        cut.push((a, b));
                    }
                }
                inside.extend(side.iter());
            }
            Fault::OneWayCut => {
                let (a, b) = (self.any_node(), self.any_node());
                if a != b {
                    cut.push((a, b));
                    inside.extend([a, b]);
                }
            }
            _ => {
                let node = self.victim();
                let mode = self.streams.harm.below(3);
                cut = self.isolation(node, mode);
                inside.push(node);
            }
        }
        if !cut.is_empty() {
            let after = self.outage();
            self.cut(fault, cut, &inside, after);
        }
    }

    /// The links to cut so that a node hears no other, or is heard by none, or both.
    pub(super) fn isolation(&self, node: NodeId, mode: u64) -> Vec<(NodeId, NodeId)> {
        let mut cut = self.pairs();
        cut.retain(|&(a, b)| (a == node && mode != 1) || (b == node && mode != 2));
        cut
    }

    pub(super) fn topple_later(&mut self, leader: NodeId) {
        let after = self.swarm.topple_after;
        if after > 0 && self.healed.is_none() && self.streams.topple(leader).below(4) > 0 {
            let at = self.now + self.streams.topple(leader).exponential(after);
            self.queue.push(at, Event::Topple(leader));
        }
    }

    pub(super) fn on_topple(&mut self, leader: NodeId) {
        let replica = &self.nodes[leader.index()].replica;
        let leads = replica
            .as_ref()
            .is_some_and(|r| r.protocol().leader() == Some(leader));
        if leads && self.healed.is_none() {
            self.count(9, leader, 0);
            let decisions = self.streams.topple(leader);
            let mode = decisions.below(3);
            let after = decisions.exponential(self.swarm.outage) + MS;
            let cut = self.isolation(leader, mode);
            self.cut(Fault::Isolation, cut, &[leader], after);
        }
    }

    fn cut(&mut self, fault: Fault, cut: Vec<(NodeId, NodeId)>, inside: &[NodeId], after: u64) {
        self.covered(fault);
        for &(a, b) in &cut {
            self.network.cut(a, b);
        }
        self.trace
            .say(self.now, || format!("cut: {}", pairs_in_words(&cut)));
        let label = self
            .recording
            .as_ref()
            .map(|_| format!("{}: cut {}", fault.name(), pairs_in_words(&cut)));
        let cure = self.cure_later(Cure::Mend(cut), after);
        if let (Some(recording), Some(label)) = (&mut self.recording, label) {
            for node in inside {
                recording.recorder.fault(self.now, *node, &label);
            }
            let name = fault.name();
            recording.until_cured(self.now, FaultIntervalKind::Partition, inside, name, cure);
        }
    }

    fn pairs(&self) -> Vec<(NodeId, NodeId)> {
        let all = NodeId::all(self.n);
        all.clone()
            .flat_map(|a| all.clone().map(move |b| (a, b)))
            .filter(|(a, b)| a != b)
            .collect()
    }

    fn change_links(&mut self, fault: Fault) {
        let node = self.any_node();
        let everywhere = self.streams.harm.below(2) == 1;
        let bound = self.swarm.link.max_delay;
        let mut before = vec![];
        for (a, b) in self.pairs() {
            if !everywhere && a != node && b != node {
                continue;
            }
            let old = self.network.link(a, b);
            let mut link = old;
            if fault == Fault::Bandwidth {
                link.nanos_per_byte = self.streams.harm.within(100, 10_000);
            } else {
                let mean = self.streams.harm.within(MS, 200 * MS).min(bound);
                link.delay = crate::Delay::Exponential {
                    min: mean / 4,
                    mean,
                };
            }
            before.push((a, b, old));
            self.network.set_link(a, b, link);
        }
        self.covered(fault);
        self.trace.say(self.now, || {
            format!("{}: {} links", fault.name(), before.len())
        });
        let after = self.outage();
        let cure = self.cure_later(Cure::Links(before), after);
        if let Some(recording) = &mut self.recording {
            let all: Vec<NodeId> = NodeId::all(self.n).collect();
            let nodes = if everywhere { &*all } else { &[node] };
            for node in nodes {
                recording.recorder.fault(self.now, *node, fault.name());
            }
            recording.until_cured(self.now, FaultIntervalKind::Slow, nodes, fault.name(), cure);
        }
    }

    /// How long the fault at hand lasts.
    pub(super) fn outage(&mut self) -> u64 {
        self.streams.harm.exponential(self.swarm.outage) + MS
    }

    pub(super) fn cure_later(&mut self, cure: Cure, after: u64) -> u32 {
        let number = self.cures.insert(cure);
        self.queue.push(self.now + after, Event::Cure(number));
        number
    }

    pub(super) fn on_cure(&mut self, number: u32) {
        let Some(cure) = self.cures.remove(number) else {
            return;
        };
        self.count(8, NodeId(0), u64::from(number));
        if let Some(recording) = &mut self.recording {
            recording.cured(self.now, number);
        }
        match cure {
            Cure::Mend(cut) => {
                self.trace
                    .say(self.now, || format!("mended: {}", pairs_in_words(&cut)));
                for (a, b) in cut {
                    self.mend(a, b);
                }
            }
            Cure::Links(_) if self.healed.is_some() => {}
            Cure::Links(before) => {
                for (a, b, link) in before {
                    self.network.set_link(a, b, link);
                }
            }
            Cure::Clock(node) => self.set_clock(node, |clock, now| clock.set_drift(now, 0)),
        }
    }

    pub(super) fn mend(&mut self, a: NodeId, b: NodeId) {
        let queue = &mut self.queue;
        self.network
            .mend(self.now, a, b, self.streams.link(a, b), |at, number| {
                queue.push(at, Event::Deliver(number));
            });
    }

    pub(super) fn set_clock(&mut self, id: NodeId, set: impl FnOnce(&mut crate::Clock, u64)) {
        let node = &mut self.nodes[id.index()];
        set(&mut node.clock, self.now);
        let (epoch, queue) = (node.epoch, &mut self.queue);
        node.timers
            .on_clock_set(&node.clock, self.now, |timer, at| {
                queue.push(
                    at,
                    Event::Timer {
                        node: id,
                        timer,
                        epoch,
                    },
                );
            });
    }
}

fn pairs_in_words(pairs: &[(NodeId, NodeId)]) -> String {
    let words: Vec<String> = pairs.iter().map(|(a, b)| format!("{a} -> {b}")).collect();
    words.join(", ")
}
