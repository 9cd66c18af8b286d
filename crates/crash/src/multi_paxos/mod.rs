//! Multi-Paxos: a log of values, one instance of Paxos for each slot, phase 1 once for all of them
//! (Lamport: The Part-Time Parliament, 1998; Paxos Made Simple, 2001, §3; sections are of the
//! latter).
//!
//! What it does: a leader with a ballot; many slots under way at once; gaps that an earlier leader
//! left are filled with no-ops; what is not answered is sent again, so that fair-loss links are
//! enough; who has missed something fetches what is chosen.
//!
//! What it never does: shorten its log, change its membership, serve reads, know what a value
//! means. It runs in the lab beside [`raft`](crate::raft), to be compared; Raft serves.
//!
//! It stands on: nodes that crash and recover with their disk, links that lose, repeat and
//! reorder messages but do not forge them. Safety needs no timing at all. Progress needs elections
//! that are quicker than the election timeout: a known bound, or one that is learned.
//!
//! Where to start: [`Message`] and the reasons why some of it need not wait for the disk; then
//! `candidate` (phase 1), `leader` (phase 2), `acceptor`, `learner`; and `adaptive_timeout`, how long they
//! wait.
//!
//! # Bounds
//!
//! | what | bound | beyond it |
//! |---|---|---|
//! | slots under way | `window` | [`Refusal::Busy`] |
//! | slots in a message or record | `batch` | several messages |
//! | the log | `max_slots` | [`Refusal::Full`] |

mod acceptor;
mod adaptive_timeout;
mod candidate;
mod config;
mod hard;
mod leader;
mod learner;
mod message;

pub use config::Config;
pub use hard::{Ballot, Hard, Record, Vote};
pub use message::{Eager, Message, Output, Propose, Refusal, Timer};

use adaptive_timeout::AdaptiveTimeout;
use bytes::Bytes;
use candidate::Candidate;
use leader::Leader;
use quorate_core::{Effects, Input, Journaled, NodeId, Protocol, Time, To};

/// What it assumes, as the catalogue declares it.
pub const PROTOCOL: quorate_contract::ProtocolName = quorate_contract::ProtocolName::MultiPaxos;

/// One node: proposer, acceptor and learner.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MultiPaxos {
    config: Config,
    me: NodeId,
    hard: Journaled<Hard>,
    role: Role,
    /// Who was heard last to lead.
    leader: Option<NodeId>,
    /// The greatest number heard of.
    seen: Ballot,
    /// All slots up to this one are chosen, and said so to the layer above.
    chosen: u64,
    adaptive_timeout: AdaptiveTimeout,
    violation: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Role {
    Follower,
    Candidate(Candidate),
    Leader(Leader),
}

impl Protocol for MultiPaxos {
    type Config = Config;
    type Hard = Hard;
    type Message = Message;
    type Eager = Eager;
    type Timer = Timer;
    type Request = Propose;
    type Output = Output;
    type EagerOutput = Output;

    fn recover(config: &Config, me: NodeId, hard: Journaled<Hard>) -> Self {
        Self {
            config: config.clone(),
            me,
            role: Role::Follower,
            leader: None,
            seen: hard.promised,
            chosen: 0,
            adaptive_timeout: AdaptiveTimeout::FIRST,
            violation: None,
            hard,
        }
    }

    fn step(&mut self, _now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => {
                self.choose_through(self.hard.through(), out);
                self.arm_election(out);
            }
            Input::Message(from, message) => self.on_message(from, message, out),
            Input::Request(Propose(value)) => self.on_propose(value, out),
            Input::Timer(Timer::Election) => self.on_election_timeout(out),
            Input::Timer(Timer::Beat) => self.on_beat(out),
            Input::Coin { .. } => {} // the driver draws timeouts
        }
    }

    fn flush(&mut self, _now: Time, out: &mut Effects<Self>) {
        self.send_proposals(out);
    }

    fn check_invariants(&self) -> Result<(), String> {
        let hard = &self.hard;
        let own = |ballot: Ballot| ballot.node == self.me && ballot == hard.promised;
        let rules = [
            (self.violation.is_none(), self.violation.unwrap_or_default()),
            (
                hard.votes
                    .last_key_value()
                    .is_none_or(|(_, vote)| vote.ballot <= hard.promised),
                "what is accepted is promised (P2b)",
            ),
            (
                hard.votes
                    .first_key_value()
                    .is_none_or(|(slot, _)| *slot > hard.through()),
                "what is chosen needs no vote",
            ),
            (
                self.chosen >= hard.through() || self.chosen == 0,
                "the layer above knows what the disk knows",
            ),
            (
                self.chosen == 0 || hard.value(self.chosen).is_some(),
                "what is chosen is here",
            ),
            (
                match &self.role {
                    Role::Follower => true,
                    Role::Candidate(candidate) => own(candidate.ballot),
                    Role::Leader(leader) => own(leader.ballot),
                },
                "a proposer's number is its own, on its disk, and the greatest it promised",
            ),
            (
                match &self.role {
                    Role::Leader(leader) => leader.under_way() <= self.config.window,
                    _ => true,
                },
                "what is under way is bounded",
            ),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            None => Ok(()),
            Some((_, rule)) => Err(format!(
                "{rule} ({}, promised {:?}, chosen {}, {:?})",
                self.me, hard.promised, self.chosen, self.role
            )),
        }
    }
}

impl MultiPaxos {
    /// Whether this node leads: it has a quorum's promises and has heard of no greater number.
    pub fn leads(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// Who was heard last to lead.
    pub fn leader(&self) -> Option<NodeId> {
        self.leader
    }

    /// All slots up to this one are chosen, as far as this node knows.
    pub fn chosen(&self) -> u64 {
        self.chosen
    }

    /// All that survives a crash.
    pub fn hard(&self) -> &Hard {
        &self.hard
    }

    fn peers(&self) -> impl Iterator<Item = NodeId> + use<> {
        let me = self.me;
        NodeId::all(self.config.nodes).filter(move |node| *node != me)
    }

    fn arm_election(&self, out: &mut Effects<Self>) {
        let (min, max) = self.adaptive_timeout.times(&self.config);
        out.arm(Timer::Election, min, max);
    }

    fn arm_beat(&self, out: &mut Effects<Self>) {
        out.arm(Timer::Beat, self.config.heartbeat, self.config.heartbeat);
    }

    fn on_message(&mut self, from: NodeId, message: Message, out: &mut Effects<Self>) {
        if from.0 >= self.config.nodes.into() {
            return;
        }
        match message {
            Message::Prepare { ballot, first } => self.on_prepare(from, ballot, first, out),
            Message::Promise {
                ballot,
                first,
                votes,
                more,
            } => self.on_promise(from, ballot, first, votes, more, out),
            Message::Accept {
                ballot,
                first,
                values,
                chosen,
            } => self.on_accept(from, ballot, first, values, chosen, out),
            Message::Accepted {
                ballot,
                first,
                last,
            } => self.on_accepted(from, ballot, first, last, out),
            Message::Rejected { promised } => self.on_rejected(promised, out),
            Message::Heartbeat { ballot, chosen } => self.on_heartbeat(from, ballot, chosen, out),
            Message::Fetch { first } => self.tell_chosen(from, first, out),
            Message::Chosen {
                first,
                values,
                through,
            } => self.on_chosen(from, first, values, through, out),
        }
    }

    fn on_beat(&mut self, out: &mut Effects<Self>) {
        match self.role {
            Role::Follower => return,
            Role::Candidate(_) => self.ask_again(out),
            Role::Leader(_) => self.repeat_proposals(out),
        }
        self.arm_beat(out);
    }

    /// A greater number than one's own is about: follow.
    fn step_down(&mut self, out: &mut Effects<Self>) {
        match std::mem::replace(&mut self.role, Role::Follower) {
            Role::Follower => return,
            Role::Candidate(_) => {}
            Role::Leader(_) => out.output_eager(Output::Leads(false)),
        }
        self.adaptive_timeout.on_defeat(&self.config, self.chosen);
        out.disarm(Timer::Beat);
        self.arm_election(out);
    }

    fn on_rejected(&mut self, promised: Ballot, out: &mut Effects<Self>) {
        self.seen = self.seen.max(promised);
        if promised > self.hard.promised {
            self.step_down(out);
        }
    }

    /// The values of `first..=last`, as far as they are here.
    fn values(&self, first: u64, last: u64) -> Vec<Bytes> {
        (first..=last)
            .map_while(|slot| self.hard.value(slot).cloned())
            .collect()
    }

    fn reject(&self, from: NodeId, out: &mut Effects<Self>) {
        let promised = self.hard.promised;
        out.send_eager(To::One(from), Eager::Rejected { promised });
    }
}
