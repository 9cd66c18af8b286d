//! The replica: what happens to it, and what it does about it.

use crate::audit::Audit;
use crate::config::Config;
use crate::interface::{Actions, Input, Timer};
use crate::machine::Machine;
use crate::membership::Changes;
use crate::reads::Reads;
use crate::request::{Header, Outcome, Refusal};
use crate::roster::Roster;
use crate::snapshots::Snapshots;
use crate::status::{Counters, Status};
use crate::stopped::Stopped;
use crate::writes::Writes;
use members::Heard;
use quorate_core::driver::{Disk, Gate};
use quorate_core::replicated::{Configuration, Output, Replicated, Request as Ask, Role};
use quorate_core::{Effects, Hard, Ignored, Input as ProtocolInput, Journaled, NodeId, Time};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

mod admission;
mod applying;
mod canonical;
mod driving;
mod fencing;
mod members;
mod snapshots;

use applying::ApplyBudget;

/// One replica of the store, over a protocol `P` and a disk `D` that keeps its records.
///
/// A value: it can be cloned, compared and hashed, so that whole replicas can be searched. Neither
/// configuration nor counters count; times are made comparable by [`Replica::canonical`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Replica<P: Replicated, D> {
    config: Ignored<Config<P::Config>>,
    me: NodeId,
    protocol: P,
    effects: Effects<P>,
    gate: Gate<P>,
    disk: D,
    /// Messages to ourselves, released by the gate: how we learn that our own write counts.
    loopback: VecDeque<P::Message>,
    outputs: VecDeque<Output>,
    machine: Machine,
    writes: Writes,
    reads: Reads,
    snapshots: Snapshots,
    audit: Audit,
    leader: Option<NodeId>,
    /// The leader changed: unanswered writes go to the new one.
    resend: bool,
    sweeps: u32,
    counters: Ignored<Counters>,
    failure_told: bool,
    changes: Changes,
    next_nonce: u64,
    /// The change that the protocol was given last, and who asked for it.
    proposing: Option<(NodeId, u64)>,
    heard: BTreeMap<NodeId, Heard>,
    /// By the configuration in force.
    roster: Arc<Roster>,
    /// The last one that was applied since the start.
    applied_configuration: Option<Arc<Configuration>>,
    stopped: Option<Stopped>,
}

impl<P: Replicated, D: Disk<<P::Hard as Hard>::Record>> Replica<P, D> {
    /// A replica as it is after a start, with what [`crate::Recovery`] found in its log.
    pub fn new(
        config: Config<P::Config>,
        me: NodeId,
        hard: Journaled<P::Hard>,
        machine: Machine,
        disk: D,
    ) -> Self {
        Self {
            me,
            protocol: P::recover(&config.protocol, me, hard),
            effects: Effects::default(),
            gate: Gate::default(),
            disk,
            loopback: VecDeque::new(),
            outputs: VecDeque::new(),
            snapshots: Snapshots::new(machine.clone()),
            writes: Writes::new(config.nonce, &machine),
            machine,
            reads: Reads::default(),
            audit: Audit::default(),
            leader: None,
            resend: false,
            sweeps: 0,
            counters: Ignored::default(),
            failure_told: false,
            changes: Changes::default(),
            next_nonce: config.nonce,
            proposing: None,
            heard: BTreeMap::new(),
            roster: Arc::default(),
            applied_configuration: None,
            stopped: None,
            config: Ignored(config),
        }
    }

    /// Takes one input. Its effects are complete after the next [`Replica::flush`].
    pub fn step(&mut self, now: Time, input: Input<P>, out: &mut Actions<P>) {
        if let Some(stopped) = &self.stopped {
            if let Input::Client { ticket, .. } = input {
                let refusal = Refusal::Stopped(stopped.kind());
                out.replies.push((ticket, Outcome::Refused(refusal)));
            }
            return;
        }
        match input {
            Input::Start => {
                self.on_configured(out);
                if self.stopped.is_some() {
                    return;
                }
                self.protocol
                    .step(now, ProtocolInput::Start, &mut self.effects);
                out.timers
                    .push((Timer::Sweep, Some((self.config.sweep, self.config.sweep))));
            }
            Input::Peer { from, message } => self.on_peer(now, from, message, out),
            Input::Client {
                ticket,
                request,
                deadline,
            } => {
                self.on_client(now, ticket, request, deadline, out);
            }
            Input::Timer(Timer::Protocol(timer)) => {
                self.protocol
                    .step(now, ProtocolInput::Timer(timer), &mut self.effects);
            }
            Input::Timer(Timer::Sweep) => self.on_sweep(now, out),
            Input::PeerGone(peer) => self.ask(now, Ask::Suspect(peer)),
            Input::JobDone(done) => self.on_job_done(now, done, out),
            Input::Disk => {}
        }
    }

    /// Called once after each burst of steps: batches what came in, hands records to the disk,
    /// releases what the disk's progress allows, applies what is committed, answers.
    ///
    /// How much one call applies is bounded, so that a long log does not hold up what peers say:
    /// [`Actions::more`] tells whether anything is left for the next call.
    pub fn flush(&mut self, now: Time, out: &mut Actions<P>) {
        let mut budget = ApplyBudget::default();
        while self.stopped.is_none() {
            self.send_changes(now, out);
            self.send_writes(now, out);
            if let Some(round) = self.reads.start_round(now) {
                self.ask(now, Ask::Read(round));
            }
            self.protocol.flush(now, &mut self.effects);
            self.fence(out);
            if self.stopped.is_some() {
                break;
            }
            self.exchange(out);
            self.serve_outputs(now, &mut budget, out);
            self.write_checkpoint(now, out);
            if self.loopback.is_empty() && self.effects.is_empty() {
                break;
            }
            while let Some(message) = self.loopback.pop_front() {
                let input = ProtocolInput::Message(self.me, message);
                self.protocol.step(now, input, &mut self.effects);
            }
        }
        self.serve_reads(out);
        out.more = !self.outputs.is_empty();
    }

    pub(crate) fn leads(&self) -> bool {
        self.protocol.role() == Role::Leader
    }

    pub(crate) fn header(&self) -> Header {
        Header {
            revision: self.machine.store().revision(),
            term: self.protocol.term(),
        }
    }

    /// Requests in flight here.
    pub fn in_flight(&self) -> usize {
        self.writes.len() + self.reads.len() + self.changes.len()
    }

    /// The protocol, to look at.
    pub fn protocol(&self) -> &P {
        &self.protocol
    }

    /// The state machine, to look at.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The disk.
    pub fn disk(&self) -> &D {
        &self.disk
    }

    /// The disk, for its driver.
    pub fn disk_mut(&mut self) -> &mut D {
        &mut self.disk
    }

    /// Gives the disk back: the replica has crashed.
    pub fn into_disk(self) -> D {
        self.disk
    }

    /// The replica's state, at a glance.
    pub fn status(&self) -> Status {
        let store = self.machine.store();
        Status {
            me: self.me,
            role: self.protocol.role(),
            term: self.protocol.term(),
            leader: self.protocol.leader(),
            first_index: self.protocol.first_index(),
            last_index: self.protocol.last_index(),
            commit: self.protocol.commit(),
            applied: self.machine.index(),
            digest: self.machine.digest(),
            revision: store.revision(),
            compacted_revision: store.compacted_revision(),
            store_bytes: store.size_bytes(),
            sessions: self.machine.sessions(),
            in_flight: self.in_flight(),
            bursts_waiting: self.gate.waiting(),
            disk_failed: self.gate.failed(),
            counters: *self.counters,
        }
    }
}
