//! Paxos Commit (Gray and Lamport: Consensus on Transaction Commit, 2006): two-phase commit whose
//! decision does not depend on one node.
//!
//! Each participant's vote is an instance of Paxos, and every node is an acceptor of all instances.
//! Under the first number a participant proposes its own vote, and no other node proposes for it.
//! They commit if a yes is chosen in every instance, else they abort. In the usual run that is two
//! message delays to the leader, as many as two-phase commit takes. If the outcome is not told in
//! time, any node takes over with a greater number for all instances: it asks a majority what was
//! accepted, proposes that, and no for each participant of whose vote it has not heard.
//!
//! What it never does: commit if one voted no, decide by a timeout, wait for one particular node. A
//! takeover may abort what would have been committed a moment later.
//!
//! It stands on: nodes that crash and recover with their disk, links that lose, repeat and reorder
//! messages but do not forge them. Safety needs no timing; an outcome is reached once a majority is
//! up and messages arrive within the timeout.
//!
//! Where to start: [`Message`], then `acceptor`, `leader`. A node keeps one vote for each
//! participant, so nothing grows. It is [`paxos`](crate::paxos) for a vector of votes; the house lets
//! no protocol use another one's parts, so that each can be read, and broken, alone.

mod acceptor;
mod config;
mod leader;
mod message;

pub use config::{Config, TakeoverRule};
pub use message::{AcceptedVotes, Ballot, Eager, Hard, Message, Record, Untold};

use crate::commit_outcome::{CastVote, CommitOutcome};
use leader::Takeover;
use quorate_core::{Effects, Input, Journaled, NodeId, NodeSet, Protocol, Time, To};

/// What it assumes, as the catalogue declares it.
pub const PROTOCOL: quorate_contract::ProtocolName = quorate_contract::ProtocolName::PaxosCommit;

/// One node: participant, acceptor and, if need be, leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PaxosCommit {
    config: Config,
    me: NodeId,
    hard: Journaled<Hard>,
    /// Whose yes has come under the first number, accepted or not.
    heard: NodeSet,
    /// Who has accepted all votes under the first number; node 0 counts them.
    first: NodeSet,
    round: Option<Takeover>,
    /// The greatest number heard of.
    seen: Ballot,
    /// Fruitless attempts in a row.
    attempts: u32,
    /// How it ended, as far as this node knows.
    outcome: Option<CommitOutcome>,
    violation: Option<&'static str>,
}

impl Protocol for PaxosCommit {
    type Config = Config;
    type Hard = Hard;
    type Message = Message;
    type Eager = Eager;
    type Timer = Untold;
    type Request = CastVote;
    type Output = CommitOutcome;
    type EagerOutput = CommitOutcome;

    fn recover(config: &Config, me: NodeId, hard: Journaled<Hard>) -> Self {
        let first = hard.accepted.ballot == Ballot::FIRST;
        let refused = first && hard.accepted.heard.contains(me);
        let refused = refused && !hard.accepted.prepared.contains(me);
        Self {
            config: config.clone(),
            me,
            heard: match first {
                true => hard.accepted.prepared,
                false => NodeSet::EMPTY,
            },
            first: NodeSet::EMPTY,
            round: None,
            seen: hard.promised,
            attempts: 0,
            outcome: refused.then_some(CommitOutcome::Abort),
            violation: None,
            hard,
        }
    }

    fn step(&mut self, _now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => match self.outcome {
                Some(outcome) => out.output(outcome),
                None => self.arm(out),
            },
            Input::Message(from, message) => self.on_message(from, message, out),
            Input::Timer(Untold) => self.on_untold(out),
            Input::Request(vote) => self.on_request(vote, out),
            Input::Coin { .. } => {} // the draw of timeouts is the driver's
        }
    }

    fn check_invariants(&self) -> Result<(), String> {
        let hard = &self.hard;
        let rules = [
            (self.violation.is_none(), self.violation.unwrap_or_default()),
            (
                hard.accepted.ballot <= hard.promised,
                "what is accepted is promised (P2b)",
            ),
            (
                self.round.as_ref().is_none_or(|round| {
                    round.ballot.node == self.me && round.ballot <= hard.promised
                }),
                "a leader's number is its own and on its disk",
            ),
            (
                self.outcome.is_none() || self.round.is_none(),
                "a node that knows the outcome proposes nothing",
            ),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            None => Ok(()),
            Some((_, rule)) => Err(format!("{rule} ({hard:?}, {:?})", self.round)),
        }
    }
}

impl PaxosCommit {
    /// How it ended, as far as this node knows.
    pub fn outcome(&self) -> Option<CommitOutcome> {
        self.outcome
    }

    /// All that survives a crash.
    pub fn hard(&self) -> &Hard {
        &self.hard
    }

    fn peers(&self) -> impl Iterator<Item = NodeId> + use<> {
        let me = self.me;
        NodeId::all(self.config.nodes).filter(move |node| *node != me)
    }

    fn arm(&self, out: &mut Effects<Self>) {
        let factor = 1 << self.attempts.min(self.config.max_doublings);
        let (min, max) = (self.config.retry_min, self.config.retry_max);
        out.arm(Untold, min * factor, max * factor);
    }

    /// Has this node voted, as its disk knows?
    fn voted(&self) -> bool {
        self.hard.accepted.heard.contains(self.me)
    }

    /// Has this node heard of the transaction?
    fn takes_part(&self) -> bool {
        self.voted() || !self.heard.is_empty() || self.hard.promised > Ballot::FIRST
    }

    fn on_request(&mut self, vote: CastVote, out: &mut Effects<Self>) {
        if let Some(outcome) = self.outcome {
            return out.output(outcome);
        }
        if self.hard.promised > Ballot::FIRST {
            return; // the votes are over, and another number decides
        }
        self.arm(out);
        match self.voted() {
            // Before a crash; perhaps it was not sent to all.
            true => self.send_vote(self.hard.accepted.prepared.contains(self.me), out),
            false => self.cast(vote.yes, out),
        }
    }

    fn on_message(&mut self, from: NodeId, message: Message, out: &mut Effects<Self>) {
        if from.0 >= self.config.nodes.into() {
            return;
        }
        if let Some(outcome) = self.outcome
            && matches!(
                message,
                Message::Prepare { .. } | Message::Accept { .. } | Message::Ask
            )
        {
            // It waits for the disk, where a vote for no may just have been written.
            return out.send(To::One(from), Message::Outcome(outcome));
        }
        match message {
            Message::Vote { yes } => self.on_vote(from, yes, out),
            Message::Prepare { ballot } => self.on_prepare(from, ballot, out),
            Message::Promise { ballot, accepted } => self.on_promise(from, ballot, accepted, out),
            Message::Accept { ballot, prepared } => self.on_accept(from, ballot, prepared, out),
            Message::Accepted { ballot } => self.on_accepted(from, ballot, out),
            Message::Rejected { promised } => self.on_rejected(promised, out),
            Message::Outcome(outcome) => self.end(outcome, out),
            Message::Ask => {}
        }
    }

    fn end(&mut self, outcome: CommitOutcome, out: &mut Effects<Self>) {
        match self.outcome {
            Some(known) if known != outcome => {
                self.violation = Some("agreement: one has committed and another one has aborted");
            }
            Some(_) => {}
            None => {
                self.round = None;
                self.outcome = Some(outcome);
                out.disarm(Untold);
                out.output_eager(outcome);
            }
        }
    }
}
