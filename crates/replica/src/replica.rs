//! The replica: what happens to it, and what it does about it.

use crate::audit::Audit;
use crate::checkpoint::Checkpoint;
use crate::machine::{Effect, Machine, MachineReader, WriteVerdict};
use crate::outgoing::Outgoing;
use crate::reads::{Read, Reads};
use crate::sessions::Applied;
use crate::status::{Counters, Status};
use crate::writes::{Leader, Writes};
use crate::{
    Config, Header, Limits, Outcome, PeerMessage, Refusal, Reply, Request, Ticket, Uncertainty,
};
use bytes::Bytes;
use quorate_core::driver::{Disk, Gate, Released};
use quorate_core::replicated::{Output, Payload, Replicated, Request as Ask, Role};
use quorate_core::{Effects, Hard, Input as ProtocolInput, Journaled, NodeId, Time, To};
use quorate_kv as kv;
use std::collections::VecDeque;
use std::time::Duration;

mod snapshots;

/// Everything that can happen to a replica.
#[derive(Debug)]
pub enum Input<P: Replicated> {
    /// It starts. Given once, before all else.
    Start,
    /// A peer's message came. The links vouch for `from`.
    Peer {
        /// The sender.
        from: NodeId,
        /// The message.
        message: PeerMessage<P::Message>,
    },
    /// A client asks. Ends as exactly one [`Outcome`] under the ticket.
    Client {
        /// The driver's name for it, never used before.
        ticket: Ticket,
        /// What is asked.
        request: Request,
        /// Until when the client waits.
        deadline: Time,
    },
    /// A timer, armed by [`Actions::timers`] and not re-armed or disarmed since, has run out.
    Timer(Timer<P::Timer>),
    /// The link to this peer has broken, as when its process dies. A hint, which may be wrong or
    /// missing.
    PeerGone(NodeId),
    /// The disk made progress, or failed.
    Disk,
}

/// The timers of a replica, over a protocol whose own are `T`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer<T> {
    /// The protocol's.
    Protocol(T),
    /// Deadlines, repetitions, digests.
    Sweep,
}

/// What a replica asks of its driver. Reused from burst to burst; the driver empties it.
#[derive(Debug)]
pub struct Actions<P: Replicated> {
    /// Messages for peers, in order.
    pub sends: Vec<(NodeId, PeerMessage<P::Message>)>,
    /// Answers for clients.
    pub replies: Vec<(Ticket, Outcome)>,
    /// Timers to arm (to fire once, within the span from now) or to disarm.
    pub timers: Vec<(Timer<P::Timer>, Option<(Duration, Duration)>)>,
    /// Things worth a line in a log.
    pub notices: Vec<Notice>,
}

impl<P: Replicated> Default for Actions<P> {
    fn default() -> Self {
        Self {
            sends: vec![],
            replies: vec![],
            timers: vec![],
            notices: vec![],
        }
    }
}

/// Something worth a line in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The replica's part, or its view of the leader, changed.
    RoleChanged {
        /// The new part.
        role: Role,
        /// The term.
        term: u64,
        /// The leader, as far as it is known.
        leader: Option<NodeId>,
    },
    /// A checkpoint of the own state is in the log; what came before goes.
    CheckpointDone {
        /// The last entry that it covers.
        index: u64,
    },
    /// A snapshot from the leader replaced the state.
    SnapshotInstalled {
        /// The last entry that it covers.
        index: u64,
    },
    /// A snapshot from the leader could not be installed.
    SnapshotRejected {
        /// Why.
        reason: String,
    },
    /// An invariant is violated: a bug, or a fault that the contract does not name.
    Violation {
        /// The property's name.
        property: &'static str,
        /// The figures.
        detail: String,
    },
    /// The log has failed; the replica is silent from here on.
    DiskFailed {
        /// What the disk said.
        error: String,
    },
}

/// How many sweeps pass between two exchanges of digests.
const SWEEPS_PER_DIGEST: u32 = 8;

/// One replica of the store, over a protocol `P` and a disk `D` that keeps its records.
#[derive(Debug)]
pub struct Replica<P: Replicated, D> {
    config: Config<P::Config>,
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
    checkpoint: Checkpoint,
    outgoing: Outgoing,
    installing: Option<(u64, MachineReader)>,
    /// A snapshot that was read and checked, until the protocol says that it counts.
    installed: Option<(u64, Machine)>,
    audit: Audit,
    leader: Option<NodeId>,
    /// The leader changed: unanswered writes go to the new one.
    resend: bool,
    sweeps: u32,
    counters: Counters,
    failure_told: bool,
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
            outgoing: Outgoing::new(machine.clone()),
            machine,
            writes: Writes::new(config.nonce),
            reads: Reads::default(),
            checkpoint: Checkpoint::default(),
            installing: None,
            installed: None,
            audit: Audit::default(),
            leader: None,
            resend: false,
            sweeps: 0,
            counters: Counters::default(),
            failure_told: false,
            config,
        }
    }

    /// Takes one input. Its effects are complete after the next [`Replica::flush`].
    pub fn step(&mut self, now: Time, input: Input<P>, out: &mut Actions<P>) {
        match input {
            Input::Start => {
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
            Input::Disk => {}
        }
    }

    /// Called once after each burst of steps: batches what came in, hands records to the disk,
    /// releases what the disk's progress allows, applies what is committed, answers.
    pub fn flush(&mut self, now: Time, out: &mut Actions<P>) {
        loop {
            self.send_writes(now, out);
            if let Some(round) = self.reads.start_round(now) {
                self.ask(now, Ask::Read(round));
            }
            self.protocol.flush(now, &mut self.effects);
            self.exchange(out);
            self.serve_outputs(now, out);
            self.write_checkpoint(now);
            if self.loopback.is_empty() && self.effects.is_empty() {
                break;
            }
            while let Some(message) = self.loopback.pop_front() {
                let input = ProtocolInput::Message(self.me, message);
                self.protocol.step(now, input, &mut self.effects);
            }
        }
        self.serve_reads(out);
    }

    fn on_peer(
        &mut self,
        now: Time,
        from: NodeId,
        message: PeerMessage<P::Message>,
        out: &mut Actions<P>,
    ) {
        match message {
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
            PeerMessage::Digest { index, digest } => {
                if let Some(found) = self.audit.on_peer(from, index, digest) {
                    self.on_divergence(found, out);
                }
            }
        }
    }

    fn on_client(
        &mut self,
        now: Time,
        ticket: Ticket,
        request: Request,
        deadline: Time,
        out: &mut Actions<P>,
    ) {
        let ended = match self.admit(now, ticket, request, deadline, out) {
            Ok(None) => return,
            Ok(Some(outcome)) => outcome,
            Err(refusal) => {
                match refusal {
                    Refusal::TooManyRequests => self.counters.refused_too_many += 1,
                    Refusal::TooLarge { .. } => self.counters.refused_too_large += 1,
                    _ => {}
                }
                Outcome::Refused(refusal)
            }
        };
        out.replies.push((ticket, ended));
    }

    /// Takes a request in, or says at once how it ends.
    fn admit(
        &mut self,
        now: Time,
        ticket: Ticket,
        request: Request,
        deadline: Time,
        out: &mut Actions<P>,
    ) -> Result<Option<Outcome>, Refusal> {
        if self.gate.failed() {
            return Err(Refusal::DiskFailed);
        }
        match &request {
            Request::Range {
                serializable: true, ..
            }
            | Request::ReadTxn {
                serializable: true, ..
            } => {
                return Ok(Some(self.read(&request)));
            }
            Request::TransferLeadership(to) => return self.transfer(now, *to).map(Some),
            _ => {}
        }
        let Limits {
            requests,
            bursts_waiting,
            txn_ops,
            store_bytes,
            ..
        } = self.config.limits;
        if self.in_flight() >= requests {
            return Err(Refusal::TooManyRequests);
        }
        match request {
            Request::Write { .. } | Request::OpenSession
                if self.gate.waiting() >= bursts_waiting =>
            {
                Err(Refusal::TooManyRequests)
            }
            Request::Write { command, id } => {
                command.check(txn_ops)?;
                let grows = matches!(command, kv::Command::Put(_) | kv::Command::Txn(_));
                if grows && self.machine.store().size_bytes() >= store_bytes {
                    return Err(Refusal::Store(kv::Error::NoSpace));
                }
                let Some(id) = id else {
                    self.writes
                        .take(ticket, command, deadline, &self.config.limits)?;
                    return Ok(None);
                };
                let earlier =
                    self.writes
                        .take_with(ticket, id, &command, deadline, &self.config.limits)?;
                if let Some(earlier) = earlier {
                    // The client has sent it again and listens under the new ticket.
                    out.replies
                        .push((earlier, Outcome::Unknown(Uncertainty::TimedOut)));
                }
                Ok(None)
            }
            Request::OpenSession => {
                self.writes
                    .open(Some(ticket), deadline, &self.config.limits);
                Ok(None)
            }
            request => {
                self.reads.take(Read {
                    ticket,
                    request,
                    deadline,
                });
                Ok(None)
            }
        }
    }

    fn transfer(&mut self, now: Time, to: NodeId) -> Result<Outcome, Refusal> {
        if !self.leads() || to == self.me || !self.protocol.configuration().is_voter(to) {
            return Err(Refusal::BadTransfer);
        }
        self.ask(now, Ask::Transfer(to));
        Ok(Outcome::Done(self.header(), Reply::Ok))
    }

    fn ask(&mut self, now: Time, request: Ask) {
        self.protocol
            .step(now, ProtocolInput::Request(request), &mut self.effects);
    }

    /// Hands writes to the leader: to our own protocol if that is us.
    fn send_writes(&mut self, now: Time, out: &mut Actions<P>) {
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
    fn exchange(&mut self, out: &mut Actions<P>) {
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
            self.writes.fail(&mut tell);
            self.reads.fail(&mut tell);
        }
    }

    fn serve_outputs(&mut self, now: Time, out: &mut Actions<P>) {
        while let Some(output) = self.outputs.pop_front() {
            match output {
                Output::Committed { first, entries } => {
                    for (index, entry) in (first..).zip(entries.iter()) {
                        self.apply(index, entry.term, &entry.payload, out);
                    }
                }
                Output::ReconfigureRefused { .. } | Output::Configured | Output::Removed => {}
                Output::ReadReady { id, index } => self.reads.on_ready(id, index),
                Output::ReadFailed { id, .. } => self.reads.on_failed(id),
                // The write stays in its table and is sent again when its wait is over.
                Output::ProposeRefused { .. } => self.counters.forwards_dropped += 1,
                Output::RoleChanged { role, term, leader } => {
                    self.on_role_changed(now, role, leader);
                    out.notices.push(Notice::RoleChanged { role, term, leader });
                }
                Output::SnapshotWanted { to, meta, offset } => {
                    let bytes = self.config.limits.chunk_bytes;
                    let piece = self.outgoing.piece(to, meta, offset, bytes);
                    self.ask(now, piece.unwrap_or(Ask::SnapshotGone { meta }));
                }
                Output::Install(install) => self.on_install(now, install, out),
                Output::CheckpointBegun { .. } => {}
                Output::CheckpointEnded { .. } => {
                    if let Some(machine) = self.checkpoint.stop() {
                        self.counters.checkpoints += 1;
                        out.notices.push(Notice::CheckpointDone {
                            index: machine.index(),
                        });
                        self.outgoing.freeze(machine);
                    }
                }
                Output::CheckpointAborted => {
                    self.checkpoint.stop();
                }
            }
        }
    }

    fn on_role_changed(&mut self, now: Time, role: Role, leader: Option<NodeId>) {
        if role != Role::Leader {
            self.outgoing.stop();
        }
        if leader != self.leader {
            self.counters.leader_changes += u64::from(leader.is_some());
            self.leader = leader;
        }
        if leader.is_some() {
            self.resend = true;
            self.reads.revive(now + Duration::from_nanos(1));
        }
    }

    fn apply(&mut self, index: u64, term: u64, payload: &Payload, out: &mut Actions<P>) {
        let Config { limits, mutant, .. } = &self.config;
        let effect = self.machine.apply(index, term, payload, limits, *mutant);
        self.checkpoint.on_applied(payload.command().len());
        if Audit::wants(index)
            && let Some(found) = self.audit.on_applied(index, self.machine.digest())
        {
            self.on_divergence(found, out);
        }
        match effect {
            Effect::Nothing => {}
            Effect::Opened { nonce, session } => {
                let refuse = |ticket, outcome| out.replies.push((ticket, outcome));
                let ticket = self
                    .writes
                    .on_opened(nonce, session, &self.config.limits, refuse);
                if let Some(ticket) = ticket {
                    out.replies.push((
                        ticket,
                        Outcome::Done(self.header(), Reply::Session(session)),
                    ));
                }
            }
            Effect::Write { id, verdict } => {
                let outcome = match &verdict {
                    WriteVerdict::Applied(applied) => self.answer(applied),
                    WriteVerdict::Duplicate(applied) => {
                        self.counters.duplicates += 1;
                        self.answer(applied)
                    }
                    WriteVerdict::Settled => Outcome::Unknown(Uncertainty::Settled),
                    WriteVerdict::Expired => {
                        self.writes.forget_own(id.session);
                        Outcome::Unknown(Uncertainty::SessionExpired)
                    }
                    WriteVerdict::OutsideWindow => Outcome::Refused(Refusal::SessionWindow),
                };
                if let Some(ticket) = self.writes.on_judged(id) {
                    out.replies.push((ticket, outcome));
                }
            }
            Effect::Malformed => {
                self.counters.malformed_entries += 1;
                let detail = format!("entry {index} of term {term} can't be decoded");
                self.on_violation("entries are well-formed", detail, out);
            }
        }
    }

    fn answer(&self, applied: &Applied) -> Outcome {
        let header = Header {
            revision: applied.revision,
            term: self.protocol.term(),
        };
        match &applied.result {
            Ok(response) => Outcome::Done(header, Reply::Written(response.clone())),
            Err(error) => Outcome::Refused(Refusal::Store(*error)),
        }
    }

    fn serve_reads(&mut self, out: &mut Actions<P>) {
        while let Some(reads) = self.reads.servable(self.machine.index()) {
            for Read {
                ticket, request, ..
            } in reads
            {
                out.replies.push((ticket, self.read(&request)));
            }
        }
    }

    /// Reads the local state.
    fn read(&self, request: &Request) -> Outcome {
        let store = self.machine.store();
        let reply = match request {
            Request::Range { request, .. } => store.range(request).map(Reply::Range),
            Request::ReadTxn { txn, .. } => store.read_txn(txn).map(Reply::Txn),
            _ => Ok(Reply::Ok),
        };
        match reply {
            Ok(reply) => Outcome::Done(self.header(), reply),
            Err(error) => Outcome::Refused(Refusal::Store(error)),
        }
    }

    fn on_sweep(&mut self, now: Time, out: &mut Actions<P>) {
        out.timers
            .push((Timer::Sweep, Some((self.config.sweep, self.config.sweep))));
        let mut tell = |ticket, outcome| out.replies.push((ticket, outcome));
        let late = self.writes.expire(now, &mut tell) + self.reads.expire(now, &mut tell);
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
        if self.sweeps == 0
            && let Some((index, digest)) = self.audit.latest()
            && !self.gate.failed()
        {
            let members = self.protocol.configuration().members();
            for peer in members.into_iter().filter(|peer| *peer != self.me) {
                out.sends
                    .push((peer, PeerMessage::Digest { index, digest }));
            }
        }
    }

    fn on_divergence(&mut self, found: crate::audit::Divergence, out: &mut Actions<P>) {
        let crate::audit::Divergence {
            peer,
            index,
            mine,
            theirs,
        } = found;
        let detail = format!(
            "at index {index} the state's digest is {mine:016x} here and {theirs:016x} at {peer}"
        );
        self.on_violation("state-machine safety", detail, out);
    }

    fn on_violation(&mut self, property: &'static str, detail: String, out: &mut Actions<P>) {
        self.counters.violations += 1;
        out.notices.push(Notice::Violation { property, detail });
    }

    fn leads(&self) -> bool {
        self.protocol.role() == Role::Leader
    }

    fn header(&self) -> Header {
        Header {
            revision: self.machine.store().revision(),
            term: self.protocol.term(),
        }
    }

    /// Requests in flight here.
    pub fn in_flight(&self) -> usize {
        self.writes.len() + self.reads.len()
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
            counters: self.counters,
        }
    }
}
