//! Primary and backups (Alsberg and Day 1976; Budhiraja, Marzullo, Schneider and Toueg: The
//! Primary-Backup Approach, 1993; properties Pb1 to Pb4 are theirs).
//!
//! The primary does what it is asked, sends it to its backups, and answers at once. A backup keeps
//! what it is sent, and applies it when the primary's next word shows that the primary has outlived
//! the sending: then everybody has got it. When the primary falls silent for longer than a living
//! node can, the next in rank takes over. The last update may have reached anybody, so it first
//! collects what the others have got. `f + 1` nodes survive `f` crashes, one message delay is all
//! that an update costs, and there are no votes.
//!
//! What it never does: wait for an answer before it serves its client, keep anything on disk, let a
//! node come back, defend itself when its assumptions fail. Silence decides here: this is the one
//! place in the house where safety depends on timing, and it is there to be shown.
//!
//! It stands on: nodes that crash for good; links that lose nothing; known bounds on delays, so that
//! a timeout is a perfect detector. If a message is late once, a living primary is taken for dead,
//! and two of them answer clients; if a node restarts, it takes itself for the primary and has
//! forgotten everything. A node that notices says so in `check_invariants`; it is too late then.
//!
//! Where to start: [`Config::patience`], [`Config::succession`], then [`PrimaryBackup`].
//!
//! # Bounds
//!
//! | what | bound | beyond it |
//! |---|---|---|
//! | updates between two heartbeats | `window` | [`Refusal::Busy`] |
//! | applied updates that are kept | 2 × `window` | the oldest is dropped: everybody has it |
//! | updates kept and not yet applied | 4 × `window` | cannot be; noticed, and dropped |
//! | clients' requests during a takeover | none are kept | [`Refusal::TakingOver`] |

mod config;
mod message;
mod takeover;

pub use config::Config;
pub use message::{Message, Output, Refusal, Timer, Update, UpdateRequest};

use bytes::Bytes;
use quorate_core::{Effects, Input, Journaled, Never, NodeId, Protocol, Time, To};
use std::collections::{BTreeMap, VecDeque};

/// What it assumes, as the catalogue declares it.
pub const PROTOCOL: quorate_contract::ProtocolName = quorate_contract::ProtocolName::PrimaryBackup;

/// One replica.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PrimaryBackup {
    config: Config,
    me: NodeId,
    /// The first in rank that is not known to have crashed.
    primary: NodeId,
    /// When that one is given up: see [`Config::succession`].
    deadline: Time,
    /// This node has taken over, and serves.
    serves: bool,
    /// The place of the last update applied.
    applied: u64,
    /// The last ones applied.
    recent: VecDeque<Update>,
    /// Those that are not applied: perhaps not everybody has got them, or an earlier one is missing.
    kept: BTreeMap<u64, Bytes>,
    /// Everybody has got the updates up to here.
    everywhere: u64,
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
    type Request = UpdateRequest;
    type Output = Output;
    type EagerOutput = Never;

    fn recover(config: &Config, me: NodeId, _hard: Journaled<()>) -> Self {
        Self {
            config: config.clone(),
            me,
            primary: NodeId(0),
            deadline: Time::ZERO,
            serves: false,
            applied: 0,
            recent: VecDeque::new(),
            kept: BTreeMap::new(),
            everywhere: 0,
            since_beat: 0,
            violation: None,
        }
    }

    fn step(&mut self, now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            // The first primary has no predecessor whose updates it could miss.
            Input::Start if self.primary == self.me => self.serve(out),
            Input::Start => self.wait_for_next(now, out),
            Input::Message(from, message) => self.on_message(now, from, message, out),
            Input::Request(UpdateRequest(op)) => self.on_request(op, out),
            Input::Timer(Timer::Beat) => self.on_beat(out),
            Input::Timer(Timer::Watch) => self.on_silence(now, out),
            Input::Timer(Timer::Collected) => self.serve(out),
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
                self.recent.len() <= self.config.lag() && self.kept.len() <= 2 * self.config.lag(),
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
        self.serves
    }

    /// Whom this node takes for the primary: itself while it takes over.
    pub fn primary(&self) -> NodeId {
        self.primary
    }

    /// The place of the last update applied.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// This node has got the updates up to here, applied or not.
    pub fn known(&self) -> u64 {
        let next = |place: u64| Some(place + 1).filter(|next| self.kept.contains_key(next));
        let mut known = self.applied;
        while let Some(next) = next(known) {
            known = next;
        }
        known
    }

    fn tell_backups(&self, message: &Message, out: &mut Effects<Self>) {
        for rank in self.me.0 + 1..u32::from(self.config.nodes) {
            out.send(To::One(NodeId(rank)), message.clone());
        }
    }

    fn on_beat(&mut self, out: &mut Effects<Self>) {
        self.since_beat = 0;
        let applied = self.applied;
        self.tell_backups(&Message::Heartbeat { applied }, out);
        let beat = self.config.heartbeat;
        out.arm(Timer::Beat, beat, beat);
    }

    /// Pb4: an update is sent to the backups before its client hears of it, and what is sent
    /// arrives.
    fn on_request(&mut self, op: Bytes, out: &mut Effects<Self>) {
        let refusal = match self.serves {
            true => (self.since_beat >= self.config.window).then_some(Refusal::Busy),
            false if self.primary == self.me => Some(Refusal::TakingOver),
            false => Some(Refusal::NotPrimary {
                primary: self.primary,
            }),
        };
        if let Some(refusal) = refusal {
            return out.output(Output::Refused(refusal));
        }
        self.since_beat += 1;
        let seq = self.applied + 1;
        let update = Update { seq, op };
        self.tell_backups(&Message::Update(update.clone()), out);
        self.apply(update, out);
        out.output(Output::Done { seq });
    }

    fn on_message(&mut self, now: Time, from: NodeId, message: Message, out: &mut Effects<Self>) {
        if let Message::Answer { updates } = message {
            return self.on_answer(updates);
        }
        if from >= self.me {
            // None of those behind leads as long as this one lives.
            self.violation = Some("Pb1: another primary, and this node has not crashed");
            return;
        }
        if from < self.primary {
            self.violation = Some("a node speaks that was taken for crashed");
            return;
        }
        self.follow(now, from, out);
        match message {
            Message::Heartbeat { applied } => self.everywhere = self.everywhere.max(applied),
            Message::Update(update) => {
                self.everywhere = self.everywhere.max(update.seq.saturating_sub(1));
                self.keep(update);
            }
            Message::Collect { known } => {
                let updates = self.beyond(known);
                out.send(To::One(from), Message::Answer { updates });
            }
            Message::Takeover { updates } => updates.into_iter().for_each(|u| self.keep(u)),
            Message::Answer { .. } => {}
        }
        while self.applied < self.everywhere && self.apply_next(out) {}
    }

    /// What this node has got beyond a place.
    fn beyond(&self, place: u64) -> Vec<Update> {
        let recent = self.recent.iter().cloned();
        let kept = self.kept.iter().map(|(seq, op)| Update {
            seq: *seq,
            op: op.clone(),
        });
        recent.chain(kept).filter(|u| u.seq > place).collect()
    }

    fn keep(&mut self, update: Update) {
        let Update { seq, op } = update;
        let recent = || self.recent.iter().rev().find(|known| known.seq == seq);
        let known = self.kept.get(&seq).or_else(|| Some(&recent()?.op));
        if let Some(known) = known {
            if *known != op {
                self.violation = Some("no two updates have the same place");
            }
        } else if seq > self.applied {
            if self.kept.len() >= 2 * self.config.lag() {
                self.violation = Some("no more updates are under way than the bounds allow");
                return;
            }
            self.kept.insert(seq, op);
        }
    }

    /// Applies the next update, if it is there.
    fn apply_next(&mut self, out: &mut Effects<Self>) -> bool {
        let seq = self.applied + 1;
        match self.kept.remove(&seq) {
            Some(op) => self.apply(Update { seq, op }, out),
            None => return false,
        }
        true
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
