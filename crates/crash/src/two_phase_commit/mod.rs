//! Two-phase commit (Gray: Notes on Data Base Operating Systems, 1978, §5.8.3.3), with the
//! cooperative termination of Bernstein, Hadzilacos and Goodman (Concurrency Control and Recovery in
//! Database Systems, 1987, §7.4).
//!
//! The coordinator asks all for their votes. If all are yes it writes *commit* to its disk, else
//! *abort*; then it tells all. A participant that votes no aborts at once. One that votes yes writes
//! that down first, and from then on it may not decide by itself: it asks the others until one of
//! them knows. One that has not voted yet votes no when it is asked, so the question has an answer.
//! A coordinator that comes back without a decision on its disk has sent none. It aborts when a
//! participant asks (presumed abort: Mohan, Lindsay, Obermarck 1986), or begins anew if the layer above
//! asks for that first: votes on disk stand.
//!
//! What it never does: commit if one voted no, undo a decision, elect another coordinator. While the
//! coordinator is down, participants that have all voted yes wait for it: it blocks (Skeen 1981).
//!
//! It stands on: nodes that crash and recover with their disk; links that lose, repeat and reorder
//! messages and do not forge them. It is safe without any bound on time, and ends once all nodes are
//! up and hear each other.
//!
//! Where to start: [`Message`], then `coordinator`, `participant`. A node keeps one vote and one
//! decision, so nothing grows.

mod config;
mod coordinator;
mod message;
mod participant;

pub use config::{Config, VoteRule};
pub use message::{AskAgain, Eager, Hard, Message, Record};

use crate::commit_outcome::{CastVote, CommitOutcome};
use quorate_core::{Effects, Input, Journaled, NodeId, NodeSet, Protocol, Time, To};

/// What it assumes, as the catalogue declares it.
pub const PROTOCOL: quorate_contract::ProtocolName = quorate_contract::ProtocolName::TwoPhaseCommit;

/// One node: a participant, and node 0 the coordinator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TwoPhaseCommit {
    config: Config,
    me: NodeId,
    hard: Journaled<Hard>,
    /// The vote that this node was asked to cast since it started.
    own: Option<bool>,
    /// The coordinator has asked for this node's vote.
    asked: bool,
    /// Who has voted yes, as the coordinator has heard since it started.
    yes: NodeSet,
    /// Fruitless questions in a row.
    attempts: u32,
    /// How it ended, as far as this node knows.
    outcome: Option<CommitOutcome>,
    violation: Option<&'static str>,
}

impl Protocol for TwoPhaseCommit {
    type Config = Config;
    type Hard = Hard;
    type Message = Message;
    type Eager = Eager;
    type Timer = AskAgain;
    type Request = CastVote;
    type Output = CommitOutcome;
    type EagerOutput = CommitOutcome;

    fn recover(config: &Config, me: NodeId, hard: Journaled<Hard>) -> Self {
        let refused = (hard.vote == Some(false)).then_some(CommitOutcome::Abort);
        Self {
            config: config.clone(),
            me,
            own: None,
            asked: false,
            yes: NodeSet::EMPTY,
            attempts: 0,
            outcome: hard.outcome.or(refused),
            violation: None,
            hard,
        }
    }

    fn step(&mut self, _now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => self.on_start(out),
            Input::Message(from, message) => self.on_message(from, message, out),
            Input::Timer(AskAgain) if self.outcome.is_some() => {}
            Input::Timer(AskAgain) if self.coordinates() => self.ask_for_votes_again(out),
            Input::Timer(AskAgain) => self.wait_no_longer(out),
            Input::Request(vote) => self.on_request(vote, out),
            Input::Coin { .. } => {}
        }
    }

    fn check_invariants(&self) -> Result<(), String> {
        let commits = self.outcome == Some(CommitOutcome::Commit);
        let rules = [
            (self.violation.is_none(), self.violation.unwrap_or_default()),
            (
                !commits || self.hard.vote != Some(false),
                "a participant that voted no does not commit",
            ),
            (
                !self.coordinates() || self.outcome == self.hard.outcome,
                "what the coordinator decides is on its disk",
            ),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            None => Ok(()),
            Some((_, rule)) => Err(format!("{rule} ({:?}, {:?})", self.hard, self.outcome)),
        }
    }
}

impl TwoPhaseCommit {
    /// How it ended, as far as this node knows.
    pub fn outcome(&self) -> Option<CommitOutcome> {
        self.outcome
    }

    /// All that survives a crash.
    pub fn hard(&self) -> &Hard {
        &self.hard
    }

    /// Has this node given up its right to abort, and does not know how it ended?
    pub fn is_in_doubt(&self) -> bool {
        self.hard.vote == Some(true) && self.outcome.is_none()
    }

    fn coordinates(&self) -> bool {
        self.me == NodeId(0)
    }

    fn peers(&self) -> impl Iterator<Item = NodeId> + use<> {
        let me = self.me;
        NodeId::all(self.config.nodes).filter(move |node| *node != me)
    }

    fn on_start(&mut self, out: &mut Effects<Self>) {
        if let Some(outcome) = self.outcome {
            out.output(outcome);
        } else if self.is_in_doubt() {
            self.ask_how_it_ended(out);
        }
    }

    fn on_request(&mut self, vote: CastVote, out: &mut Effects<Self>) {
        if let Some(outcome) = self.outcome {
            return out.output(outcome);
        }
        if self.own.is_some() {
            return; // a vote is given once
        }
        self.own = Some(vote.yes);
        match self.coordinates() {
            true => self.begin(vote.yes, out),
            false => self.ready(vote.yes, out),
        }
    }

    fn on_message(&mut self, from: NodeId, message: Message, out: &mut Effects<Self>) {
        if from.0 >= self.config.nodes.into() {
            return;
        }
        match message {
            Message::Prepare if from == NodeId(0) && !self.coordinates() => self.on_prepare(out),
            Message::Vote { yes } if self.coordinates() => self.on_vote(from, yes, out),
            Message::Ask => self.on_ask(from, out),
            Message::Outcome(outcome) => self.on_outcome(outcome, out),
            Message::Prepare | Message::Vote { .. } => {}
        }
    }

    /// How did it end? An answer waits for the disk, where it may just have been written.
    fn on_ask(&mut self, from: NodeId, out: &mut Effects<Self>) {
        if self.outcome.is_none() {
            match self.coordinates() {
                // Presumed abort: no decision on disk, and none under way since the start.
                true if self.own.is_none() => return self.decide(CommitOutcome::Abort, out),
                false if self.hard.vote.is_none() => self.vote(false, out),
                _ => return,
            }
        }
        if let Some(outcome) = self.outcome {
            out.send(To::One(from), Message::Outcome(outcome));
        }
    }

    fn on_outcome(&mut self, outcome: CommitOutcome, out: &mut Effects<Self>) {
        match self.outcome {
            Some(known) if known != outcome => {
                self.violation = Some("agreement: one has committed and another one has aborted");
            }
            Some(_) => {}
            None if self.coordinates() => {} // it never asks: it is told by votes
            None => {
                self.outcome = Some(outcome);
                out.disarm(AskAgain);
                out.output_eager(outcome);
            }
        }
    }
}
