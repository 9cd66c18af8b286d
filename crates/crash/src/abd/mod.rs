//! A register in the memories of a majority, ABD (Attiya, Bar-Noy, Dolev: Sharing Memory Robustly in
//! Message-Passing Systems, J. ACM 1995), for many writers (Lynch and Shvartsman: Robust Emulation of
//! Shared Memory Using Dynamic Quorum-Acknowledged Broadcasts, FTCS 1997).
//!
//! Any node serves reads and writes. Each has two phases, and each phase waits for a majority. A write
//! asks for the newest tag, and stores its value under a greater one. A read asks for the newest value,
//! and stores it (it *writes back*) before it answers: so a read that begins later finds it too. There
//! is no leader and no agreement, so FLP does not apply: operations end without any bound on time.
//!
//! What it never does: order two operations that must see each other's effect at once (no
//! compare-and-swap), elect, remember an operation across a crash, or answer a read from its own copy.
//!
//! It stands on: nodes that crash and recover with their disk, links that lose, repeat and reorder
//! messages but do not forge them; a majority that is up and hears each other.
//!
//! Where to start: [`Message`], then `on_value` and `on_stored` in `operation`. A node stores one value
//! and has `window` operations under way; more are refused ([`Output::Busy`]).

mod config;
mod message;
mod operation;

pub use config::{Config, ReadRule};
pub use message::{Hard, Message, OperationId, Output, Record, Request, Resend, Tag, Tagged};

use operation::Operation;
use quorate_core::{Effects, Input, Journaled, Never, NodeId, Protocol, Time, To};
use std::collections::BTreeMap;

/// What it assumes, as the catalogue declares it.
pub const PROTOCOL: quorate_contract::ProtocolName = quorate_contract::ProtocolName::Abd;

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Abd {
    config: Config,
    me: NodeId,
    hard: Journaled<Hard>,
    /// Operations served here, under way.
    operations: BTreeMap<OperationId, Operation>,
    /// The number of the next one.
    next: u64,
    /// Repetitions since an operation began or moved on.
    attempts: u32,
}

impl Protocol for Abd {
    type Config = Config;
    type Hard = Hard;
    type Message = Message;
    type Eager = Never;
    type Timer = Resend;
    type Request = Request;
    type Output = Output;
    type EagerOutput = Never;

    fn recover(config: &Config, me: NodeId, hard: Journaled<Hard>) -> Self {
        Self {
            config: config.clone(),
            me,
            operations: BTreeMap::new(),
            next: 0,
            attempts: 0,
            hard,
        }
    }

    fn step(&mut self, _now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => self.hard.write(Record::Started, out),
            Input::Message(from, message) => self.on_message(from, message, out),
            Input::Timer(Resend) => self.resend(out),
            Input::Request(request) => self.begin(request, out),
            Input::Coin { .. } => {}
        }
    }

    fn check_invariants(&self) -> Result<(), String> {
        let rules = [
            (
                self.operations.len() <= self.config.window,
                "no more operations are under way than the window allows",
            ),
            (
                self.operations.values().all(|operation| {
                    operation
                        .tag()
                        .is_none_or(|tag| tag <= self.hard.stored.tag)
                }),
                "what a node asks others to store it has stored",
            ),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            None => Ok(()),
            Some((_, rule)) => Err(format!("{rule} ({:?})", self.hard)),
        }
    }
}

impl Abd {
    /// All that survives a crash.
    pub fn hard(&self) -> &Hard {
        &self.hard
    }

    /// How many operations are under way here.
    pub fn under_way(&self) -> usize {
        self.operations.len()
    }

    fn peers(&self) -> impl Iterator<Item = NodeId> + use<> {
        let me = self.me;
        NodeId::all(self.config.nodes).filter(move |node| *node != me)
    }

    fn on_message(&mut self, from: NodeId, message: Message, out: &mut Effects<Self>) {
        if from.0 >= self.config.nodes.into() {
            return;
        }
        match message {
            Message::Query(id) => {
                let stored = self.hard.stored.clone();
                out.send(To::One(from), Message::Value(id, stored));
            }
            Message::Value(id, found) => self.on_value(from, id, found, out),
            Message::Store(id, tagged) => {
                self.store(tagged, out);
                out.send(To::One(from), Message::Stored(id));
            }
            Message::Stored(id) => self.on_stored(from, id, out),
        }
    }

    fn store(&mut self, tagged: Tagged, out: &mut Effects<Self>) {
        if tagged.tag > self.hard.stored.tag {
            self.hard.write(Record::Stored(tagged), out);
        }
    }
}
