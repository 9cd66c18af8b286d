//! What is done to one node: crashes, pauses, clocks, its disk.

use super::faults::{Cure, MS};
use super::{Event, World};
use crate::disk::FaultKind;
use crate::fault::Fault;
use crate::serving::{Input, Simulated};
use quorate_contract::Behaviour;
use quorate_core::NodeId;
use quorate_replica::{Request, Ticket};
use quorate_report::{EventKind, FaultIntervalKind};

impl<P: Simulated> World<P> {
    /// May another node be taken down? Where replicas come back, `f` of them may be down at a
    /// time; where they do not, `f` may fail in all.
    pub(super) fn may_crash(&self) -> bool {
        let down = self.nodes.iter().filter(|node| !node.serves());
        down.filter(|node| !node.unborn && !node.removed).count() < self.f
    }

    pub(super) fn crash_one(&mut self, fault: Fault) {
        let id = self.victim();
        if self.nodes[id.index()].replica.is_none() || !self.may_crash() {
            return;
        }
        self.covered(fault);
        self.trace
            .say(self.now, || format!("{id}: {}", fault.name()));
        match fault {
            Fault::Kill => self.kill(id, "the process is killed"),
            Fault::PowerLoss => self.power_loss(id, "the power fails"),
            _ => {
                self.power_loss(id, "the machine is lost, and its disk with it");
                let node = &mut self.nodes[id.index()];
                node.storage.get().wipe();
                (node.synced, node.log_begun) = (0, false);
            }
        }
        // Not always: the call after which the power fails may come during the recovery.
        if fault == Fault::PowerLoss && self.streams.harm.below(4) == 3 {
            let calls = self.streams.harm.below(12);
            self.nodes[id.index()]
                .storage
                .get()
                .plan(calls, FaultKind::Halt);
        }
    }

    pub(super) fn crash_all(&mut self) {
        self.covered(Fault::ClusterPowerLoss);
        self.trace
            .say(self.now, || "the power fails everywhere".to_owned());
        for id in NodeId::all(self.n) {
            if self.nodes[id.index()].replica.is_some() {
                self.power_loss(id, "the power fails everywhere");
            }
        }
    }

    /// The process dies.
    pub(super) fn kill(&mut self, id: NodeId, why: &str) {
        if let Some(recording) = &mut self.recording {
            recording.crashed(self.now, id, why);
        }
        let node = &mut self.nodes[id.index()];
        node.stop();
        node.storage.get().process_dies(self.streams.crash(id));
        self.observers.on_crash(id);
        self.hint_at(id);
        self.come_back_later(id);
    }

    /// The machine dies.
    pub(super) fn power_loss(&mut self, id: NodeId, why: &str) {
        let node = &mut self.nodes[id.index()];
        node.stop();
        let damage = node
            .storage
            .get()
            .power_fails(self.swarm.tear, self.streams.crash(id));
        self.coverage.add(Fault::TornSector, damage.torn);
        self.trace.say(self.now, || {
            format!(
                "{id}: sectors kept {}, lost {}, torn {}",
                damage.kept, damage.lost, damage.torn
            )
        });
        if let Some(recording) = &mut self.recording {
            let (kept, lost, torn) = (damage.kept, damage.lost, damage.torn);
            let label = format!("{why}: sectors kept {kept}, lost {lost}, torn {torn}");
            recording.crashed(self.now, id, &label);
        }
        self.observers.on_crash(id);
        self.hint_at(id);
        self.come_back_later(id);
    }

    pub(super) fn come_back_later(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.index()];
        if !self.contract.allows(Behaviour::Restart) {
            node.retired = true;
            return;
        }
        let epoch = node.epoch;
        let after = match self.healed {
            None => self.streams.crash(id).exponential(self.swarm.restart_after) + MS,
            Some(_) => MS,
        };
        self.queue
            .push(self.now + after, Event::Restart { node: id, epoch });
    }

    pub(super) fn disturb_time(&mut self, fault: Fault) {
        let id = self.victim();
        if self.nodes[id.index()].replica.is_none() {
            return;
        }
        self.covered(fault);
        match fault {
            Fault::Pause => {
                // The longest as in the stop of a garbage collector that was seen: 4.2 s.
                let most = self
                    .streams
                    .harm
                    .pick(&[100 * MS, 1_000 * MS, 4_200 * MS])
                    .unwrap_or(MS);
                let until = self.now + self.streams.harm.within(MS, most);
                self.nodes[id.index()].paused_until = until;
                self.trace.say(self.now, || {
                    format!("{id} pauses until {}", quorate_core::Time(until))
                });
                if let Some(recording) = &mut self.recording {
                    let label = format!("pauses for {} ms", (until - self.now) / MS);
                    recording.spell(self.now, FaultIntervalKind::Pause, id, &label, until);
                }
            }
            Fault::ClockJump => {
                let most = self
                    .streams
                    .harm
                    .pick(&[50 * MS, 1_000 * MS, 60_000 * MS])
                    .unwrap_or(MS);
                let by = self.streams.harm.within(MS, most);
                self.trace.say(self.now, || {
                    format!("{id}: its clock jumps by {} ms", by / MS)
                });
                if let Some(recording) = &mut self.recording {
                    let label = format!("its clock jumps by {} ms", by / MS);
                    recording.recorder.fault(self.now, id, &label);
                }
                self.set_clock(id, |clock, now| clock.jump(now, by));
            }
            _ => {
                let drift = self.streams.harm.below(800_000) as i64 - 400_000;
                self.trace
                    .say(self.now, || format!("{id}: its clock gains {drift} ppm"));
                self.set_clock(id, |clock, now| clock.set_drift(now, drift));
                let after = self.outage();
                let cure = self.cure_later(Cure::Clock(id), after);
                if let Some(recording) = &mut self.recording {
                    let label = format!("its clock gains {drift} ppm");
                    recording.recorder.fault(self.now, id, &label);
                    recording.until_cured(self.now, FaultIntervalKind::Slow, &[id], &label, cure);
                }
            }
        }
    }

    pub(super) fn disturb_disk(&mut self, fault: Fault) {
        if fault == Fault::DiskStall && self.swarm.stall_leaders {
            return self.stall_leader();
        }
        let id = self.victim();
        if self.nodes[id.index()].replica.is_none() {
            return;
        }
        if fault == Fault::DiskStall {
            let most = self.streams.harm.pick(&[20 * MS, 500 * MS]).unwrap_or(MS);
            let until = self.now + self.streams.harm.within(MS, most);
            self.nodes[id.index()].stalled_until = until;
            self.covered(fault);
            if let Some(recording) = &mut self.recording {
                let label = format!("its disk stalls for {} ms", (until - self.now) / MS);
                recording.spell(self.now, FaultIntervalKind::Slow, id, &label, until);
            }
            return self
                .trace
                .say(self.now, || format!("{id}: its disk stalls"));
        }
        let damages = matches!(
            fault,
            Fault::BitRot | Fault::MisdirectedWrite | Fault::LyingSync
        );
        if damages {
            // What is damaged may be lost for good: of at most f nodes.
            let tainted = self.nodes.iter().filter(|node| node.tainted).count();
            if !self.nodes[id.index()].tainted && tainted >= self.f {
                return;
            }
            self.nodes[id.index()].tainted = true;
        } else if !self.may_crash() {
            return;
        }
        let (small, large) = (self.streams.harm.below(8), self.streams.harm.below(60));
        let storage = self.nodes[id.index()].storage.clone();
        let mut storage = storage.get();
        match fault {
            Fault::PowerLossInCall => storage.plan(large, FaultKind::Halt),
            Fault::DiskError => storage.plan(large, FaultKind::Error),
            Fault::DiskFull => {
                let used = storage.used();
                storage.set_capacity(used + small * 512);
                storage.plan(large * 4, FaultKind::Full);
            }
            Fault::MisdirectedWrite => storage.misdirect(small + 1),
            Fault::LyingSync => storage.lie(small as u32 + 1),
            _ => {
                storage.rot(&mut self.streams.harm);
            }
        }
        if fault != Fault::PowerLossInCall {
            self.covered(fault); // that one is counted when it happens
        }
        self.trace
            .say(self.now, || format!("{id}: {} is planned", fault.name()));
        if let Some(recording) = &mut self.recording {
            let label = format!("its disk: {} from here on", fault.name());
            recording.recorder.fault(self.now, id, &label);
        }
    }

    pub(super) fn transfer(&mut self) {
        let (at, to) = (self.victim(), self.any_node());
        let node = &self.nodes[at.index()];
        if node.replica.is_none() || node.paused_until > self.now {
            return;
        }
        let deadline = node.clock.at(self.now);
        self.covered(Fault::Transfer);
        self.trace.say(self.now, || {
            format!("{at} is told to hand leadership to {to}")
        });
        let request = Request::TransferLeadership(to);
        if let Some(recording) = &mut self.recording {
            let label = format!("an operator: hand leadership to {to}");
            let recorder = &mut recording.recorder;
            recorder.event(self.now, at, EventKind::Request, &label, None);
        }
        // No client waits for the answer.
        self.step(
            at,
            Input::Client {
                ticket: Ticket(u64::MAX),
                request,
                deadline,
            },
        );
    }
}
