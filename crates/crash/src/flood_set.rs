//! FloodSet: consensus by `f + 1` synchronous rounds (Lynch: Distributed Algorithms, 1996, §6.2).
//!
//! In each round everybody sends everybody all values it knows of. Of `f + 1` rounds at least one
//! is without a crash; after that one all know the same, and stay so. Then everybody takes the
//! least value.
//!
//! What it never does: wait for an answer, count votes, keep anything on disk. A node that
//! restarts has missed its rounds and takes no part.
//!
//! It stands on: at most `f` nodes that crash, and do not come back; links that lose nothing;
//! every message within a round's length; all nodes proposing at the same moment. Without any one
//! of these its nodes may decide differently.
//!
//! Start reading at [`FloodSet`]. It holds at most one value for each node.

use bytes::Bytes;
use quorate_core::{Effects, Input, Journaled, Never, NodeId, NodeSet, Protocol, Time, To};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// What it assumes, as the catalogue declares it.
pub const PROTOCOL: quorate_contract::ProtocolName = quorate_contract::ProtocolName::FloodSet;

/// Cluster size, faults and the length of a round.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// How many nodes there are.
    pub nodes: u8,
    /// `f`: how many of them may crash. There are `f + 1` rounds.
    pub faults: u8,
    /// Longer than any message takes, and any two clocks are apart.
    pub round: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            nodes: 3,
            faults: 1,
            round: Duration::from_millis(100),
        }
    }
}

impl Config {
    /// Checks what [`FloodSet`] relies on.
    ///
    /// # Errors
    /// Says which figure is wrong and what it must be.
    pub fn check(&self) -> Result<(), String> {
        let rules = [
            (
                (1..=NodeSet::MAX_NODES).contains(&self.nodes),
                "nodes: must be 1 to 128",
            ),
            (self.faults < self.nodes, "faults: must be under nodes"),
            (self.round > Duration::ZERO, "round: must be over zero"),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err((*rule).to_owned()),
            None => Ok(()),
        }
    }
}

/// All that the sender knows of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    /// In which round it is sent, from 1.
    pub round: u8,
    /// The values.
    pub values: BTreeSet<Bytes>,
}

impl From<Never> for Message {
    fn from(never: Never) -> Self {
        match never {}
    }
}

/// Begins, with this value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Propose(pub Bytes);

/// A round ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoundEnd;

/// After the last round.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decided {
    /// The value.
    pub value: Bytes,
}

impl From<Never> for Decided {
    fn from(never: Never) -> Self {
        match never {}
    }
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FloodSet {
    config: Config,
    me: NodeId,
    /// 0 before the first.
    round: u8,
    known: BTreeSet<Bytes>,
    decided: Option<Bytes>,
}

impl Protocol for FloodSet {
    type Config = Config;
    type Hard = ();
    type Message = Message;
    type Eager = Never;
    type Timer = RoundEnd;
    type Request = Propose;
    type Output = Decided;
    type EagerOutput = Never;

    fn recover(config: &Config, me: NodeId, _hard: Journaled<()>) -> Self {
        Self {
            config: config.clone(),
            me,
            round: 0,
            known: BTreeSet::new(),
            decided: None,
        }
    }

    fn step(&mut self, _now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Request(Propose(value)) if self.round == 0 => {
                self.known.insert(value);
                self.next_round(out);
            }
            Input::Message(_, message) => self.on_values(message),
            Input::Timer(RoundEnd) if self.round <= self.config.faults => self.next_round(out),
            Input::Timer(RoundEnd) => self.decide(out),
            Input::Request(_) | Input::Start | Input::Coin { .. } => {}
        }
    }

    fn check_invariants(&self) -> Result<(), String> {
        let rules = [
            (
                self.known.len() <= usize::from(self.config.nodes),
                "there is at most one value for each node",
            ),
            (
                self.decided.is_none() || self.round == self.config.faults + 1,
                "nobody decides before the last round ends",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err(format!("{rule} ({self:?})")),
            None => Ok(()),
        }
    }
}

impl FloodSet {
    /// What was decided.
    pub fn decided(&self) -> Option<&Bytes> {
        self.decided.as_ref()
    }

    fn next_round(&mut self, out: &mut Effects<Self>) {
        self.round += 1;
        for peer in NodeId::all(self.config.nodes).filter(|node| *node != self.me) {
            let (round, values) = (self.round, self.known.clone());
            out.send(To::One(peer), Message { round, values });
        }
        out.arm(RoundEnd, self.config.round, self.config.round);
    }

    /// What comes after its round is as good as lost: its sender was late, which this protocol
    /// cannot survive, or clocks are further apart than a round, likewise.
    fn on_values(&mut self, message: Message) {
        let begun = self.round > 0 && self.decided.is_none();
        let bounded = message.values.len() <= usize::from(self.config.nodes);
        if begun && bounded && message.round >= self.round {
            self.known.extend(message.values);
        }
    }

    fn decide(&mut self, out: &mut Effects<Self>) {
        if let Some(value) = self.known.first().cloned() {
            self.decided = Some(value.clone());
            out.output(Decided { value });
        }
    }
}
