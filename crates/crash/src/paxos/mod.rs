//! Single-decree Paxos: one value is chosen, once (Lamport: Paxos Made Simple, 2001; sections are
//! of that paper).
//!
//! What it does: any node may propose; what is not answered is sent again, with patience that
//! doubles and is drawn anew, so that fair-loss links are enough and rivals come apart.
//!
//! What it never does: choose a second value, read a clock, know what a value means.
//!
//! It stands on: nodes that crash and recover with their disk, links that lose, repeat and
//! reorder messages but do not forge them. Safety needs no timing at all; a value is chosen once
//! a quorum is up and messages arrive within the patience.
//!
//! Where to start: [`Message`] and the reasons why some of it need not wait for the disk; then
//! `proposer`, `acceptor`. One value is chosen, so nothing grows: a node holds one proposal of its
//! own, and refuses more ([`Output::Busy`]).

mod acceptor;
mod config;
mod message;
mod proposer;

pub use config::Config;
pub use message::{Ballot, Eager, Hard, Message, Output, Propose, Record, Retry, Vote};

use bytes::Bytes;
use proposer::Round;
use quorate_core::{Effects, Input, Journaled, NodeId, Protocol, Time, To};

/// What it assumes, as the catalogue declares it.
pub const PROTOCOL: quorate_contract::ProtocolName = quorate_contract::ProtocolName::Paxos;

/// One node: proposer, acceptor and learner.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Paxos {
    config: Config,
    me: NodeId,
    hard: Journaled<Hard>,
    /// What this node would have chosen.
    wish: Option<Bytes>,
    round: Option<Round>,
    /// The greatest number heard of.
    seen: Ballot,
    /// Fruitless attempts in a row.
    attempts: u32,
    decided: Option<Bytes>,
    violation: Option<&'static str>,
}

impl Protocol for Paxos {
    type Config = Config;
    type Hard = Hard;
    type Message = Message;
    type Eager = Eager;
    type Timer = Retry;
    type Request = Propose;
    type Output = Output;
    type EagerOutput = Output;

    fn recover(config: &Config, me: NodeId, hard: Journaled<Hard>) -> Self {
        Self {
            config: config.clone(),
            me,
            wish: None,
            round: None,
            seen: hard.promised,
            attempts: 0,
            decided: None,
            violation: None,
            hard,
        }
    }

    fn step(&mut self, _now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => self.arm(out),
            Input::Message(from, message) => self.on_message(from, message, out),
            Input::Timer(Retry) => self.on_retry(out),
            Input::Request(Propose(value)) => self.on_wish(value, out),
            Input::Coin { .. } => {} // the draw of patience is the driver's
        }
    }

    fn check_invariants(&self) -> Result<(), String> {
        let hard = &self.hard;
        let accepted = hard.accepted.as_ref().map(|vote| vote.ballot);
        let rules = [
            (self.violation.is_none(), self.violation.unwrap_or_default()),
            (
                accepted <= Some(hard.promised),
                "what is accepted is promised (P2b)",
            ),
            (
                self.round.as_ref().is_none_or(|round| {
                    round.ballot.node == self.me && round.ballot <= hard.promised
                }),
                "a proposer's number is its own and on its disk",
            ),
            (
                self.decided.is_none() || self.round.is_none(),
                "who knows what is chosen proposes nothing",
            ),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            None => Ok(()),
            Some((_, rule)) => Err(format!("{rule} ({hard:?}, {:?})", self.round)),
        }
    }
}

impl Paxos {
    /// What is chosen, as far as this node knows.
    pub fn decided(&self) -> Option<&Bytes> {
        self.decided.as_ref()
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
        out.arm(Retry, min * factor, max * factor);
    }

    fn on_message(&mut self, from: NodeId, message: Message, out: &mut Effects<Self>) {
        if from.0 >= self.config.nodes.into() {
            return;
        }
        if let Some(value) = &self.decided
            && matches!(
                message,
                Message::Prepare { .. } | Message::Accept(_) | Message::Ask
            )
        {
            // A proposer that still asks has not learnt the decision (§2.3).
            let value = value.clone();
            return out.send_eager(To::One(from), Eager::Decided { value });
        }
        match message {
            Message::Prepare { ballot } => self.on_prepare(from, ballot, out),
            Message::Promise { ballot, accepted } => self.on_promise(from, ballot, accepted, out),
            Message::Accept(vote) => self.on_accept(from, vote, out),
            Message::Accepted { ballot } => self.on_accepted(from, ballot, out),
            Message::Rejected { promised } => self.on_rejected(promised, out),
            Message::Decided { value } => self.decide(value, out),
            Message::Ask => {}
        }
    }

    fn decide(&mut self, value: Bytes, out: &mut Effects<Self>) {
        match &self.decided {
            Some(known) if *known != value => {
                self.violation = Some("agreement: two values are chosen");
            }
            Some(_) => {}
            None => {
                self.round = None;
                self.wish = None;
                self.decided = Some(value.clone());
                out.disarm(Retry);
                out.output_eager(Output::Decided { value });
            }
        }
    }
}
