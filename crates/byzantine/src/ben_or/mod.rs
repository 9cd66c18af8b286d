//! Ben-Or's randomized consensus on one bit (Ben-Or 1983): Protocol A for crashes (`n > 2f`) and
//! Protocol B for liars (`n > 5f`).
//!
//! All honest nodes that decide, decide the same bit, and one that an honest node began with. With
//! probability 1 they all decide, under any scheduler: what FLP denies to deterministic protocols.
//!
//! It stands on: links that tell who sent and lose nothing, and coins, asked for as an effect.
//! Nothing about time; nothing is signed.
//!
//! One thing is added to the paper, which lets decided nodes go on without end: a decided node says
//! so, once, and that stands for its votes in all later rounds.

mod message;
mod tally;

pub use message::{Hard, Message, Record, RoundVotes, WINDOW};

use quorate_core::{Coin, Effects, Input, Journaled, Never, NodeId, Protocol, Time, To};
use tally::RoundTally;

/// Its entry in the catalogue.
pub const PROTOCOL: quorate_contract::ProtocolName = quorate_contract::ProtocolName::BenOr;

/// What may be wrong with the faulty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Faults {
    /// They fall silent: Protocol A.
    Crash,
    /// They lie: Protocol B.
    Byzantine,
}

/// What is fixed for the life of a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// `n`.
    pub nodes: u8,
    /// `f`.
    pub faulty: u8,
    /// What may be wrong with them.
    pub faults: Faults,
    /// Whose coin: each node's own, as in the paper, or a common one (Rabin 1983), with which the
    /// expected number of rounds is constant.
    pub coin: Coin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    /// Waits for its own value.
    Idle,
    /// Waits for `n - f` reports.
    Reporting,
    /// Waits for `n - f` proposals.
    Proposing,
    /// Waits for the coin.
    Flipping,
    Decided,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BenOr {
    config: Config,
    hard: Journaled<Hard>,
    round: u64,
    step: Step,
    tally: RoundTally,
}

impl Protocol for BenOr {
    type Config = Config;
    type Hard = Hard;
    type Message = Message;
    type Eager = Never;
    type Timer = ();
    /// The bit to begin with; the first counts.
    type Request = bool;
    /// The decision. Said again after a restart.
    type Output = bool;
    type EagerOutput = bool;

    fn recover(config: &Config, _me: NodeId, hard: Journaled<Hard>) -> Self {
        let step = match (hard.decided, hard.votes.last_key_value()) {
            (Some(_), _) => Step::Decided,
            (None, None) => Step::Idle,
            (None, Some((_, said))) if said.proposal.is_some() => Step::Proposing,
            (None, Some(_)) => Step::Reporting,
        };
        Self {
            config: config.clone(),
            round: hard.round(),
            hard,
            step,
            tally: RoundTally::default(),
        }
    }

    fn step(&mut self, _now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => self.on_start(out),
            Input::Request(value) if self.step == Step::Idle => self.begin_round(value, out),
            Input::Message(from, message) if from.0 < self.config.nodes.into() => {
                self.on_message(from, message, out);
            }
            Input::Coin { tag, value } => self.on_coin(tag, value, out),
            Input::Request(_) | Input::Message(..) | Input::Timer(()) => {}
        }
    }

    fn check_invariants(&self) -> Result<(), String> {
        if let Some(flaw) = self.hard.flaw {
            return Err(flaw.to_owned());
        }
        if (self.step == Step::Decided) != self.hard.decided.is_some() {
            return Err("who has decided has written it down".to_owned());
        }
        Ok(())
    }
}

impl BenOr {
    /// The decision.
    pub fn decided(&self) -> Option<bool> {
        self.hard.decided
    }

    /// The round that this node is in, from 1.
    pub fn round(&self) -> u64 {
        self.round
    }

    fn on_start(&mut self, out: &mut Effects<Self>) {
        if *self.hard != Hard::default() {
            self.repeat(To::All, out);
            out.send(To::All, Message::Again);
        }
        if let Some(value) = self.hard.decided {
            out.output(value);
        }
    }

    fn repeat(&self, to: To, out: &mut Effects<Self>) {
        for (&round, said) in &self.hard.votes {
            let value = said.report;
            out.send(to, Message::Report { round, value });
            if let Some(value) = said.proposal {
                out.send(to, Message::Proposal { round, value });
            }
        }
        if let Some(value) = self.hard.decided {
            out.send(to, Message::Decided(value));
        }
    }

    fn begin_round(&mut self, value: bool, out: &mut Effects<Self>) {
        self.round += 1;
        self.step = Step::Reporting;
        self.tally.forget_before(self.round);
        let round = self.round;
        self.hard.write(Record::Report { round, value }, out);
        out.send(To::All, Message::Report { round, value });
    }

    fn on_message(&mut self, from: NodeId, message: Message, out: &mut Effects<Self>) {
        // Beyond the window is ignored: a node that far ahead does without this one, and its
        // decision will come.
        let near = |round| round >= self.round.max(1) && round - self.round <= WINDOW;
        match message {
            Message::Report { round, value } if near(round) => {
                self.tally.report(from, round, value);
            }
            Message::Proposal { round, value } if near(round) => {
                self.tally.proposal(from, round, value);
            }
            Message::Report { .. } | Message::Proposal { .. } => return,
            Message::Decided(value) => {
                self.tally.decided(from, value);
                let needed = match self.config.faults {
                    Faults::Crash => 1,
                    Faults::Byzantine => usize::from(self.config.faulty) + 1,
                };
                if self.tally.decisions(value) >= needed {
                    self.decide(value, out);
                }
            }
            Message::Again => return self.repeat(To::One(from), out),
        }
        self.advance(out);
    }

    /// Takes the steps that the votes allow. (`out` brings the next inputs: no loop is needed,
    /// except that votes for later steps may be in already.)
    fn advance(&mut self, out: &mut Effects<Self>) {
        let needed = usize::from(self.config.nodes - self.config.faulty);
        if self.step == Step::Reporting && self.tally.reports_in(self.round) >= needed {
            self.propose(out);
        }
        if self.step == Step::Proposing && self.tally.proposals_in(self.round) >= needed {
            self.conclude(out);
        }
    }

    /// Step 2: of two values at most one has such a majority, among the honest ones' reports.
    fn propose(&mut self, out: &mut Effects<Self>) {
        let (n, f) = (
            usize::from(self.config.nodes),
            usize::from(self.config.faulty),
        );
        let round = self.round;
        let over = match self.config.faults {
            Faults::Crash => n,
            Faults::Byzantine => n + f,
        };
        let value = [false, true]
            .into_iter()
            .find(|value| 2 * self.tally.reports(round, *value) > over);
        self.step = Step::Proposing;
        self.hard.write(Record::Proposal { round, value }, out);
        out.send(To::All, Message::Proposal { round, value });
    }

    /// Step 3.
    fn conclude(&mut self, out: &mut Effects<Self>) {
        let (n, f) = (
            usize::from(self.config.nodes),
            usize::from(self.config.faulty),
        );
        let count = |value| self.tally.proposals(self.round, value);
        let value = count(true) > count(false);
        // To adopt: an honest node proposed it. To decide: everybody else will adopt it.
        let (adopt, decide) = match self.config.faults {
            Faults::Crash => (count(value) > 0, count(value) > f),
            Faults::Byzantine => (count(value) > f, 2 * count(value) > n + f),
        };
        if decide {
            self.decide(value, out);
        } else if adopt {
            self.begin_round(value, out);
            self.advance(out);
        } else {
            self.step = Step::Flipping;
            out.flip(self.config.coin, self.round);
        }
    }

    fn on_coin(&mut self, tag: u64, value: u64, out: &mut Effects<Self>) {
        if self.step == Step::Flipping && tag == self.round {
            self.begin_round(value & 1 == 1, out);
            self.advance(out);
        }
    }

    fn decide(&mut self, value: bool, out: &mut Effects<Self>) {
        if self.hard.decided.is_none() {
            self.step = Step::Decided;
            self.hard.write(Record::Decided(value), out);
            out.send(To::All, Message::Decided(value));
            out.output(value);
        }
    }
}
