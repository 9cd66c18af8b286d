//! Collect: each node tells all others its value, waits for a fixed number of values, and decides the
//! least. A candidate to be broken, not a protocol to be used.
//!
//! Lower bounds are shown on it. Whatever terminates among `n` nodes of which `f` may be silent has to
//! decide on `n − f` values, and this one does nothing else; with a deadline it decides on what it has
//! by then, as whatever trusts a bound on time may. It solves k-set agreement for `k = f + 1` among
//! nodes that crash (Chaudhuri 1993), and consensus only where all hear the same.
//!
//! What it never does: keep anything on disk, ask for a second opinion, decide twice.

use bytes::Bytes;
use quorate_core::{Effects, Input, Journaled, Never, NodeId, NodeSet, Protocol, Time, To};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Cluster size, and what is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// How many nodes there are.
    pub nodes: u8,
    /// How many values decide, one's own among them.
    pub wait_for: u8,
    /// After this long, what is there decides.
    pub deadline: Option<Duration>,
    /// How often a value is told again: links may lose it.
    pub repeat: Duration,
}

impl Config {
    /// Checks what [`Collect`] relies on.
    ///
    /// # Errors
    /// Says which figure is wrong and what it must be.
    pub fn check(&self) -> Result<(), String> {
        let rules = [
            (
                (1..=NodeSet::MAX_NODES).contains(&self.nodes),
                "nodes: must be 1 to 128",
            ),
            (
                (1..=self.nodes).contains(&self.wait_for),
                "wait-for: must be 1 to nodes",
            ),
            (self.repeat > Duration::ZERO, "repeat: must be over zero"),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err((*rule).to_owned()),
            None => Ok(()),
        }
    }
}

/// The sender's value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message(pub Bytes);

impl From<Never> for Message {
    fn from(never: Never) -> Self {
        match never {}
    }
}

/// Begins, with this value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Propose(pub Bytes);

/// What is waited for besides values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// To tell one's value again.
    Repeat,
    /// To decide on what is there.
    Deadline,
}

/// The least of the values that came.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decided(pub Bytes);

impl From<Never> for Decided {
    fn from(never: Never) -> Self {
        match never {}
    }
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Collect {
    config: Config,
    me: NodeId,
    /// The first value of each node, by its number.
    values: BTreeMap<u32, Bytes>,
    decided: bool,
}

impl Protocol for Collect {
    type Config = Config;
    type Hard = ();
    type Message = Message;
    type Eager = Never;
    type Timer = Timer;
    type Request = Propose;
    type Output = Decided;
    type EagerOutput = Never;

    fn recover(config: &Config, me: NodeId, _hard: Journaled<()>) -> Self {
        Self {
            config: config.clone(),
            me,
            values: BTreeMap::new(),
            decided: false,
        }
    }

    fn step(&mut self, _now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Request(Propose(value)) if !self.values.contains_key(&self.me.0) => {
                self.values.insert(self.me.0, value);
                self.tell(out);
                if let Some(deadline) = self.config.deadline {
                    out.arm(Timer::Deadline, deadline, deadline);
                }
                self.count(out);
            }
            Input::Message(from, Message(value)) => {
                self.values.entry(from.0).or_insert(value);
                self.count(out);
            }
            Input::Timer(Timer::Repeat) => self.tell(out),
            Input::Timer(Timer::Deadline) => self.decide(out),
            Input::Request(_) | Input::Start | Input::Coin { .. } => {}
        }
    }
}

impl Collect {
    fn tell(&self, out: &mut Effects<Self>) {
        let Some(own) = self.values.get(&self.me.0) else {
            return;
        };
        for peer in NodeId::all(self.config.nodes).filter(|node| *node != self.me) {
            out.send(To::One(peer), Message(own.clone()));
        }
        out.arm(Timer::Repeat, self.config.repeat, self.config.repeat);
    }

    fn count(&mut self, out: &mut Effects<Self>) {
        let begun = self.values.contains_key(&self.me.0);
        if begun && self.values.len() >= usize::from(self.config.wait_for) {
            self.decide(out);
        }
    }

    fn decide(&mut self, out: &mut Effects<Self>) {
        let least = self.values.values().min().cloned();
        if let Some(value) = least.filter(|_| !self.decided) {
            self.decided = true;
            out.output(Decided(value));
        }
    }
}
