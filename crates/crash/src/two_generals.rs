//! Two generals and messengers that may be caught (Akkoyunlu, Ekanadham and Huber 1975; Gray:
//! Notes on Data Base Operating Systems, 1978).
//!
//! No protocol solves it: take the shortest one that does, and the last messenger whose arrival
//! matters; if he is caught, his sender acts as if he was not. What can be done is done here, and
//! measured: many messengers of whom a few must arrive, confirmations of confirmations, and a
//! default at the deadline (doc 004). If a bundle of messengers gets through with probability
//! `p`, the generals part with probability `p^(legs - 1) · (1 - p)`: confirmations move the doubt
//! to the last leg, and nothing but `p = 1` removes it.
//!
//! What it never does: help more than two, survive a general's death, send a messenger twice.
//!
//! It stands on: two generals who stay up, clocks that show the deadline at the same time, links
//! that lose nothing. Under [`Config::default`] no general attacks alone as long as those hold.
//!
//! Start reading at [`Config`]. A general holds one set of at most 128 messengers for each leg.

use bytes::Bytes;
use quorate_core::{Effects, Input, Journaled, Never, NodeId, NodeSet, Protocol, Time, To};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What it assumes, as the catalogue declares it.
pub const PROTOCOL: quorate_contract::ProtocolName = quorate_contract::ProtocolName::TwoGenerals;

/// What the generals have agreed on before they part.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// How many messengers go with each leg, 1 to 128.
    pub messengers: u8,
    /// How many of them must arrive for the leg to count.
    pub needed: u8,
    /// How often a bundle crosses the valley: 1 is the plan alone, 2 adds its confirmation, 3 the
    /// confirmation of that.
    pub legs: u8,
    /// When both decide, counted from their start.
    pub deadline: Duration,
    /// What a general does at the deadline who has the plan and has not heard enough.
    pub default: DefaultAction,
}

/// What is done without certainty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DefaultAction {
    /// Stay: nothing is won, and no army is lost alone (doc 004).
    #[default]
    CallOff,
    /// Go, if any messenger brought the plan.
    Attack,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            messengers: 1,
            needed: 1,
            legs: 1,
            deadline: Duration::from_secs(1),
            default: DefaultAction::CallOff,
        }
    }
}

impl Config {
    /// Checks what [`General`] relies on.
    ///
    /// # Errors
    /// Says which figure is wrong and what it must be.
    pub fn check(&self) -> Result<(), String> {
        let rules = [
            (
                (1..=NodeSet::MAX_NODES).contains(&self.messengers),
                "messengers: must be 1 to 128",
            ),
            (
                (1..=self.messengers).contains(&self.needed),
                "needed: must be 1 to the number of messengers",
            ),
            (self.legs > 0, "legs: must be at least 1"),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err((*rule).to_owned()),
            None => Ok(()),
        }
    }
}

/// One messenger.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    /// On which leg he is, from 1.
    pub leg: u8,
    /// Which of the bundle he is: one who comes twice counts once.
    pub messenger: u8,
    /// What he carries.
    pub plan: Bytes,
}

impl From<Never> for Message {
    fn from(never: Never) -> Self {
        match never {}
    }
}

/// The first general's plan.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AttackPlan(pub Bytes);

/// The deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline;

/// What the army is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// At the deadline: go, by this plan.
    Attack {
        /// The plan.
        plan: Bytes,
    },
    /// At the deadline: stay.
    CallOff,
    /// Only the first general plans, once, and before the deadline.
    Refused,
}

impl From<Never> for Output {
    fn from(never: Never) -> Self {
        match never {}
    }
}

/// One of the two generals.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct General {
    config: Config,
    me: NodeId,
    plan: Option<Bytes>,
    /// Who has arrived here, for each leg that ends here: general 1 receives the first, third, …
    arrived: Vec<NodeSet>,
    decided: Option<Output>,
    violation: Option<&'static str>,
}

impl Protocol for General {
    type Config = Config;
    type Hard = ();
    type Message = Message;
    type Eager = Never;
    type Timer = Deadline;
    type Request = AttackPlan;
    type Output = Output;
    type EagerOutput = Never;

    fn recover(config: &Config, me: NodeId, _hard: Journaled<()>) -> Self {
        Self {
            config: config.clone(),
            me,
            plan: None,
            arrived: vec![NodeSet::EMPTY; usize::from(config.legs) + 1],
            decided: None,
            violation: None,
        }
    }

    fn step(&mut self, _now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => out.arm(Deadline, self.config.deadline, self.config.deadline),
            Input::Request(AttackPlan(plan)) => self.on_plan(plan, out),
            Input::Message(from, message) => self.on_messenger(from, message, out),
            Input::Timer(Deadline) => self.decide(out),
            Input::Coin { .. } => {}
        }
    }

    fn check_invariants(&self) -> Result<(), String> {
        match self.violation {
            Some(rule) => Err(rule.to_owned()),
            None if self.plan.is_none() && matches!(self.decided, Some(Output::Attack { .. })) => {
                Err("nobody attacks without a plan".to_owned())
            }
            None => Ok(()),
        }
    }
}

impl General {
    /// What was decided, once the deadline has passed.
    pub fn decided(&self) -> Option<&Output> {
        self.decided.as_ref()
    }

    fn on_plan(&mut self, plan: Bytes, out: &mut Effects<Self>) {
        if self.me != NodeId(0) || self.plan.is_some() || self.decided.is_some() {
            return out.output(Output::Refused);
        }
        self.plan = Some(plan.clone());
        self.send_bundle(1, plan, out);
    }

    fn send_bundle(&self, leg: u8, plan: Bytes, out: &mut Effects<Self>) {
        let other = NodeId(1 - self.me.0);
        for messenger in 0..self.config.messengers {
            let plan = plan.clone();
            let message = Message {
                leg,
                messenger,
                plan,
            };
            out.send(To::One(other), message);
        }
    }

    fn has_arrived(&self, leg: u8) -> bool {
        self.arrived[usize::from(leg)].len() >= usize::from(self.config.needed)
    }

    fn on_messenger(&mut self, from: NodeId, message: Message, out: &mut Effects<Self>) {
        let Message {
            leg,
            messenger,
            plan,
        } = message;
        let ends_here = u32::from(leg % 2) == self.me.0 % 2;
        let sane = (1..=self.config.legs).contains(&leg) && messenger < self.config.messengers;
        if from == self.me || self.me.0 > 1 || !ends_here || !sane || self.decided.is_some() {
            return;
        }
        if self.plan.as_ref().is_some_and(|known| *known != plan) {
            self.violation = Some("there is one plan");
            return;
        }
        self.plan = Some(plan.clone());
        let before = self.has_arrived(leg);
        self.arrived[usize::from(leg)].insert(NodeId(messenger.into()));
        if !before && self.has_arrived(leg) && leg < self.config.legs {
            self.send_bundle(leg + 1, plan, out);
        }
    }

    /// The last leg that ends here decides. The one who sends the very last bundle acts on the
    /// one before it, as if his own had arrived: there the generals part if it did not.
    fn decide(&mut self, out: &mut Effects<Self>) {
        let legs = self.config.legs;
        let last = if u32::from(legs % 2) == self.me.0 {
            legs
        } else {
            legs - 1
        };
        let certain = last == 0 || self.has_arrived(last);
        let go = certain || self.config.default == DefaultAction::Attack;
        let output = match self.plan.clone().filter(|_| go) {
            Some(plan) => Output::Attack { plan },
            None => Output::CallOff,
        };
        self.decided = Some(output.clone());
        out.output(output);
    }
}
