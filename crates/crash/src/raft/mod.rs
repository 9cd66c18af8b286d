//! Raft (Ongaro and Ousterhout 2014; Ongaro's thesis), as one [`Protocol`].
//!
//! What it does: elections with pre-vote, check-quorum and stickiness; pipelined and batched
//! replication with flow control per follower and fast back-up; the leader's own write in parallel
//! with the followers'; linearizable reads at any node by read index; leadership transfer; log
//! compaction and chunked snapshots, both its own and the leader's, as records of the one log;
//! changes of membership by joint consensus.
//!
//! What it never does: read a clock, draw a random number, know what a command means, trust a disk
//! that has not answered.
//!
//! It stands on: nodes that crash and recover with their disk, links that lose, repeat and
//! reorder messages but do not forge them. Safety needs no timing at all. Progress needs elections
//! that are quicker than the election timeout: a known bound, or one that is learned
//! (`adaptive_timeout`).
//!
//! Where to start: [`Request`], [`Output`] and [`Timer`] are the face to the layer above,
//! [`message`] the talk between nodes and the reasons why some of it need not wait for the disk,
//! [`Hard`] and [`Record`] what is on disk. Then one file for each mechanism: `election`,
//! `adaptive_timeout`,
//! `replication` (the leader's side, with [`progress`](Progress) for each follower), `append`
//! (the follower's side), `read_index`, `transfer`, `checkpoint`, `install`, and `invariants`.
//!
//! # Bounds
//!
//! | what | bound | beyond it |
//! |---|---|---|
//! | uncommitted entries of a leader | `max_uncommitted_bytes` | [`Refusal::Busy`] |
//! | messages with entries under way to a follower | `max_inflight` | the follower waits |
//! | entries in a message or record | `max_batch_bytes`, or one entry | several messages |
//! | reads that wait | `max_reads` | [`Refusal::Busy`]; a follower's question is asked again |
//! | snapshot pieces under way to a follower | `max_snapshot_inflight` | the next waits for an acknowledgement |
//! | log kept for a transfer | `max_retained_entries`, `max_retained_bytes` | the transfer starts over |
//! | the log | none of its own | the layer above begins a [`Checkpoint`] |
//!
//! # Where others went wrong
//!
//! | mistake | here |
//! |---|---|
//! | a vote, or one's own vote, not on disk before it counts (nebula#3415) | [`Claim`]; `vote_persistence.txt` |
//! | a leader's term not on disk: it leads twice in it (KAFKA-10527) | `campaign` in `election` |
//! | votes counted twice, or from an old term (xraft#27, little-raft#44) | `Ballots`; the rule on terms in [`Raft`]'s step |
//! | pre-vote changes the vote (canonical/raft#196), or deadlocks (etcd#8501) | `on_pre_vote`; `pre_vote.txt` |
//! | an old term's entry committed by counting (figure 8) | `on_appended`; `figure_8.txt` |
//! | commit beyond what a message verifies (copycat#265) | `on_append`, `beat`; `tests/raft/directed.rs` |
//! | a deposed leader stamps its entries with the new term (camunda#5360) | `become_follower` |
//! | a read before the own term's first commit (etcd#7331, tikv#9239) | `start_round`; `read_index.txt` |
//! | an answer to a read of an earlier life | [`Ticket`]; `read_index.txt` |
//! | leadership handed to a stranger (consul#7031) | `on_transfer` |
//! | a hole in the log (ZOOKEEPER-4925) | `Log::append` takes no gap |
//! | a snapshot ahead of its index, or cut off durable entries | `begin_checkpoint`; [`Record::SnapshotTail`] |

mod accessors;
mod adaptive_timeout;
mod append;
mod canonical;
mod checkpoint;
mod config;
mod disk;
mod election;
mod hard;
mod install;
mod invariants;
mod log;
mod membership;
pub mod message;
mod progress;
mod read_index;
mod replication;
mod role;
mod rounds;
mod sending;
mod timer;
mod transfer;
mod vocabulary;

pub use config::{Config, election_max, max_timeout_factor};
pub use hard::{Hard, Record};
pub use log::Log;
pub use message::{Body, Claim, Eager, Message, Notice, Ticket};
pub use progress::{Mode, Progress, Sending};
pub use quorate_core::replicated::{
    Checkpoint, Configuration, Entries, Entry, Install, Output, Payload, Position, Refusal,
    Request, Role, SnapshotMeta, TermsFall,
};
pub use timer::Timer;

use adaptive_timeout::AdaptiveTimeout;
use checkpoint::Writing;
use config::Configured;
use install::Installing;
use quorate_core::{Effects, Ignored, Input, Journaled, NodeId, Protocol, Time, To};
use role::State;
use rounds::Forwarded;
use std::sync::Arc;

/// No term, index or size gets near this; a message which has one that is beyond is not believed.
const MAX: u64 = 1 << 62;

/// One node of a Raft cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Raft {
    config: Configured,
    me: NodeId,
    /// The configuration in force: the latest in the log, else the founding one.
    configuration: Arc<Configuration>,
    /// Whether this node is a voter, and a member, in it.
    voter: bool,
    member: bool,
    /// Whether this node is known to be no member any more, and never again.
    removed: bool,
    hard: Journaled<Hard>,
    state: State,
    /// The leader of the term, once it has been heard of.
    leader: Option<NodeId>,
    commit: u64,
    /// When the leader was last heard, and whether since the election timer was armed.
    heard: Time,
    heard_since_armed: bool,
    adaptive: AdaptiveTimeout,
    /// Since when the disk owes an answer.
    disk_owes: Option<Time>,
    /// Whether this start is durable ([`Claim::Booted`]).
    booted: bool,
    forwarded: Forwarded,
    /// What this burst's entries let this node acknowledge, to the leader of this term.
    acknowledge: Option<(NodeId, u64)>,
    install: Option<Installing>,
    writing: Option<Writing>,
    /// What the layer above was told last.
    announced: (Role, u64, Option<NodeId>),
    /// Something that cannot happen in the failure model has been seen.
    violation: Option<&'static str>,
}

impl Protocol for Raft {
    type Config = Config;
    type Hard = Hard;
    type Message = Message;
    type Eager = Eager;
    type Timer = Timer;
    type Request = Request;
    type Output = Output;
    type EagerOutput = Output;

    fn recover(config: &Config, me: NodeId, hard: Journaled<Hard>) -> Self {
        let configuration = hard.configuration().unwrap_or(&config.founding).clone();
        let voter = configuration.is_voter(me);
        let role = if voter { Role::Follower } else { Role::Learner };
        Self {
            config: Ignored(Arc::new(config.clone())),
            me,
            voter,
            member: configuration.is_member(me),
            removed: false,
            configuration,
            state: State::Follower,
            leader: None,
            commit: hard.log.snapshot().at.index,
            heard: Time::ZERO,
            heard_since_armed: false,
            adaptive: AdaptiveTimeout::first(hard.term),
            disk_owes: None,
            booted: false,
            forwarded: Forwarded::default(),
            acknowledge: None,
            install: None,
            writing: None,
            announced: (role, hard.term, None),
            violation: None,
            hard,
        }
    }

    fn step(&mut self, now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        if self.violation.is_some() {
            return;
        }
        match input {
            Input::Message(from, message) => self.on_message(now, from, message, out),
            Input::Request(request) => self.on_request(now, request, out),
            Input::Timer(Timer::Election) => self.on_election_timeout(now, out),
            Input::Timer(Timer::Heartbeat) => self.on_heartbeat_timeout(now, out),
            Input::Timer(Timer::Reads) => self.on_reads_timeout(out),
            Input::Start => self.on_start(out),
            Input::Coin { .. } => {} // Raft flips none
        }
        self.hard.tidy();
        self.violation = self.violation.or(self.hard.flaw());
        if self.violation.is_some() {
            self.stop(out);
        }
        self.announce(out);
    }

    fn flush(&mut self, now: Time, out: &mut Effects<Self>) {
        if self.violation.is_some() {
            return;
        }
        if let Some((leader, matched)) = self.acknowledge.take() {
            self.claim(leader, Claim::Appended { matched }, out);
        }
        self.forward_reads(out);
        if matches!(self.state, State::Leader(_)) {
            self.pursue_change(now, out);
            self.append_proposed(out);
            self.start_round(out);
            self.replicate(now, out);
        }
    }

    fn check_invariants(&self) -> Result<(), String> {
        invariants::check(self)
    }
}

impl Raft {
    fn claim(&self, to: NodeId, claim: Claim, out: &mut Effects<Self>) {
        let message = Message {
            term: self.hard.term,
            body: Body::Claim(claim),
        };
        out.send(To::One(to), message);
    }

    fn notice(&self, to: NodeId, notice: Notice, out: &mut Effects<Self>) {
        let term = self.hard.term;
        out.send_eager(To::One(to), Eager { term, notice });
    }

    fn on_start(&mut self, out: &mut Effects<Self>) {
        self.hard.write(Record::Boot, out);
        self.claim(self.me, Claim::Booted, out);
        self.arm_election(out);
        let me = self.me;
        if self.voter && self.is_quorum(|node| node == me) {
            self.campaign(false, out); // no other node can lead
        }
    }

    /// Something happened that cannot happen in the failure model. What this node says from now on
    /// could be wrong, so it says nothing more: the layer above stops it ([`Raft::violation`]).
    fn stop(&mut self, out: &mut Effects<Self>) {
        self.become_follower(None, out);
        out.disarm(Timer::Election);
        out.disarm(Timer::Reads);
    }

    fn on_request(&mut self, now: Time, request: Request, out: &mut Effects<Self>) {
        match request {
            Request::Propose(payload) => self.on_propose(payload, out),
            Request::Read(id) => self.on_read(id, out),
            Request::Transfer(to) => self.on_transfer(now, to, out),
            Request::Reconfigure(target) => self.on_reconfigure(*target, out),
            Request::Suspect(node) => self.on_suspect(node, out),
            Request::Checkpoint(step) => self.on_checkpoint(now, step, out),
            Request::SnapshotData {
                to,
                meta,
                offset,
                data,
                last,
            } => self.on_snapshot_data(to, meta, offset, data, last, out),
            Request::SnapshotGone { meta } => self.on_snapshot_gone(meta),
            Request::InstallChecked { id, good } => self.on_install_checked(id, good, out),
        }
    }

    fn on_message(&mut self, now: Time, from: NodeId, message: Message, out: &mut Effects<Self>) {
        let Message { term, body } = message;
        if term > MAX {
            return;
        }
        match body {
            // These stand outside the rule on terms: see there.
            Body::Claim(Claim::Booted | Claim::Synced) if from != self.me => {}
            Body::Claim(Claim::Booted) => self.booted = true,
            Body::Claim(Claim::Synced) => self.disk_owes = None,
            Body::Notice(Notice::Removed) => self.on_removed(from, out),
            Body::Notice(Notice::PreVote { last }) => {
                self.on_pre_vote(now, from, term, last, out);
            }
            Body::Claim(Claim::RequestVote { last, transfer }) => {
                self.on_request_vote(now, from, term, last, transfer, out);
            }
            body => {
                if term > self.hard.term {
                    self.write_ballot(term, None, out);
                    self.become_follower(None, out);
                }
                if term < self.hard.term && !matches!(body, Body::Notice(Notice::PreVoted { .. })) {
                    return self.on_stale(from, term, &body, out);
                }
                match body {
                    Body::Claim(claim) => self.on_claim(now, from, claim, out),
                    Body::Notice(notice) => self.on_notice(now, from, notice, out),
                }
            }
        }
    }

    /// A message of an older term: its sender learns the term if it believes that it leads.
    fn on_stale(&mut self, from: NodeId, term: u64, body: &Body, out: &mut Effects<Self>) {
        let prev = match body {
            Body::Notice(Notice::Append { prev, .. }) => prev.index,
            Body::Notice(Notice::Heartbeat { .. } | Notice::Snapshot { .. }) => 0,
            Body::Claim(Claim::Vote { granted: true }) => return self.on_late_vote(term),
            Body::Claim(Claim::Appended { .. }) | Body::Notice(Notice::HeartbeatAck { .. }) => {
                return self.on_late_answer(term);
            }
            _ => return,
        };
        self.on_late_leader(term);
        let hint = self.hard.log.last();
        self.claim(from, Claim::Rejected { prev, hint }, out);
    }

    fn on_claim(&mut self, now: Time, from: NodeId, claim: Claim, out: &mut Effects<Self>) {
        match claim {
            Claim::Vote { granted } => self.on_vote(from, granted, out),
            Claim::Appended { matched } => self.on_appended(from, matched, out),
            Claim::Rejected { prev, hint } => self.on_rejected(from, prev, hint),
            Claim::SnapshotAcked { at, offset } => {
                self.on_snapshot_acked(now, from, at, offset, out);
            }
            Claim::Booted | Claim::Synced | Claim::RequestVote { .. } => {} // handled before
        }
    }

    fn on_notice(&mut self, now: Time, from: NodeId, notice: Notice, out: &mut Effects<Self>) {
        match notice {
            Notice::Append {
                prev,
                entries,
                commit,
            } => {
                if self.hear_leader(now, from, out) {
                    self.on_append(from, prev, entries, commit, out);
                }
            }
            Notice::Commit { index } => {
                if self.hear_leader(now, from, out) {
                    self.commit_acknowledged(index, out);
                }
            }
            Notice::Heartbeat { commit, round } => {
                if self.hear_leader(now, from, out) {
                    self.commit_acknowledged(commit, out);
                    self.notice(from, Notice::HeartbeatAck { round }, out);
                }
            }
            Notice::Snapshot {
                meta,
                configuration,
                offset,
                data,
                last,
            } => {
                if self.hear_leader(now, from, out) {
                    let what = (meta, configuration);
                    self.on_snapshot(from, what, offset, data, last, out);
                }
            }
            Notice::HeartbeatAck { round } => self.on_heartbeat_ack(from, round, out),
            Notice::ReadIndex { ticket } => self.on_read_index(from, ticket),
            Notice::ReadIndexAnswer { ticket, index } => {
                self.on_read_index_answer(ticket, index, out);
            }
            Notice::PreVoted { next_term, granted } => {
                self.on_pre_voted(from, next_term, granted, out);
            }
            Notice::TimeoutNow => self.on_timeout_now(now, out),
            Notice::PreVote { .. } | Notice::Removed => {} // handled before
        }
    }

    /// Tells the layer above when role, term or leader changed.
    fn announce(&mut self, out: &mut Effects<Self>) {
        if !self.member {
            self.notice_removal(out);
        }
        let current = (self.role(), self.hard.term, self.leader);
        if current != self.announced {
            self.announced = current;
            let (role, term, leader) = current;
            out.output_eager(Output::RoleChanged { role, term, leader });
        }
    }

    /// Moves the commit index, and hands up what that decides.
    fn commit_to(&mut self, index: u64, out: &mut Effects<Self>) {
        while self.commit < index {
            let first = self.commit + 1;
            let entries = self.hard.log.piece(first, index);
            if entries.is_empty() {
                self.violation = Some("committed entries are missing from the log");
                return;
            }
            if let State::Leader(leader) = &mut self.state
                && first >= leader.opened_at
            {
                leader.uncommitted = leader.uncommitted.saturating_sub(entries.bytes());
            }
            self.commit += entries.len() as u64;
            out.output_eager(Output::Committed { first, entries });
        }
    }
}
