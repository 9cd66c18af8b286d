//! Driving the protocol: what goes in, what comes out, and what may leave.

use super::Replica;
use super::applying::ApplyBudget;
use crate::interface::{Actions, Notice, Timer};
use crate::peer::PeerMessage;
use crate::request::{Refusal, Uncertainty};
use crate::stopped::Stopped;
use crate::writes::Leader;
use bytes::Bytes;
use quorate_core::driver::{Disk, Released};
use quorate_core::replicated::{Output, Replicated, Request as Ask, Role};
use quorate_core::{Hard, Input as ProtocolInput, NodeId, Time, To};
use std::time::Duration;

/// How many sweeps pass between two exchanges of digests.
const SWEEPS_PER_DIGEST: u32 = 8;

impl<P: Replicated, D: Disk<<P::Hard as Hard>::Record>> Replica<P, D> {
    pub(crate) fn on_peer(
        &mut self,
        now: Time,
        from: NodeId,
        message: PeerMessage<P::Message>,
        out: &mut Actions<P>,
    ) {
        self.on_heard(now, from);
        match message {
            PeerMessage::Change { nonce, change } => {
                self.lead_change(now, from, nonce, &change, out);
            }
            PeerMessage::ChangeRefused { nonce, why } => {
                out.replies.extend(self.changes.on_refused(nonce, why));
            }
            PeerMessage::Protocol(message) => {
                self.protocol.step(
                    now,
                    ProtocolInput::Message(from, message),
                    &mut self.effects,
                );
            }
            PeerMessage::Forward(payloads) => {
                for payload in payloads {
                    if self.leads() && self.protocol.can_propose(payload.len()).is_ok() {
                        self.ask(now, Ask::Propose(payload));
                    } else {
                        self.counters.forwards_dropped += 1;
                    }
                }
            }
            PeerMessage::Digest {
                software,
                index,
                digest,
            } => {
                if let Some(heard) = self.heard.get_mut(&from) {
                    heard.software = Some((software, now));
                }
                self.audit.on_peer(from, index, digest);
                self.judge_states(out);
            }
        }
    }

    pub(crate) fn ask(&mut self, now: Time, request: Ask) {
        self.protocol
            .step(now, ProtocolInput::Request(request), &mut self.effects);
    }

    /// Hands writes to the leader: to our own protocol if that is us.
    pub(crate) fn send_writes(&mut self, now: Time, out: &mut Actions<P>) {
        let Some(to) = self.protocol.proposer() else {
            return;
        };
        let (term, leader): Leader = to;
        let _ = term;
        let (protocol, effects, limit) =
            (&mut self.protocol, &mut self.effects, &self.config.limits);
        let mut forwards = vec![];
        let mut forwarded = 0;
        let mut accept = |payload: &Bytes| {
            if leader != self.me {
                // One message is bounded like one batch of entries; the rest goes in the next.
                // What is declined must not leave: it counts as never sent.
                let bytes = forwarded + payload.len();
                if !forwards.is_empty() && bytes > limit.forward_bytes {
                    return false;
                }
                forwarded = bytes;
                forwards.push(payload.clone());
                return true;
            }
            let room = protocol.can_propose(payload.len()).is_ok();
            if room {
                let request = Ask::Propose(payload.clone());
                protocol.step(now, ProtocolInput::Request(request), effects);
            }
            room
        };
        if std::mem::take(&mut self.resend) {
            self.counters.retries += self.writes.send_again(now, to, &mut accept);
        }
        self.writes.send_fresh(now, to, &mut accept);
        if !forwards.is_empty() {
            out.sends.push((leader, PeerMessage::Forward(forwards)));
        }
    }

    /// The log gate: records to the disk; out come the messages that may leave.
    pub(crate) fn exchange(&mut self, out: &mut Actions<P>) {
        let Self {
            gate,
            effects,
            disk,
            loopback,
            outputs,
            ..
        } = self;
        let me = self.me;
        let members = |to| match to {
            To::One(node) => vec![node],
            To::All => self.protocol.configuration().members(),
        };
        let mut route = |released: Released<P::Message>| {
            let (to, message) = released.into_parts();
            for to in members(to) {
                if to == me {
                    loopback.push_back(message.clone());
                } else {
                    out.sends.push((to, PeerMessage::Protocol(message.clone())));
                }
            }
        };
        let prompt = gate.submit(effects, disk);
        out.timers.extend(
            prompt
                .timers()
                .map(|(timer, span)| (Timer::Protocol(timer), span)),
        );
        prompt.messages().for_each(&mut route);
        outputs.extend(prompt.outputs());
        if let Err(error) = gate.release(disk, route, |output| outputs.push_back(output))
            && !self.failure_told
        {
            self.failure_told = true;
            out.notices.push(Notice::DiskFailed {
                error: error.to_string(),
            });
            let mut tell = |ticket, outcome| out.replies.push((ticket, outcome));
            let refusal = Refusal::DiskFailed;
            let ends = (&refusal, Uncertainty::DiskFailed);
            self.writes.fail(ends, &mut tell);
            self.reads.fail(&refusal, &mut tell);
            self.changes.fail(ends, &mut tell);
        }
    }

    /// Does what the protocol says, in order. Stops where the budget for applying ends.
    pub(crate) fn serve_outputs(
        &mut self,
        now: Time,
        budget: &mut ApplyBudget,
        out: &mut Actions<P>,
    ) {
        while self.stopped.is_none()
            && let Some(output) = self.outputs.pop_front()
        {
            match output {
                Output::Committed { first, entries } => {
                    let taken = budget.take(&entries);
                    for (index, entry) in (first..).zip(&entries[..taken]) {
                        if self.stopped.is_some() {
                            return;
                        }
                        self.apply(index, entry.term, &entry.payload, out);
                    }
                    if taken < entries.len() && self.stopped.is_none() {
                        let first = first + taken as u64;
                        let entries = entries.slice(taken..entries.len());
                        self.outputs
                            .push_front(Output::Committed { first, entries });
                        return;
                    }
                }
                Output::ReconfigureRefused { why } => self.on_reconfigure_refused(why, out),
                Output::Configured => self.on_configured(out),
                Output::Removed => self.stop(Stopped::Removed, out),
                Output::ReadReady { id, index } => self.reads.on_ready(id, index),
                Output::ReadFailed { id, .. } => self.reads.on_failed(id),
                // The write stays in its table and is sent again when its wait is over.
                Output::ProposeRefused { .. } => self.counters.forwards_dropped += 1,
                Output::RoleChanged { role, term, leader } => {
                    self.on_role_changed(now, role, leader, out);
                    out.notices.push(Notice::RoleChanged { role, term, leader });
                }
                Output::SnapshotWanted { to, meta, offset } => {
                    self.on_snapshot_wanted(now, to, meta, offset, out);
                }
                Output::Install(install) => self.on_install(now, install, out),
                Output::CheckpointBegun { .. } => {}
                Output::CheckpointEnded { .. } => self.on_checkpoint_ended(out),
                Output::CheckpointAborted => {
                    self.snapshots.checkpoint.on_aborted(&mut out.jobs);
                }
            }
        }
    }

    pub(crate) fn on_role_changed(
        &mut self,
        now: Time,
        role: Role,
        leader: Option<NodeId>,
        out: &mut Actions<P>,
    ) {
        if role != Role::Leader {
            self.snapshots.outgoing.stop(&mut out.jobs);
        }
        self.proposing = None;
        if leader != self.leader {
            self.counters.leader_changes += u64::from(leader.is_some());
            self.leader = leader;
        }
        if leader.is_some() {
            self.resend = true;
            self.reads.revive(now + Duration::from_nanos(1));
        }
    }

    pub(crate) fn on_sweep(&mut self, now: Time, out: &mut Actions<P>) {
        out.timers
            .push((Timer::Sweep, Some((self.config.sweep, self.config.sweep))));
        let mut tell = |ticket, outcome| out.replies.push((ticket, outcome));
        let late = self.writes.expire(now, &mut tell)
            + self.reads.expire(now, &mut tell)
            + self.changes.expire(now, &mut tell);
        self.changes.due = self.changes.len() > 0;
        self.promote_next(now, out);
        self.counters.timed_out += late;
        self.resend = true;
        self.reads.revive(Time(
            now.0
                .saturating_sub(self.config.limits.retry.as_nanos() as u64),
        ));
        if let Err(detail) = self.protocol.check_invariants() {
            self.on_violation("the protocol's local invariants", detail, out);
        }
        self.sweeps = (self.sweeps + 1) % SWEEPS_PER_DIGEST;
        if self.sweeps == 0 && !self.gate.failed() {
            let software = self.config.software;
            let (index, digest) = self.audit.latest().unwrap_or_default();
            let members = self.protocol.configuration().members();
            for peer in members.into_iter().filter(|peer| *peer != self.me) {
                out.sends.push((
                    peer,
                    PeerMessage::Digest {
                        software,
                        index,
                        digest,
                    },
                ));
            }
        }
    }
}
