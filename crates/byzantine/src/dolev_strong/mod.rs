//! Dolev and Strong's authenticated broadcast (Dolev, Strong 1983, §4).
//!
//! One node, the sender, signs a value. After `f + 1` rounds every honest node outputs the same
//! value; the sender's, if it is honest, and the default value if it was caught with two, or none.
//!
//! It stands on: any number of liars `f < n`, signatures, synchronous time (see [`RoundClock`]). It
//! keeps nothing across a crash: a node that was down has missed rounds, and counts as faulty. Late
//! messages look like a faulty sender: when the bounds on time are broken, so is agreement.

use crate::value;

use crate::rounds::RoundClock;

use crate::value::AgreedValue;
use quorate_core::{Effects, Input, Journaled, Never, NodeId, Protocol, Time, To};
use quorate_crypto::{Certificate, Certified, Keychain, Statement};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Its entry in the catalogue.
pub const PROTOCOL: quorate_contract::ProtocolName = quorate_contract::ProtocolName::DolevStrong;

/// What is fixed for the life of a node.
#[derive(Clone, Debug)]
pub struct Config {
    /// `n`.
    pub nodes: u8,
    /// `f`.
    pub faulty: u8,
    /// Whose broadcast it is.
    pub sender: NodeId,
    /// The length of a round: twice the bound on delay and skew.
    pub round: Duration,
    /// What is output when the sender is caught lying, or silent.
    pub default: AgreedValue,
    /// This node's keys, for this broadcast.
    pub keys: Keychain,
}

/// "The sender's value is this": signed by the sender first, and then by all who pass it on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SenderValue(pub AgreedValue);

impl Statement for SenderValue {
    const DOMAIN: &'static str = "dolev-strong/claim";
}

/// A claim and who stands for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Message(pub Certificate<SenderValue>);

impl From<Never> for Message {
    fn from(never: Never) -> Self {
        match never {}
    }
}

/// One node's part in one broadcast.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DolevStrong {
    nodes: u8,
    faulty: u8,
    sender: NodeId,
    default: AgreedValue,
    keys: Keychain,
    length: Duration,
    rounds: Option<RoundClock>,
    /// The values that the sender has signed, each with the round in which it became known: two at
    /// the most, for two show that the sender lies.
    extracted: BTreeMap<AgreedValue, u64>,
    decided: Option<AgreedValue>,
}

impl Protocol for DolevStrong {
    type Config = Config;
    type Hard = ();
    type Message = Message;
    type Eager = Never;
    type Timer = ();
    /// The value to broadcast, at the sender; the first counts, if it comes in the first round.
    type Request = AgreedValue;
    /// What is agreed on.
    type Output = AgreedValue;
    type EagerOutput = AgreedValue;

    fn recover(config: &Config, _me: NodeId, _hard: Journaled<()>) -> Self {
        Self {
            nodes: config.nodes,
            faulty: config.faulty,
            sender: config.sender,
            default: config.default.clone(),
            keys: config.keys.clone(),
            length: config.round,
            rounds: None,
            extracted: BTreeMap::new(),
            decided: None,
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
            Input::Request(value) => self.on_request(now, value, out),
            Input::Message(_, Message(claim)) => self.on_claim(now, claim, out),
            Input::Timer(()) => self.decide(out),
            Input::Coin { .. } => {}
        }
    }

    fn check_invariants(&self) -> Result<(), String> {
        let rules = [
            (self.extracted.len() <= 2, "two values are enough"),
            (
                self.extracted.values().all(|r| *r <= self.last_round()),
                "nothing is extracted after the last round",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err((*rule).to_owned()),
            None => Ok(()),
        }
    }
}

impl DolevStrong {
    /// What was decided.
    pub fn decided(&self) -> Option<&AgreedValue> {
        self.decided.as_ref()
    }

    fn last_round(&self) -> u64 {
        u64::from(self.faulty) + 1
    }

    fn round(&self, now: Time) -> Option<u64> {
        let round = self.rounds?.at(now);
        (self.decided.is_none() && round <= self.last_round()).then_some(round)
    }

    fn on_request(&mut self, now: Time, value: AgreedValue, out: &mut Effects<Self>) {
        let mine = self.keys.me() == self.sender && self.extracted.is_empty();
        if mine && self.round(now) == Some(1) && value::fits(&value) {
            self.extracted.insert(value.clone(), 1);
            let claim = Certified::alone(self.keys.sign(SenderValue(value)));
            self.send_to_rest(&claim, out);
        }
    }

    fn on_claim(&mut self, now: Time, claim: Certificate<SenderValue>, out: &mut Effects<Self>) {
        let Some(round) = self.round(now) else {
            return; // too late for every node
        };
        let value = &claim.claimed_statement().0;
        if self.extracted.len() == 2 || self.extracted.contains_key(value) || !value::fits(value) {
            return;
        }
        // In round r, r nodes must stand for it, the sender among them: so in the last round one
        // of them is honest, and has shown it to everybody in time.
        let needed = usize::try_from(round).unwrap_or(usize::MAX);
        let Ok(claim) = self.keys.certify(claim, needed) else {
            return;
        };
        if !claim.signers().contains(self.sender) {
            return;
        }
        self.extracted.insert(claim.0.clone(), round);
        // After the last round no node accepts it any more.
        if round < self.last_round() {
            let mine = self.keys.sign(claim.statement().clone());
            if let Some(claim) = claim.joined_by(mine) {
                self.send_to_rest(&claim, out);
            }
        }
    }

    /// To all who have not signed it: the others know.
    fn send_to_rest(&self, claim: &Certified<SenderValue>, out: &mut Effects<Self>) {
        let signers = claim.signers();
        for node in NodeId::all(self.nodes).filter(|node| !signers.contains(*node)) {
            out.send(To::One(node), Message(claim.as_certificate().clone()));
        }
    }

    fn decide(&mut self, out: &mut Effects<Self>) {
        if self.decided.is_some() {
            return;
        }
        let mut values = self.extracted.keys();
        let value = match (values.next(), values.next()) {
            (Some(only), None) => only.clone(),
            _ => self.default.clone(),
        };
        self.decided = Some(value.clone());
        out.output(value);
    }
}
