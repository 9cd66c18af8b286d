//! The oral messages algorithm OM(m) (Lamport, Shostak, Pease 1982, §3), as exponential
//! information gathering.
//!
//! A commander gives an order to his lieutenants. All loyal lieutenants obey the same order, and if
//! the commander is loyal, the one he gave (IC1, IC2).
//!
//! It stands on: `n > 3m`, links that tell who sent, and that a missing message is noticed:
//! synchronous time (see [`RoundClock`]). Nothing is signed. It keeps nothing across a crash: a node that
//! was down has missed rounds, and counts as a traitor.
//!
//! Messages grow as `n^m`: [`Config::check`] refuses what would not end.

mod tree;

pub use tree::{Path, Tree};

use crate::value;

use crate::rounds::RoundClock;

use crate::value::AgreedValue;
use quorate_core::{Effects, Input, Journaled, Never, NodeId, Protocol, Time, To};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Its entry in the catalogue.
pub const PROTOCOL: quorate_contract::ProtocolName = quorate_contract::ProtocolName::OralMessages;

/// The most orders that one lieutenant may hear of.
pub const MAX_ORDERS: u64 = 1 << 20;

/// What is fixed for the life of a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// `n`, the commander included.
    pub nodes: u8,
    /// `m`: how many traitors are planned for.
    pub traitors: u8,
    /// Who gives the order.
    pub commander: NodeId,
    /// The length of a round: twice the bound on delay and skew.
    pub round: Duration,
    /// What is done without an order: RETREAT, in the paper.
    pub default: AgreedValue,
}

impl Config {
    /// Is it small enough to end?
    ///
    /// # Errors
    /// Says what must change.
    pub fn check(&self) -> Result<(), String> {
        // Paths to one lieutenant: 1 + (n-2) + (n-2)(n-3) + …, m + 1 terms.
        let (mut orders, mut level) = (1_u64, 1_u64);
        for gone in 0..u64::from(self.traitors) {
            let left = u64::from(self.nodes).saturating_sub(2 + gone);
            level = level.saturating_mul(left);
            orders = orders.saturating_add(level);
        }
        if orders > MAX_ORDERS {
            return Err(format!(
                "traitors: OM({}) among {} generals takes {orders} messages to each; at most \
                 {MAX_ORDERS} are allowed",
                self.traitors, self.nodes
            ));
        }
        Ok(())
    }
}

/// "The commander's order is this", and through whom it came: the commander first, the sender last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Message {
    /// Who said that who said …: from the commander to the sender.
    pub path: Path,
    /// The order.
    pub order: AgreedValue,
}

impl From<Never> for Message {
    fn from(never: Never) -> Self {
        match never {}
    }
}

/// One general.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OralMessages {
    config: Config,
    me: NodeId,
    rounds: Option<RoundClock>,
    /// The order given, at the commander.
    given: Option<AgreedValue>,
    heard: Tree,
    obeyed: Option<AgreedValue>,
}

impl Protocol for OralMessages {
    type Config = Config;
    type Hard = ();
    type Message = Message;
    type Eager = Never;
    type Timer = ();
    /// The order, at the commander; the first counts, if it comes in the first round.
    type Request = AgreedValue;
    /// The order obeyed.
    type Output = AgreedValue;
    type EagerOutput = AgreedValue;

    fn recover(config: &Config, me: NodeId, _hard: Journaled<()>) -> Self {
        Self {
            config: config.clone(),
            me,
            rounds: None,
            given: None,
            heard: Tree::new(config.nodes, me),
            obeyed: None,
        }
    }

    fn step(&mut self, now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => {
                let rounds = RoundClock::starting(now, self.config.round);
                self.rounds = Some(rounds);
                let wait = rounds.until_end_of(self.last_round(), now);
                out.arm((), wait, wait);
            }
            Input::Request(order) => self.on_request(now, order, out),
            Input::Message(from, message) => self.on_order(now, from, message, out),
            Input::Timer(()) => self.obey(out),
            Input::Coin { .. } => {}
        }
    }

    fn check_invariants(&self) -> Result<(), String> {
        let deepest = self.heard.depth() as u64;
        if deepest > self.last_round() {
            return Err(format!("an order came through {deepest} mouths"));
        }
        Ok(())
    }
}

impl OralMessages {
    /// The order obeyed.
    pub fn obeyed(&self) -> Option<&AgreedValue> {
        self.obeyed.as_ref()
    }

    fn last_round(&self) -> u64 {
        u64::from(self.config.traitors) + 1
    }

    fn round(&self, now: Time) -> Option<u64> {
        let round = self.rounds?.at(now);
        (self.obeyed.is_none() && round <= self.last_round()).then_some(round)
    }

    /// OM(m), step 1: the commander sends his value to every lieutenant.
    fn on_request(&mut self, now: Time, order: AgreedValue, out: &mut Effects<Self>) {
        let mine = self.me == self.config.commander && self.given.is_none();
        if mine && self.round(now) == Some(1) && value::fits(&order) {
            self.given = Some(order.clone());
            self.pass_on(Path::default(), order, out);
        }
    }

    fn on_order(&mut self, now: Time, from: NodeId, message: Message, out: &mut Effects<Self>) {
        let Message { path, order } = message;
        // The link says who spoke; what he says of the way before him may be a lie.
        let plausible = path.first() == Some(self.config.commander)
            && path.last() == Some(from)
            && path.len() as u64 <= self.last_round()
            && path.is_distinct(self.config.nodes)
            && !path.contains(self.me);
        // Rounds are how a missing message is noticed (A3): a late one counts as missing.
        let in_time = self.round(now).is_some_and(|r| path.len() as u64 >= r);
        if !plausible || !in_time || !value::fits(&order) {
            return;
        }
        if !self.heard.hear(path.clone(), order.clone()) {
            return; // he has told that before; only the first counts
        }
        // OM(m), step 2: he acts as the commander in OM(m - 1), towards all not on the way.
        if (path.len() as u64) < self.last_round() {
            self.pass_on(path, order, out);
        }
    }

    fn pass_on(&self, path: Path, order: AgreedValue, out: &mut Effects<Self>) {
        let path = path.through(self.me);
        for node in NodeId::all(self.config.nodes).filter(|node| !path.contains(*node)) {
            let (path, order) = (path.clone(), order.clone());
            out.send(To::One(node), Message { path, order });
        }
    }

    fn obey(&mut self, out: &mut Effects<Self>) {
        if self.obeyed.is_some() {
            return;
        }
        let order = if self.me == self.config.commander {
            self.given.clone().unwrap_or(self.config.default.clone())
        } else {
            let root = Path::default().through(self.config.commander);
            let depth = usize::from(self.config.traitors) + 1;
            self.heard.resolve(&root, depth, &self.config.default)
        };
        self.obeyed = Some(order.clone());
        out.output(order);
    }
}
