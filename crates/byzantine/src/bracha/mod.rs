//! Bracha's reliable broadcast (Bracha 1987, §3).
//!
//! One node, the sender, has a value. If it is honest, every honest node delivers that value; if
//! it lies, either every honest node delivers one and the same value, or none delivers any.
//!
//! It stands on: `n > 3f`, links that tell who sent and lose nothing. Nothing about time; nothing
//! is signed. It never times out: when the sender is faulty, a node may wait without end.

mod message;

pub use message::{Hard, Message, Record};

use crate::value;

use crate::value::AgreedValue;
use quorate_contract::quorum::quorum_among_liars;
use quorate_core::{Effects, Input, Journaled, Never, NodeId, Protocol, Time, To};
use std::collections::BTreeMap;

/// Its entry in the catalogue.
pub const PROTOCOL: quorate_contract::ProtocolName = quorate_contract::ProtocolName::Bracha;

/// What is fixed for the life of a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// `n`.
    pub nodes: u8,
    /// `f`.
    pub faulty: u8,
    /// Whose broadcast it is.
    pub sender: NodeId,
}

/// One node's part in one broadcast.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bracha {
    config: Config,
    me: NodeId,
    hard: Journaled<Hard>,
    /// Each node's first word counts, and no other: so a liar fills one place in each.
    echoes: BTreeMap<NodeId, AgreedValue>,
    readies: BTreeMap<NodeId, AgreedValue>,
    delivered: Option<AgreedValue>,
}

impl Protocol for Bracha {
    type Config = Config;
    type Hard = Hard;
    type Message = Message;
    type Eager = Never;
    type Timer = ();
    /// The value to broadcast, at the sender; the first counts.
    type Request = AgreedValue;
    /// The value delivered. Said again after a restart.
    type Output = AgreedValue;
    type EagerOutput = AgreedValue;

    fn recover(config: &Config, me: NodeId, hard: Journaled<Hard>) -> Self {
        Self {
            config: config.clone(),
            me,
            hard,
            echoes: BTreeMap::new(),
            readies: BTreeMap::new(),
            delivered: None,
        }
    }

    fn step(&mut self, _now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => self.on_start(out),
            Input::Request(value) => self.on_request(value, out),
            Input::Message(from, message) if from.0 < self.config.nodes.into() => {
                self.on_message(from, message, out);
            }
            Input::Message(..) | Input::Timer(()) | Input::Coin { .. } => {}
        }
    }

    fn check_invariants(&self) -> Result<(), String> {
        if let Some(flaw) = self.hard.flaw {
            return Err(flaw.to_owned());
        }
        match &self.delivered {
            Some(value) if count(&self.readies, value) < self.needed_to_deliver() => {
                Err("what is delivered has a quorum".to_owned())
            }
            _ => Ok(()),
        }
    }
}

impl Bracha {
    /// What was delivered.
    pub fn delivered(&self) -> Option<&AgreedValue> {
        self.delivered.as_ref()
    }

    fn needed_to_deliver(&self) -> usize {
        2 * usize::from(self.config.faulty) + 1
    }

    /// A crash swallowed what others said to this node, and perhaps what it said to them.
    fn on_start(&mut self, out: &mut Effects<Self>) {
        if *self.hard != Hard::default() {
            self.repeat(To::All, out);
            out.send(To::All, Message::Again);
        }
    }

    fn repeat(&self, to: To, out: &mut Effects<Self>) {
        let Hard {
            initial,
            echo,
            ready,
            ..
        } = &*self.hard;
        let words = [
            initial.clone().map(Message::Initial),
            echo.clone().map(Message::Echo),
            ready.clone().map(Message::Ready),
        ];
        for word in words.into_iter().flatten() {
            out.send(to, word);
        }
    }

    fn on_request(&mut self, value: AgreedValue, out: &mut Effects<Self>) {
        let mine = self.me == self.config.sender && self.hard.initial.is_none();
        if mine && value::fits(&value) {
            self.hard.write(Record::Initial(value.clone()), out);
            out.send(To::All, Message::Initial(value));
        }
    }

    fn on_message(&mut self, from: NodeId, message: Message, out: &mut Effects<Self>) {
        match message {
            // Step 1: the first value that the sender says.
            Message::Initial(value) => {
                let first = from == self.config.sender && self.hard.echo.is_none();
                if first && value::fits(&value) {
                    self.hard.write(Record::Echo(value.clone()), out);
                    out.send(To::All, Message::Echo(value));
                }
            }
            Message::Echo(value) if value::fits(&value) => {
                self.echoes.entry(from).or_insert_with(|| value.clone());
                self.consider(value, out);
            }
            Message::Ready(value) if value::fits(&value) => {
                self.readies.entry(from).or_insert_with(|| value.clone());
                self.consider(value, out);
            }
            Message::Echo(_) | Message::Ready(_) => {}
            Message::Again => self.repeat(To::One(from), out),
        }
    }

    fn consider(&mut self, value: AgreedValue, out: &mut Effects<Self>) {
        let (n, f) = (self.config.nodes.into(), usize::from(self.config.faulty));
        // Step 2: any two echo quorums share an honest node, which echoes one value. f + 1 readies
        // have an honest one among them: it saw such a quorum, or one that did.
        let echoed = count(&self.echoes, &value) >= quorum_among_liars(n, f);
        let readies = count(&self.readies, &value);
        if self.hard.ready.is_none() && (echoed || readies > f) {
            self.hard.write(Record::Ready(value.clone()), out);
            out.send(To::All, Message::Ready(value.clone()));
        }
        // Step 3: of 2f + 1 readies f + 1 are honest; everybody hears those, and joins in.
        if self.delivered.is_none() && readies >= self.needed_to_deliver() {
            self.delivered = Some(value.clone());
            out.output(value);
        }
    }
}

/// How many said this very value.
fn count(votes: &BTreeMap<NodeId, AgreedValue>, value: &AgreedValue) -> usize {
    votes.values().filter(|vote| *vote == value).count()
}
