//! Primary and backups (Alsberg and Day 1976; Budhiraja, Marzullo, Schneider and Toueg: The
//! Primary-Backup Approach, 1993; properties Pb1 to Pb4 are theirs).
//!
//! The primary does what it is asked, sends it to its backups in the order of their ranks, and
//! answers at once. When it falls silent for longer than a living node can, the next in rank
//! takes over. `f + 1` nodes survive `f` crashes, one message delay is all it costs, and nobody
//! ever votes.
//!
//! What it never does: wait for an answer, keep anything on disk, let a node come back, defend
//! itself when its assumptions fail. Silence decides here: this is the one place in the house
//! where safety depends on timing, and it is there to be shown.
//!
//! It stands on: nodes that crash for good, and between two messages rather than within one;
//! links that lose nothing; known bounds on delays, so that a timeout is a perfect detector. If a
//! message is late once, a living primary is taken for dead, and two of them answer
//! clients; if a node restarts, it takes itself for the primary and has forgotten everything.
//! A node that notices says so in `check_invariants`; it is too late then.
//!
//! Where to start: [`Config::patience`], then [`PrimaryBackup`].
//!
//! # Bounds
//!
//! | what | bound | beyond it |
//! |---|---|---|
//! | updates between two heartbeats | `window` | [`Refusal::Busy`] |
//! | updates kept for a takeover | 2 × `window` | the oldest is dropped: everybody has it |
//! | updates that came before an earlier one | 4 × `window` | cannot be; noticed, and dropped |

mod config;
mod message;

pub use config::Config;
pub use message::{Do, Message, Output, Refusal, Timer, Update};

use bytes::Bytes;
use quorate_core::{Effects, Input, Journaled, Never, NodeId, Protocol, Time, To};
use std::collections::{BTreeMap, VecDeque};

/// What it assumes, as the catalogue declares it.
pub const PROTOCOL: quorate_contract::Protocol = quorate_contract::Protocol::PrimaryBackup;

/// One replica.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PrimaryBackup {
    config: Config,
    me: NodeId,
    /// The first in rank that is not known to have crashed.
    primary: NodeId,
    /// The place of the last update applied.
    applied: u64,
    /// The last ones applied.
    recent: VecDeque<Update>,
    /// Those that have overtaken an earlier one.
    early: BTreeMap<u64, Bytes>,
    /// Updates taken since the last heartbeat.
    since_beat: usize,
    violation: Option<&'static str>,
}

impl Protocol for PrimaryBackup {
    type Config = Config;
    type Hard = ();
    type Message = Message;
    type Eager = Never;
    type Timer = Timer;
    type Request = Do;
    type Output = Output;
    type EagerOutput = Never;

    fn recover(config: &Config, me: NodeId, _hard: Journaled<()>) -> Self {
        Self {
            config: config.clone(),
            me,
            primary: NodeId(0),
            applied: 0,
            recent: VecDeque::new(),
            early: BTreeMap::new(),
            since_beat: 0,
            violation: None,
        }
    }

    fn step(&mut self, _now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start if self.is_primary() => self.take_over(out),
            Input::Start => {
                let first = self.config.succession();
                out.arm(Timer::Watch, first, first);
            }
            Input::Message(from, message) => self.on_message(from, message, out),
            Input::Request(Do(op)) => self.on_request(op, out),
            Input::Timer(Timer::Beat) => self.on_beat(out),
            Input::Timer(Timer::Watch) => self.on_silence(out),
            Input::Coin { .. } => {}
        }
    }

    fn check_invariants(&self) -> Result<(), String> {
        let rules = [
            (self.violation.is_none(), self.violation.unwrap_or_default()),
            (self.primary <= self.me, "a node follows none behind it"),
            (
                self.recent
                    .back()
                    .is_none_or(|last| last.seq == self.applied),
                "what is kept ends with what is applied",
            ),
            (
                self.recent.len() <= self.config.lag(),
                "what is kept is bounded",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err(format!(
                "{rule} ({} follows {}, applied {})",
                self.me, self.primary, self.applied
            )),
            None => Ok(()),
        }
    }
}

impl PrimaryBackup {
    /// Whether this node answers clients. Of the living ones at most one does (Pb1), as long as
    /// the bounds hold.
    pub fn is_primary(&self) -> bool {
        self.primary == self.me
    }

    /// Whom this node takes for the primary.
    pub fn primary(&self) -> NodeId {
        self.primary
    }

    /// The place of the last update applied.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// To the backups, in the order of ranks. So if the primary crashes on the way, whoever takes
    /// over has got all that anybody has got.
    fn send_on(&self, message: &Message, out: &mut Effects<Self>) {
        for rank in self.me.0 + 1..self.config.nodes {
            out.send(To::One(NodeId(rank)), message.clone());
        }
    }

    /// Pb1: the one before has crashed, for a perfect detector says so.
    fn take_over(&mut self, out: &mut Effects<Self>) {
        let updates = self.recent.iter().cloned().collect();
        self.send_on(&Message::Takeover { updates }, out);
        out.output(Output::Promoted);
        let beat = self.config.heartbeat;
        out.arm(Timer::Beat, beat, beat);
    }

    fn on_beat(&mut self, out: &mut Effects<Self>) {
        self.since_beat = 0;
        self.send_on(&Message::Heartbeat, out);
        let beat = self.config.heartbeat;
        out.arm(Timer::Beat, beat, beat);
    }

    fn on_silence(&mut self, out: &mut Effects<Self>) {
        self.primary.0 += 1;
        if self.is_primary() {
            return self.take_over(out);
        }
        let next = self.config.succession();
        out.arm(Timer::Watch, next, next);
    }

    /// Pb4: an update is sent to the backups before its client hears of it, and what is sent
    /// arrives.
    fn on_request(&mut self, op: Bytes, out: &mut Effects<Self>) {
        if !self.is_primary() {
            let primary = self.primary;
            return out.output(Output::Refused(Refusal::NotPrimary { primary }));
        }
        if self.since_beat >= self.config.window {
            return out.output(Output::Refused(Refusal::Busy));
        }
        self.since_beat += 1;
        let seq = self.applied + 1;
        let update = Update { seq, op };
        self.send_on(&Message::Update(update.clone()), out);
        self.apply(update, out);
        out.output(Output::Done { seq });
    }

    fn on_message(&mut self, from: NodeId, message: Message, out: &mut Effects<Self>) {
        if from >= self.me {
            // None of those behind leads as long as this one lives.
            self.violation = Some("Pb1: another primary, and this node has not crashed");
            return;
        }
        if from < self.primary {
            self.violation = Some("a node speaks that was taken for crashed");
            return;
        }
        self.primary = from;
        let patience = self.config.patience();
        out.arm(Timer::Watch, patience, patience);
        match message {
            Message::Heartbeat => {}
            Message::Update(update) => self.on_update(update, out),
            Message::Takeover { updates } => {
                updates
                    .into_iter()
                    .for_each(|update| self.on_update(update, out));
            }
        }
    }

    fn on_update(&mut self, update: Update, out: &mut Effects<Self>) {
        let Update { seq, op } = update;
        if seq <= self.applied {
            let known = self.recent.iter().rev().find(|known| known.seq == seq);
            if known.is_some_and(|known| known.op != op) {
                self.violation = Some("replicas apply the same updates");
            }
            return;
        }
        if self.early.len() >= 2 * self.config.lag() {
            self.violation = Some("no more updates are under way than the bounds allow");
            return;
        }
        self.early.insert(seq, op);
        while let Some(op) = self.early.remove(&(self.applied + 1)) {
            let seq = self.applied + 1;
            self.apply(Update { seq, op }, out);
        }
    }

    fn apply(&mut self, update: Update, out: &mut Effects<Self>) {
        self.applied = update.seq;
        if self.recent.len() == self.config.lag() {
            self.recent.pop_front();
        }
        self.recent.push_back(update.clone());
        out.output(Output::Applied(update));
    }
}
