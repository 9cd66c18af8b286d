//! PBFT (Castro, Liskov: Practical Byzantine Fault Tolerance, OSDI 1999), with signatures.
//!
//! What it does: orders batches of values in views led by a primary, in three steps; replaces a
//! primary that does not order what all know of; removes what a stable checkpoint covers; brings
//! back nodes that were down or left behind, by certificates that prove themselves.
//!
//! What it never does: believe a vote without a signature, or count votes for different contents
//! together; know what a value means or who asked for it. A liar can have a value ordered twice or
//! make one up: the layer above knows its clients and their request numbers.
//!
//! It stands on: `n > 3f`, links that tell who sent and lose nothing while both ends are up.
//! Safety needs no timing; progress needs messages to arrive within the (doubling) timeouts,
//! eventually.
//!
//! Where to start: [`Output`] and [`Timer`] are the face to the layer above,
//! [`Message`] what is said, [`Hard`] and [`Record`] what is on disk. Then `normal` (§4.2),
//! `checkpoint` (§4.3), `view_change` (§4.4), `catch_up`.
//!
//! # Bounds
//!
//! | what | bound | beyond it |
//! |---|---|---|
//! | sequence numbers in use | the window, two checkpoint intervals | the primary waits |
//! | values that wait, of each node | `max_pending` | own: [`Output::Busy`]; others': ignored |
//! | votes | one of each node for each number in the window | the first counts |
//! | messages of later views, of each node | twice the window | ignored, and fetched later |

mod catch_up;
mod checkpoint;
mod config;
mod hard;
mod invariants;
mod message;
mod normal;
mod pending;
mod view_change;

pub use config::Config;
pub use hard::{Hard, Record};
pub use message::{Batch, Checkpoint, Commit, Message, NewView, Prepare, ViewChange};

use crate::value;

use crate::value::AgreedValue;
use pending::Pending;
use quorate_core::{Effects, Input, Journaled, Never, NodeId, Protocol, Time, To};
use quorate_crypto::{Certified, Digest, Verified, Votes};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Its entry in the catalogue.
pub const PROTOCOL: quorate_contract::ProtocolName = quorate_contract::ProtocolName::Pbft;

/// What the layer above is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// The next batch: each sequence number once, in order, without gaps but for [`Output::Skip`].
    Delivered {
        /// From 1.
        sequence: u64,
        /// In order. May be none.
        values: Vec<AgreedValue>,
    },
    /// What is delivered next comes right after `sequence`. A state that is older must be brought
    /// there from another node's, and checked against `history`. Said on starting after a
    /// checkpoint, and when the others have gone on without this node.
    Skip {
        /// The stable checkpoint.
        sequence: u64,
        /// See [`history_after`].
        history: Digest,
    },
    /// A quorum has delivered up to here: what is needed to replay the log before may go.
    Stable {
        /// The stable checkpoint.
        sequence: u64,
    },
    /// Too many values wait: this one is refused.
    Busy(AgreedValue),
    /// The view changed.
    View {
        /// Its number.
        view: u64,
        /// Who leads it.
        primary: NodeId,
    },
}

/// The names of the timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Values that the primary alone was told are not ordered yet.
    Request,
    /// The primary is taking too long, or the next one.
    View,
    /// A view change, or what was voted for, is not getting anywhere: say it again, and ask.
    Retry,
}

/// The history after one more batch: a chain of digests.
pub fn history_after(history: Digest, sequence: u64, batch: Digest) -> Digest {
    Digest::of("pbft/history", &(history, sequence, batch))
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pbft {
    config: Config,
    hard: Journaled<Hard>,
    /// The last sequence number delivered, and the digest of all up to there.
    delivered: u64,
    history: Digest,
    /// For the primary: the next sequence number.
    next: u64,
    /// Votes of this view, by sequence number.
    prepares: BTreeMap<u64, Votes<Prepare>>,
    commits: BTreeMap<u64, Votes<Commit>>,
    /// Decisions after the stable checkpoint, with batches once they are there.
    decided: BTreeMap<u64, Certified<Commit>>,
    batches: BTreeMap<Digest, Batch>,
    /// What the new view proposes and this node has no batch for yet.
    wanted: BTreeMap<u64, Verified<Prepare>>,
    /// The latest of each node.
    checkpoints: BTreeMap<NodeId, BTreeMap<u64, Verified<Checkpoint>>>,
    changes: BTreeMap<NodeId, Verified<ViewChange>>,
    /// Messages of later views.
    early: BTreeMap<NodeId, VecDeque<Message>>,
    pending: Pending,
    /// The request timer runs.
    hoping: bool,
    /// The retry timer runs, since so much was delivered.
    retrying: Option<u64>,
    /// Views since something was delivered: timeouts double with each.
    fruitless: u32,
}

impl Protocol for Pbft {
    type Config = Config;
    type Hard = Hard;
    type Message = Message;
    type Eager = Never;
    type Timer = Timer;
    /// A value to order.
    type Request = AgreedValue;
    type Output = Output;
    type EagerOutput = Output;

    fn recover(config: &Config, _me: NodeId, hard: Journaled<Hard>) -> Self {
        let stable = hard.stable.as_ref().map(|c| *c.claimed_statement());
        let highest = hard.accepted.last_key_value().map_or(0, |(n, _)| *n);
        Self {
            config: config.clone(),
            delivered: stable.map_or(0, |stable| stable.sequence),
            history: stable.map_or(Digest::default(), |stable| stable.history),
            next: highest.max(hard.stable_sequence()) + 1,
            hard,
            prepares: BTreeMap::new(),
            commits: BTreeMap::new(),
            decided: BTreeMap::new(),
            batches: BTreeMap::new(),
            wanted: BTreeMap::new(),
            checkpoints: BTreeMap::new(),
            changes: BTreeMap::new(),
            early: BTreeMap::new(),
            pending: Pending::default(),
            hoping: false,
            retrying: None,
            fruitless: 0,
        }
    }

    fn step(&mut self, _now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => self.on_start(out),
            Input::Request(value) => self.on_value(value, out),
            Input::Message(from, message) if from.0 < self.config.nodes.into() => {
                self.on_message(from, message, out);
            }
            Input::Timer(Timer::Request) => self.on_request_timeout(out),
            Input::Timer(Timer::View) => self.on_view_timeout(out),
            Input::Timer(Timer::Retry) => self.on_retry_timeout(out),
            Input::Message(..) | Input::Coin { .. } => {}
        }
    }

    fn flush(&mut self, _now: Time, out: &mut Effects<Self>) {
        self.propose(out);
        self.watch_progress(out);
    }

    fn check_invariants(&self) -> Result<(), String> {
        invariants::check(self)
    }
}

impl Pbft {
    /// The view that this node is in, or is changing to.
    pub fn view(&self) -> u64 {
        self.hard.view
    }

    /// The last sequence number delivered.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// The digest of all that was delivered.
    pub fn history(&self) -> Digest {
        self.history
    }

    /// All that survives a crash.
    pub fn hard(&self) -> &Hard {
        &self.hard
    }

    fn me(&self) -> NodeId {
        self.config.keys.me()
    }

    fn primary(&self) -> NodeId {
        self.config.primary(self.hard.view)
    }

    fn active(&self) -> bool {
        !self.hard.changing
    }

    fn in_window(&self, sequence: u64) -> bool {
        let stable = self.hard.stable_sequence();
        sequence > stable && sequence - stable <= self.config.window()
    }

    fn timeout(&self) -> Duration {
        self.config.view_timeout * (1 << self.fruitless.min(16))
    }

    fn on_message(&mut self, from: NodeId, message: Message, out: &mut Effects<Self>) {
        if let Some(view) = view_of(&message)
            && (view > self.hard.view || (view == self.hard.view && self.hard.changing))
        {
            // Its view will begin, perhaps: NEW-VIEW may be on the way.
            let early = self.early.entry(from).or_default();
            if (early.len() as u64) < 2 * self.config.window() {
                early.push_back(message);
            }
            return;
        }
        match message {
            Message::Request(value) => self.on_request(from, value, out),
            Message::PrePrepare { prepare, batch } => self.on_pre_prepare(prepare, batch, out),
            Message::Prepare(prepare) => self.on_prepare(prepare, out),
            Message::Commit(commit) => self.on_commit(commit, out),
            Message::Checkpoint(checkpoint) => self.on_checkpoint(checkpoint, out),
            Message::ViewChange { change, batches } => self.on_view_change(change, batches, out),
            Message::NewView(new_view) => self.on_new_view(*new_view, out),
            Message::Fetch { delivered, view } => self.on_fetch(from, delivered, view, out),
            Message::FetchBatch(digest) => self.on_fetch_batch(from, digest, out),
            Message::Batch(batch) => self.on_batch(batch, out),
            Message::Committed { certificate, batch } => {
                self.on_committed(certificate, batch, out);
            }
            Message::Stable(certificate) => {
                if let Ok(stable) = self.config.keys.certify(certificate, self.config.quorum()) {
                    self.on_stable(stable, out);
                }
            }
        }
    }

    /// A value from the layer above.
    fn on_value(&mut self, value: AgreedValue, out: &mut Effects<Self>) {
        let me = self.me();
        if !value::fits(&value) || self.pending.of(me) >= self.config.max_pending {
            return out.output_eager(Output::Busy(value));
        }
        if self.pending.add(me, value.clone()) && self.primary() != me {
            out.send(To::One(self.primary()), Message::Request(value));
        }
        if !self.hoping {
            self.hoping = true;
            let wait = self.config.request_timeout;
            out.arm(Timer::Request, wait, wait);
        }
    }

    /// A value that another node passes on (§4.1: a client that waits tells all).
    fn on_request(&mut self, from: NodeId, value: AgreedValue, out: &mut Effects<Self>) {
        if from == self.me()
            || !value::fits(&value)
            || self.pending.of(from) >= self.config.max_pending
        {
            return;
        }
        if self.pending.add(from, value.clone()) && self.primary() != self.me() {
            // Else a liar could make backups wait for what the primary never heard of.
            out.send(To::One(self.primary()), Message::Request(value));
            self.watch_primary(out);
        }
    }

    /// The primary did not do it: now all shall know, and watch it.
    fn on_request_timeout(&mut self, out: &mut Effects<Self>) {
        self.hoping = false;
        for value in self.pending.all_of(self.me()) {
            out.send(To::All, Message::Request(value));
        }
        self.watch_primary(out);
    }

    /// The timer belongs to the oldest value: others' progress does not reset it, so that a primary
    /// cannot leave out one client without end.
    fn watch_primary(&mut self, out: &mut Effects<Self>) {
        if self.active() && self.pending.watch() {
            let wait = self.timeout();
            out.arm(Timer::View, wait, wait);
        }
    }
}

/// The view that a vote belongs to.
fn view_of(message: &Message) -> Option<u64> {
    match message {
        Message::PrePrepare { prepare, .. } | Message::Prepare(prepare) => {
            Some(prepare.claimed_statement().view)
        }
        Message::Commit(commit) => Some(commit.claimed_statement().view),
        _ => None,
    }
}
