//! A replica takes a step, and the world does what it asks for.

use super::node::{self, StartError, seen};
use super::{Event, World, text};
use crate::client::digest;
use crate::fault::Fault;
use crate::milestone::Milestone;
use crate::network::InFlight;
use crate::observe::Broken;
use crate::serving::{Config, Input, PeerMessage, Replica, Simulated};
use quorate_contract::Behaviour;
use quorate_core::replicated::Role;
use quorate_core::{Mutant, NodeId};
use quorate_replica::{self as replica, Notice, Outcome, Refusal, Reply, Stopped, Ticket};
use quorate_report::EventKind;
use quorate_wal as wal;
use std::time::Duration;

/// How long a job takes, in nanoseconds: long enough for much to happen meanwhile.
const JOB_TIME: u64 = 200_000;
/// How long it takes to apply what one flush applies, in nanoseconds.
const APPLY_TIME: u64 = 50_000;

/// Small segments, so that logs roll often.
const SEGMENT_BYTES: u64 = 64 << 10;

impl<P: Simulated> World<P> {
    /// Gives a replica its input. Its effects come at the end of the burst.
    #[inline]
    pub(super) fn step(&mut self, id: NodeId, input: Input<P>) {
        let node = &mut self.nodes[id.index()];
        let Some(replica) = &mut node.replica else {
            return;
        };
        replica.step(node.clock.at(self.now), input, &mut node.actions);
        if self.swarm.burst == 0 || self.healed.is_some() {
            self.flush(id);
        } else if !node.flushing {
            node.flushing = true;
            let event = Event::Flush {
                node: id,
                epoch: node.epoch,
            };
            self.queue.push(self.now + self.swarm.burst, event);
        }
    }

    /// Ends a burst: does all that the replica asks for, and lets the observers look.
    pub(super) fn flush(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.index()];
        node.flushing = false;
        let Some(replica) = &mut node.replica else {
            return;
        };
        let applied = replica.machine().index();
        replica.flush(node.clock.at(self.now), &mut node.actions);
        if node.storage.get().halted() {
            self.covered(Fault::PowerLossInCall);
            self.trace.say(self.now, || {
                format!("{id}: the power fails in a call to the disk")
            });
            return self.power_loss(id, "the power fails in a call to the disk");
        }
        let began = replica.disk_mut().take_began();
        if let Some(recording) = &mut self.recording {
            recording.wrote(self.now, id, replica.disk(), began);
        }
        if began {
            let at = self.now + self.sync_delay(id);
            let epoch = self.nodes[id.index()].epoch;
            self.queue.push(at, Event::Synced { node: id, epoch });
        }
        self.schedule(id);
        self.observe(id);
        self.check_software(id, applied);
        self.arm(id);
        self.send(id);
        self.answer(id);
        self.take_notice(id);
    }

    /// What goes on elsewhere, or later: jobs, and entries left to be applied.
    fn schedule(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.index()];
        let epoch = node.epoch;
        if !node.actions.jobs.is_empty() {
            if node.jobs.is_empty() {
                self.queue
                    .push(self.now + JOB_TIME, Event::Jobs { node: id, epoch });
            }
            node.jobs.append(&mut node.actions.jobs);
        }
        if std::mem::take(&mut node.actions.more) && !node.flushing {
            node.flushing = true;
            self.queue
                .push(self.now + APPLY_TIME, Event::Flush { node: id, epoch });
        }
    }

    /// The jobs that have gathered are done.
    pub(super) fn run_jobs(&mut self, id: NodeId) {
        for job in std::mem::take(&mut self.nodes[id.index()].jobs) {
            self.step(id, Input::JobDone(job.run()));
        }
    }

    fn observe(&mut self, id: NodeId) {
        let Some(replica) = &mut self.nodes[id.index()].replica else {
            return;
        };
        let snapshots = replica.disk_mut().take_snapshots();
        if snapshots > 0 {
            self.milestones.add(Milestone::SnapshotBegun, snapshots);
        }
        let mut changes = replica.disk_mut().take_changes();
        let seen = seen(replica);
        let mut result = Ok(());
        for change in &changes {
            result = result.and_then(|()| self.observers.on_change(id, change, seen.term));
        }
        changes.clear();
        replica.disk_mut().put_back(changes);
        if let Some(recording) = &mut self.recording {
            recording.looked_at(self.now, id, replica);
        }
        let result = result.and_then(|()| self.observers.on_step(id, seen));
        let bounded = within_bounds(replica, &self.swarm);
        self.check(result.and(bounded));
    }

    fn arm(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.index()];
        let local = node.clock.at(self.now);
        for (timer, span) in node.actions.timers.drain(..) {
            let Some((min, max)) = span else {
                node.timers.disarm(timer);
                continue;
            };
            // Where nothing is drawn, timeouts differ all the same: with equal ones no election ends.
            let (min, span) = (nanos(min), nanos(max).saturating_sub(nanos(min)) + 1);
            let stagger = span / u64::from(self.n) * u64::from(id.0);
            let wait = min + (self.streams.timer(id).below(span) + stagger) % span;
            let deadline = local + Duration::from_nanos(wait);
            let (timer, at) = node.timers.arm(&node.clock, self.now, timer, deadline);
            if let Some(recording) = &mut self.recording {
                recording.recorder.timer_armed(id, timer.into());
            }
            if let Some(at) = at {
                let event = Event::Timer {
                    node: id,
                    timer,
                    epoch: node.epoch,
                };
                self.queue.push(at, event);
            }
        }
    }

    fn send(&mut self, from: NodeId) {
        let mut sends = std::mem::take(&mut self.nodes[from.index()].actions.sends);
        for (to, message) in sends.drain(..) {
            if let replica::PeerMessage::Protocol(message) = &message
                && let Some(misfit) = P::misfit(message)
            {
                self.violated(Broken {
                    property: "a snapshot's pieces fit together",
                    detail: format!("{from} sends {to} {misfit}"),
                });
            }
            let bytes = size::<P>(&message);
            let what = self
                .recording
                .as_ref()
                .map(|_| text::message::<P>(&message));
            let flight = InFlight { from, to, message };
            let held = self.hold(from, to);
            let (queue, recording, late) = (&mut self.queue, &mut self.recording, &mut self.late);
            let sent = self.network.send(
                self.now,
                flight,
                bytes,
                self.streams.link(from, to),
                |mut at, number| {
                    if let Some((by, term)) = held {
                        at += by;
                        late.insert(number, term);
                    }
                    queue.push(at, Event::Deliver(number));
                    if let Some(recording) = recording {
                        recording.copies.push((at, number));
                    }
                },
            );
            if let (Some(recording), Some(what)) = (&mut self.recording, what) {
                recording.sent(self.now, from, to, &what, sent);
            }
        }
        self.nodes[from.index()].actions.sends = sends;
    }

    /// How long the next message on a link is held back, if it is, and the term of its receiver.
    #[inline]
    fn hold(&mut self, from: NodeId, to: NodeId) -> Option<(u64, u64)> {
        if self.swarm.late == 0 || self.healed.is_some() {
            return None;
        }
        let link = self.streams.link(from, to);
        if !link.chance(self.swarm.late) {
            return None;
        }
        let by = self.swarm.late_by / 4 + link.exponential(self.swarm.late_by);
        let replica = self.nodes[to.index()].replica.as_ref();
        Some((by, replica.map_or(0, |replica| replica.protocol().term())))
    }

    fn answer(&mut self, id: NodeId) {
        let mut replies = std::mem::take(&mut self.nodes[id.index()].actions.replies);
        for (ticket, outcome) in replies.drain(..) {
            self.hash.add(ticket.0);
            self.hash.add(digest(&outcome));
            if self.trace.is_on() {
                let what = text::outcome(&outcome);
                self.trace.say(self.now, || {
                    format!("{id} answers client {}: {what}", super::client_of(ticket))
                });
            }
            if let Some(recording) = &mut self.recording {
                let (client, what) = (super::client_of(ticket), text::outcome(&outcome));
                let label = format!("answers client {client}: {what}");
                let recorder = &mut recording.recorder;
                recorder.remark(self.now, id, EventKind::Reply, &label);
            }
            if let Outcome::Refused(Refusal::TooLarge { .. }) = outcome {
                self.reached(Milestone::TooLarge);
            }
            if let (Outcome::Done(_, Reply::Written(_)), Some(replica)) =
                (&outcome, &self.nodes[id.index()].replica)
            {
                self.observers.on_acknowledged(replica.machine().index());
            }
            self.send_answer(ticket, outcome);
        }
        self.nodes[id.index()].actions.replies = replies;
    }

    fn send_answer(&mut self, ticket: Ticket, outcome: Outcome) {
        let client = super::client_of(ticket);
        if usize::from(client) >= self.clients.len() {
            return; // it was an operator's, who does not wait
        }
        if !self.streams.talk(client).chance(self.swarm.load.loss) {
            let at = self.now + self.client_delay(client);
            let number = self.answers.insert((ticket, outcome));
            self.queue.push(at, Event::Answer(number));
        }
    }

    fn take_notice(&mut self, id: NodeId) {
        if self.nodes[id.index()].actions.notices.is_empty() {
            return;
        }
        let notices = std::mem::take(&mut self.nodes[id.index()].actions.notices);
        for notice in notices {
            self.trace
                .say(self.now, || format!("{id}: {}", text::notice(&notice)));
            if let Some(recording) = &mut self.recording {
                let kind = match &notice {
                    Notice::RoleChanged { .. } => EventKind::Role,
                    _ => EventKind::Note,
                };
                let recorder = &mut recording.recorder;
                recorder.remark(self.now, id, kind, &text::notice(&notice));
            }
            match notice {
                Notice::Stopped(Stopped::Violation { property, detail }) => {
                    let detail = format!("{id}: {detail}");
                    self.violated(Broken { property, detail });
                }
                Notice::Stopped(Stopped::TooOld { .. }) => self.on_too_old(id),
                Notice::RoleChanged {
                    role: Role::Leader, ..
                } => {
                    self.reached(Milestone::Election);
                    self.topple_later(id);
                }
                Notice::Configured => self.on_configured(id),
                Notice::CheckpointDone { .. } => self.reached(Milestone::Checkpoint),
                Notice::SnapshotInstalled { .. } => self.reached(Milestone::Install),
                Notice::SnapshotRejected { reason } => self.on_snapshot_rejected(id, &reason),
                Notice::DiskFailed { error } => self.on_disk_failed(id, &error),
                _ => {}
            }
        }
    }

    /// Where no node lies and no disk changes what it keeps, a leader's snapshot is what it says. The
    /// receiver asks for another, so no other property shows that it was not.
    fn on_snapshot_rejected(&mut self, id: NodeId, reason: &str) {
        let may_be_bad = [
            Behaviour::Lie,
            Behaviour::Equivocate,
            Behaviour::Forge,
            Behaviour::Corrupt,
            Behaviour::Garble,
        ];
        if !may_be_bad.into_iter().any(|it| self.contract.allows(it)) {
            self.violated(Broken {
                property: "a snapshot is what its leader says",
                detail: format!("{id} rejects one: {reason}"),
            });
        }
    }

    /// The replica is silent for good; its operator will restart it.
    fn on_disk_failed(&mut self, id: NodeId, error: &str) {
        if !self.nodes[id.index()].storage.get().failed() {
            let detail = format!("{id}: {error}, and nothing is wrong with the disk");
            return self.violated(Broken {
                property: "a good disk does not fail",
                detail,
            });
        }
        self.nodes[id.index()].storage.get().set_capacity(u64::MAX);
        self.kill(id, &format!("its log has failed and it stops: {error}"));
    }

    /// A node refuses to start, as it should.
    fn refuse(&mut self, id: NodeId, error: &str) {
        self.trace
            .say(self.now, || format!("{id} refuses to start: {error}"));
        if let Some(recording) = &mut self.recording {
            let label = format!("refuses to start: {error}");
            let recorder = &mut recording.recorder;
            recorder.remark(self.now, id, EventKind::Note, &label);
        }
        self.nodes[id.index()].broken = true;
    }

    /// Brings a node up from its disk.
    pub(super) fn restart(&mut self, id: NodeId) {
        let config = self.config(id);
        let log = wal::Config {
            segment_bytes: SEGMENT_BYTES,
            sector: 512,
            must_exist: self.nodes[id.index()].log_begun,
            mutant: self.mutant,
            ..wal::Config::new(wal::Identity {
                cluster: 1,
                replica: u64::from(id.0),
            })
        };
        let node = &mut self.nodes[id.index()];
        if node.replica.is_some() || node.broken || node.retired || node.kept_down || node.unborn {
            return;
        }
        node.epoch += 1;
        let started = node::start(&node.storage, log, &config, self.swarm.settings, id);
        self.count(6, id, u64::from(started.is_ok()));
        match started {
            Ok((replica, last)) => self.started(id, replica, last),
            Err(StartError::PowerFailed) => {
                self.covered(Fault::PowerLossInCall);
                self.trace.say(self.now, || {
                    format!("{id}: the power fails during recovery")
                });
                self.power_loss(id, "the power fails during recovery");
            }
            Err(StartError::Disk(_)) if self.healed.is_none() => self.come_back_later(id),
            Err(StartError::Damaged(_))
                if self.nodes[id.index()].lost_files
                    && self.mutant.is(Mutant::WipedMemberVotes) =>
            {
                let node = &mut self.nodes[id.index()];
                node.storage.get().wipe();
                (node.synced, node.log_begun, node.lost_files) = (0, false, false);
                self.restart(id);
            }
            Err(StartError::Damaged(error)) if self.nodes[id.index()].lost_files => {
                self.covered(Fault::DirectoryPartLost);
                self.refuse(id, &error);
                // An operator has to replace it.
                self.nodes[id.index()].retired = true;
            }
            Err(StartError::Damaged(error)) if self.nodes[id.index()].tainted => {
                self.refuse(id, &error);
            }
            Err(StartError::Damaged(detail) | StartError::Disk(detail)) => {
                let detail = format!("{id} can't start: {detail}");
                self.violated(Broken {
                    property: "a crash is recovered from",
                    detail,
                });
            }
        }
    }

    fn started(&mut self, id: NodeId, replica: Replica<P>, last: u64) {
        let node = &mut self.nodes[id.index()];
        // A process's clock begins anywhere.
        let shown = self.streams.crash(id).below(1_000_000_000_000);
        node.clock = crate::Clock::new(self.now, shown);
        let words = || {
            let protocol = replica.protocol();
            format!(
                "starts in term {} with entries {} to {}, {last} records",
                protocol.term(),
                protocol.first_index(),
                protocol.last_index()
            )
        };
        self.trace.say(self.now, || format!("{id} {}", words()));
        if let Some(recording) = &mut self.recording {
            recording.recorder.restarted(self.now, id, &words());
        }
        if last < node.synced && !node.tainted {
            let detail = format!("{id} had synced {} records and has {last}", node.synced);
            return self.violated(Broken {
                property: "what was synced is recovered",
                detail,
            });
        }
        (node.log_begun, node.lost_files) = (true, false);
        let seen = seen(&replica);
        let result = self.observers.on_start(id, replica.protocol(), seen);
        self.nodes[id.index()].replica = Some(replica);
        self.note_software(id);
        self.check(result);
        self.step(id, Input::Start);
    }

    fn config(&self, id: NodeId) -> Config<P> {
        let epoch = u64::from(self.nodes[id.index()].epoch);
        replica::Config {
            protocol: P::config(&self.swarm.protocol, id),
            limits: self.swarm.limits.clone(),
            sweep: Duration::from_millis(50),
            software: self.nodes[id.index()].software,
            nonce: (epoch + 1) << 40 | u64::from(id.0) << 32,
            mutant: self.mutant,
        }
    }
}

/// Everything bounded is bounded.
#[inline]
fn within_bounds<P: Simulated>(
    replica: &Replica<P>,
    swarm: &crate::swarm::Swarm<P>,
) -> Result<(), Broken> {
    let in_flight = replica.in_flight();
    // The replica's own session is opened beside the clients' requests.
    if in_flight <= swarm.limits.requests + 1 {
        return Ok(());
    }
    let detail = format!(
        "{in_flight} requests in flight, {} admitted",
        swarm.limits.requests
    );
    Err(Broken {
        property: "queues are bounded",
        detail,
    })
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// About how many bytes a message has on the wire.
#[inline]
fn size<P: Simulated>(message: &PeerMessage<P>) -> usize {
    64 + match message {
        replica::PeerMessage::Protocol(message) => P::message_bytes(message),
        replica::PeerMessage::Forward(payloads) => {
            payloads.iter().map(|payload| payload.len()).sum()
        }
        replica::PeerMessage::Change { .. }
        | replica::PeerMessage::ChangeRefused { .. }
        | replica::PeerMessage::Digest { .. } => 0,
    }
}
