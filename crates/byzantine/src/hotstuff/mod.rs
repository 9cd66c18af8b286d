//! Chained HotStuff (Yin, Malkhi, Reiter, Golan Gueta, Abraham: HotStuff: BFT Consensus in the Lens
//! of Blockchain, PODC 2019, §5), with a pacemaker.
//!
//! What it does: a leader extends the block of the highest quorum; all vote for it, to the leader of
//! the next view; three blocks in consecutive views, the last with a quorum, commit the first. A
//! node is locked on the parent of a certified block, and votes for another branch only if that one
//! has a later quorum.
//!
//! The pacemaker is ours (the paper leaves it open): views that do not get on are given up, with
//! timeouts that double; a quorum that gave up is a certificate with which the next leader's first
//! view begins. Leaders have several views in a row ([`Config::views_per_leader`]).
//!
//! It stands on: `n > 3f`, links that tell who sent and lose nothing while both ends are up.
//! Safety needs no timing; progress needs messages to arrive within the timeouts, eventually.
//!
//! Where to start: [`Output`] and [`Timer`] are the face to the layer above, [`Message`] what is
//! said, [`Hard`] and [`Record`] what is on disk. Then `propose` (leaders), `vote` (everybody, with
//! the safety rule), `chain` (quorums, locks and commits), `pacemaker`, `catch_up`.
//!
//! # Bounds
//!
//! | what | bound | beyond it |
//! |---|---|---|
//! | values that wait, of each node | `max_pending` | own: [`Output::Busy`]; others': ignored |
//! | blocks that are not committed | one for each view since the last commit | |
//! | committed blocks | `kept_blocks` | who is further behind skips |
//! | votes | the first of each node in each of the next 64 views that this node leads after | ignored |
//! | new views | the latest of each node | |

mod catch_up;
mod chain;
mod config;
mod hard;
mod invariants;
mod message;
mod pacemaker;
mod propose;
mod vote;

pub use config::Config;
pub use hard::{Hard, Head, Record, Voted};
pub use message::{Block, Message, NewView, Propose, Quorum, Vote};

use crate::pool::{Added, Pool};
use crate::value::AgreedValue;
use message::view_of;
use quorate_core::{Effects, Input, Journaled, Never, NodeId, NodeSet, Protocol, Time, To};
use quorate_crypto::{Certificate, Digest, Verified, Votes};
use std::collections::BTreeMap;

/// Its entry in the catalogue.
pub const PROTOCOL: quorate_contract::ProtocolName = quorate_contract::ProtocolName::HotStuff;

/// What the layer above is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// The next block: each height once, in order, without gaps but for [`Output::Skip`].
    Delivered {
        /// From 1.
        height: u64,
        /// In order. May be none.
        values: Vec<AgreedValue>,
    },
    /// What is delivered next comes right after `height`. A state that is older must be brought
    /// there from another node's, and checked against `block`.
    Skip {
        /// The last height left out.
        height: u64,
        /// Its block, which names all before it.
        block: Digest,
    },
    /// Too many values wait: this one is refused.
    Busy(AgreedValue),
}

/// The names of the timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// The view takes too long.
    View,
    /// Others have not given the view up yet, or a block does not come: say it again.
    Retry,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HotStuff {
    config: Config,
    hard: Journaled<Hard>,
    view: u64,
    /// Waits for a quorum to give up the views before `view`, or for its leader.
    changing: bool,
    /// What lets `view` begin, when the view before has no quorum.
    entry: Option<Certificate<NewView>>,
    /// genericQC: the highest quorum.
    high: Option<Quorum>,
    /// lockedQC.
    locked: Option<Quorum>,
    blocks: BTreeMap<Digest, Block>,
    committed: Head,
    /// The quorum that committed it: others may not have been shown that one.
    proof: Option<Quorum>,
    /// Such a quorum from another node, whose block is still missing.
    shown: Option<Quorum>,
    /// A block to commit whose ancestors are still missing.
    to_commit: Option<Digest>,
    /// A proposal whose parent is still missing.
    waiting: Option<Box<Message>>,
    /// Who has nothing left of what this node misses.
    beyond: NodeSet,
    /// The last view of which a proposal was taken: the first counts.
    seen: u64,
    votes: BTreeMap<u64, Votes<Vote>>,
    new_views: BTreeMap<NodeId, Verified<NewView>>,
    /// A quorum has formed here, and no other node was told.
    untold: bool,
    pool: Pool,
    timed: bool,
    retrying: bool,
    /// Views given up since the last commit.
    fruitless: u32,
}

impl Protocol for HotStuff {
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
        let quorums = hard.blocks.values().map(|block| &block.justify);
        let high = quorums.chain([&hard.locked]).max_by_key(|q| view_of(q));
        Self {
            config: config.clone(),
            view: hard.view.max(1),
            changing: hard.view > hard.voted,
            entry: None,
            high: high.cloned().flatten(),
            locked: hard.locked.clone(),
            blocks: hard.blocks.clone(),
            committed: hard.committed,
            hard,
            proof: None,
            shown: None,
            to_commit: None,
            waiting: None,
            beyond: NodeSet::EMPTY,
            seen: 0,
            votes: BTreeMap::new(),
            new_views: BTreeMap::new(),
            untold: false,
            pool: Pool::default(),
            timed: false,
            retrying: false,
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
            Input::Timer(Timer::View) => self.on_view_timeout(out),
            Input::Timer(Timer::Retry) => self.on_retry_timeout(out),
            Input::Message(..) | Input::Coin { .. } => {}
        }
    }

    fn flush(&mut self, _now: Time, out: &mut Effects<Self>) {
        self.propose(out);
        self.watch(out);
    }

    fn check_invariants(&self) -> Result<(), String> {
        invariants::check(self)
    }
}

impl HotStuff {
    /// The view.
    pub fn view(&self) -> u64 {
        self.view
    }

    /// The last block committed.
    pub fn committed(&self) -> Head {
        self.committed
    }

    /// The views of the highest quorum and of the lock.
    pub fn quorums(&self) -> (u64, u64) {
        (view_of(&self.high), view_of(&self.locked))
    }

    /// All that survives a crash.
    pub fn hard(&self) -> &Hard {
        &self.hard
    }

    fn me(&self) -> NodeId {
        self.config.keys.me()
    }

    fn leads(&self, view: u64) -> bool {
        self.config.leader(view) == self.me()
    }

    fn on_value(&mut self, value: AgreedValue, out: &mut Effects<Self>) {
        let me = self.me();
        match self.pool.add(me, value.clone(), self.config.max_pending) {
            // The leader will propose it; no other node needs to know as long as it leads.
            Added::Yes if self.leads(self.view) && !self.changing => {}
            Added::Yes => out.send(To::All, Message::Request(vec![value])),
            Added::Known => {}
            Added::Refused => out.output_eager(Output::Busy(value)),
        }
    }

    fn on_message(&mut self, from: NodeId, message: Message, out: &mut Effects<Self>) {
        match message {
            Message::Request(values) => {
                let others = from != self.me();
                for value in values.into_iter().filter(|_| others) {
                    self.pool.add(from, value, self.config.max_pending);
                }
            }
            Message::Proposal {
                propose,
                block,
                entry,
            } => self.on_proposal(from, propose, block, entry, out),
            Message::Vote(vote) => self.on_vote(vote, out),
            Message::NewView { new_view, high } => self.on_new_view(from, new_view, high, out),
            Message::Quorum(quorum) => self.on_quorum(from, quorum, out),
            Message::Fetch { block, height } => self.on_fetch(from, block, height, out),
            Message::Blocks(blocks) => self.on_blocks(from, blocks, out),
        }
    }
}
