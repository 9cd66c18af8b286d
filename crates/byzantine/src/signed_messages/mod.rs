//! The signed messages algorithm SM(m) (Lamport, Shostak, Pease 1982, §4).
//!
//! A commander signs an order; lieutenants countersign what they pass on. All loyal lieutenants
//! obey the same order, and if the commander is loyal, the one he gave.
//!
//! It stands on: any number of traitors, signatures that cannot be forged (A4), and that a missing
//! message is noticed: synchronous time (see [`RoundClock`]). It keeps nothing across a crash: a node that
//! was down has missed rounds, and counts as a traitor.
//!
//! [`dolev_strong`](crate::dolev_strong) is the same idea with the signatures as a set; here they
//! are a chain, each over all before it, as in the paper.

mod order;

pub use order::{Message, SignedOrder};

use crate::value;

use crate::rounds::RoundClock;

use crate::value::AgreedValue;
use order::Chain;
use quorate_core::{Effects, Input, Journaled, NodeId, Protocol, Time, To};
use quorate_crypto::Keychain;
use std::collections::BTreeSet;
use std::time::Duration;

/// Its entry in the catalogue.
pub const PROTOCOL: quorate_contract::ProtocolName = quorate_contract::ProtocolName::SignedMessages;

/// What is fixed for the life of a node.
#[derive(Clone, Debug)]
pub struct Config {
    /// `n`, the commander included.
    pub nodes: u8,
    /// `m`: how many traitors are planned for.
    pub traitors: u8,
    /// Who gives the order.
    pub commander: NodeId,
    /// The length of a round: twice the bound on delay and skew.
    pub round: Duration,
    /// What is done without an order, or with two: RETREAT, in the paper.
    pub default: AgreedValue,
    /// This general's keys, for this order.
    pub keys: Keychain,
}

/// One general.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SignedMessages {
    nodes: u8,
    traitors: u8,
    commander: NodeId,
    length: Duration,
    default: AgreedValue,
    keys: Keychain,
    rounds: Option<RoundClock>,
    /// V of the paper: the orders seen that the commander signed. Two are enough: choice(V) is the
    /// default then, whatever else he signed.
    orders: BTreeSet<AgreedValue>,
    obeyed: Option<AgreedValue>,
}

impl Protocol for SignedMessages {
    type Config = Config;
    type Hard = ();
    type Message = Message;
    type Eager = quorate_core::Never;
    type Timer = ();
    /// The order, at the commander; the first counts, if it comes in the first round.
    type Request = AgreedValue;
    /// The order obeyed.
    type Output = AgreedValue;
    type EagerOutput = AgreedValue;

    fn recover(config: &Config, _me: NodeId, _hard: Journaled<()>) -> Self {
        Self {
            nodes: config.nodes,
            traitors: config.traitors,
            commander: config.commander,
            length: config.round,
            default: config.default.clone(),
            keys: config.keys.clone(),
            rounds: None,
            orders: BTreeSet::new(),
            obeyed: None,
        }
    }

    fn step(&mut self, now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => {
                let rounds = RoundClock::starting(now, self.length);
                self.rounds = Some(rounds);
                let wait = rounds.until_end_of(self.last_round(), now);
                out.arm((), wait, wait);
            }
            Input::Request(order) => self.on_request(now, order, out),
            Input::Message(_, message) => self.on_order(now, message, out),
            Input::Timer(()) => self.obey(out),
            Input::Coin { .. } => {}
        }
    }

    fn check_invariants(&self) -> Result<(), String> {
        if self.orders.len() > 2 {
            return Err("two orders are enough".to_owned());
        }
        Ok(())
    }
}

impl SignedMessages {
    /// The order obeyed.
    pub fn obeyed(&self) -> Option<&AgreedValue> {
        self.obeyed.as_ref()
    }

    /// The orders seen with the commander's signature: with two of them everybody can tell that he
    /// is the traitor (figure 5).
    pub fn orders(&self) -> impl Iterator<Item = &AgreedValue> {
        self.orders.iter()
    }

    fn last_round(&self) -> u64 {
        u64::from(self.traitors) + 1
    }

    fn round(&self, now: Time) -> Option<u64> {
        let round = self.rounds?.at(now);
        (self.obeyed.is_none() && round <= self.last_round()).then_some(round)
    }

    /// Step 1: the commander signs and sends his value to every lieutenant.
    fn on_request(&mut self, now: Time, order: AgreedValue, out: &mut Effects<Self>) {
        let mine = self.keys.me() == self.commander && self.orders.is_empty();
        if mine && self.round(now) == Some(1) && value::fits(&order) {
            self.orders.insert(order.clone());
            self.pass_on(Chain::begin(order, &self.keys), out);
        }
    }

    fn on_order(&mut self, now: Time, message: Message, out: &mut Effects<Self>) {
        let known = self.orders.contains(&message.order) || self.orders.len() == 2;
        if known || !value::fits(&message.order) {
            return;
        }
        let (Some(round), Some(chain)) = (
            self.round(now),
            Chain::verify(message, self.commander, &self.keys),
        ) else {
            return;
        };
        // A chain of k + 1 signatures that comes later than k + 1 messages take is missing for
        // all; else one lieutenant might learn of an order too late to pass it on (A3).
        if (chain.len() as u64) < round {
            return;
        }
        // Steps 2A and 2B.
        self.orders.insert(chain.order().clone());
        if chain.len() as u64 <= u64::from(self.traitors) {
            self.pass_on(chain.countersigned(&self.keys), out);
        }
    }

    /// To every lieutenant who has not signed.
    fn pass_on(&self, chain: Chain, out: &mut Effects<Self>) {
        let signers = chain.signers();
        for node in NodeId::all(self.nodes).filter(|node| !signers.contains(*node)) {
            out.send(To::One(node), chain.message());
        }
    }

    /// Step 3: choice(V).
    fn obey(&mut self, out: &mut Effects<Self>) {
        if self.obeyed.is_some() {
            return;
        }
        let mut orders = self.orders.iter();
        let order = match (orders.next(), orders.next()) {
            (Some(only), None) => only.clone(),
            _ => self.default.clone(),
        };
        self.obeyed = Some(order.clone());
        out.output(order);
    }
}
