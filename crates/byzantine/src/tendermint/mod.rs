//! Tendermint (Buchman, Kwon, Milosevic: The latest gossip on BFT consensus, 2018).
//!
//! What it does: decides one block at each height, in rounds with rotating proposers, by prevotes
//! and precommits; locks what may be decided, and unlocks when a later quorum prevotes for
//! something else. The numbers at the branches are the lines of Algorithm 1.
//!
//! Where it departs from the paper: certificates take the place of gossip. A proposal that claims a
//! valid round brings its prevotes, and a round that ends without decision shows those it had. And
//! nothing is proposed, nor waited for, while there is nothing to decide.
//!
//! It stands on: `n > 3f`, links that tell who sent and lose nothing while both ends are up.
//! Safety needs no timing; progress needs messages to arrive within the (growing) timeouts,
//! eventually.
//!
//! Where to start: [`Output`] and [`Timer`] are the face to the layer above, [`Message`] what is
//! said, [`Hard`] and [`Record`] what is on disk. Then `rules` (the paper's upon-clauses), `round`
//! (what starts and ends one), `catch_up`.
//!
//! # Bounds
//!
//! | what | bound | beyond it |
//! |---|---|---|
//! | values that wait, of each node | `max_pending` | own: [`Output::Busy`]; others': ignored |
//! | votes | the first of each node in each of the latest rounds | ignored |
//! | messages of later heights and rounds, of each node | 64 | the oldest go; decisions are fetched |
//! | decisions | `kept_decisions` | who is further behind skips |

mod catch_up;
mod config;
mod hard;
mod invariants;
mod later;
mod message;
mod round;
mod rules;

pub use config::Config;
pub use hard::{Decision, Hard, Record, RoundMessages};
pub use message::{Block, Message, Precommit, Prevote, Proposal};

use crate::pool::{Added, Pool};
use crate::value::AgreedValue;
use later::Later;
use quorate_core::{Effects, Input, Journaled, Never, NodeId, NodeSet, Protocol, Time, To};
use quorate_crypto::{Certificate, Certified, Counted, Digest, Statement, Verified, Votes};
use std::collections::BTreeMap;

/// Its entry in the catalogue.
pub const PROTOCOL: quorate_contract::ProtocolName = quorate_contract::ProtocolName::Tendermint;

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
    /// Two votes of one node in one round: it lied.
    Equivocation(NodeId),
}

/// The names of the timers; each belongs to the current round, but for `Fetch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// OnTimeoutPropose.
    Propose,
    /// OnTimeoutPrevote.
    Prevote,
    /// OnTimeoutPrecommit.
    Precommit,
    /// The height takes too long: perhaps another node has decided by votes that this one was not
    /// shown. The paper's gossip would have passed them on. It runs through all rounds of the height: a
    /// liar that helps each round to its end kept it from ever firing.
    Fetch,
}

/// step_p.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Waits for the proposal.
    Propose,
    /// Has prevoted.
    Prevote,
    /// Has precommitted.
    Precommit,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tendermint {
    config: Config,
    hard: Journaled<Hard>,
    /// Decided, and written with the first vote of the next height: until then a crash only means
    /// that it is decided again.
    unwritten: Option<Decision>,
    height: u64,
    /// The block decided before.
    parent: Digest,
    round: u64,
    step: Step,
    /// validValue and the prevotes of validRound.
    valid: Option<(Certified<Prevote>, Block)>,
    /// By round: the first proposal of its proposer, with its proof.
    proposals: BTreeMap<u64, (Verified<Proposal>, Option<Certified<Prevote>>)>,
    /// Valid blocks of this height.
    blocks: BTreeMap<Digest, Block>,
    prevotes: BTreeMap<u64, Votes<Prevote>>,
    precommits: BTreeMap<u64, Votes<Precommit>>,
    later: Later,
    /// Who has nothing left of this height, but of later ones.
    beyond: NodeSet,
    pool: Pool,
    /// What happens "for the first time" in a round.
    awaiting_proposal: bool,
    fetching: bool,
    prevote_timed: bool,
    precommit_timed: bool,
}

impl Protocol for Tendermint {
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
        let (last, parent) = hard.last();
        let (round, step) = match hard.said.last_key_value() {
            None => (0, Step::Propose),
            Some((round, said)) if said.precommit.is_some() => (*round, Step::Precommit),
            Some((round, said)) if said.prevote.is_some() => (*round, Step::Prevote),
            Some((round, _)) => (*round, Step::Propose),
        };
        let quorum = config.quorum();
        let valid = hard.locked.clone().and_then(|(polka, block)| {
            let polka = config.keys.certify(polka, quorum).ok()?;
            Some((polka, block))
        });
        let blocks = valid.iter().map(|(_, block)| (block.id(), block.clone()));
        Self {
            config: config.clone(),
            unwritten: None,
            height: last + 1,
            parent,
            round,
            step,
            blocks: blocks.collect(),
            valid,
            hard,
            proposals: BTreeMap::new(),
            prevotes: BTreeMap::new(),
            precommits: BTreeMap::new(),
            later: Later::default(),
            beyond: NodeSet::EMPTY,
            pool: Pool::default(),
            awaiting_proposal: false,
            fetching: false,
            prevote_timed: false,
            precommit_timed: false,
        }
    }

    fn step(&mut self, _now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => self.on_start(out),
            Input::Request(value) => self.on_value(value, out),
            Input::Message(from, message) if from.0 < self.config.nodes.into() => {
                self.on_message(from, message, out);
            }
            Input::Timer(timer) => self.on_timeout(timer, out),
            Input::Message(..) | Input::Coin { .. } => {}
        }
        self.apply_rules(out);
    }

    fn check_invariants(&self) -> Result<(), String> {
        invariants::check(self)
    }
}

impl Tendermint {
    /// The height that is being decided.
    pub fn height(&self) -> u64 {
        self.height
    }

    /// The round of that height.
    pub fn round(&self) -> u64 {
        self.round
    }

    /// The block decided last, which names all before it.
    pub fn parent(&self) -> Digest {
        self.parent
    }

    /// lockedRound and lockedValue.
    pub fn locked(&self) -> Option<(u64, Digest)> {
        if self.unwritten.is_some() {
            return None;
        }
        let locked = self.hard.locked.as_ref();
        locked.map(|(polka, block)| (polka.claimed_statement().round, block.id()))
    }

    /// All that survives a crash.
    pub fn hard(&self) -> &Hard {
        &self.hard
    }

    fn me(&self) -> NodeId {
        self.config.keys.me()
    }

    fn proposer(&self) -> NodeId {
        self.config.proposer(self.height, self.round)
    }

    fn certified<M: Statement>(&self, certificate: Certificate<M>) -> Option<Certified<M>> {
        let quorum = self.config.quorum();
        self.config.keys.certify(certificate, quorum).ok()
    }

    /// valid(v).
    fn is_valid(&self, block: &Block) -> bool {
        block.height == self.height
            && block.parent == self.parent
            && block.fits(self.config.max_batch)
    }

    fn on_value(&mut self, value: AgreedValue, out: &mut Effects<Self>) {
        let me = self.me();
        match self.pool.add(me, value.clone(), self.config.max_pending) {
            Added::Yes => {
                // The next proposer must know; this node, if it can propose at once, need not
                // tell.
                if !self.propose(out) {
                    out.send(To::All, Message::Request(value));
                }
                self.await_proposal(out);
            }
            Added::Known => {}
            Added::Refused => out.output_eager(Output::Busy(value)),
        }
    }

    fn on_message(&mut self, from: NodeId, message: Message, out: &mut Effects<Self>) {
        if let Some((height, round)) = message.place() {
            if (height, round) > (self.height, self.round) {
                self.later.keep(from, message);
                self.await_proposal(out);
                return self.join_later_round(out);
            }
            if height < self.height {
                return;
            }
        }
        match message {
            Message::Request(value) => {
                if from != self.me() {
                    self.pool.add(from, value, self.config.max_pending);
                    self.propose(out);
                }
                self.await_proposal(out);
            }
            Message::Proposal {
                proposal,
                block,
                polka,
            } => self.on_proposal(proposal, block, polka),
            Message::Prevote(vote) => {
                let round = vote.claimed_statement().round;
                if let Ok(vote) = self.config.keys.verify(vote) {
                    let counted = self.prevotes.entry(round).or_default().add(vote);
                    note_lie(&counted, out);
                }
            }
            Message::Precommit(vote) => {
                let round = vote.claimed_statement().round;
                if let Ok(vote) = self.config.keys.verify(vote) {
                    let counted = self.precommits.entry(round).or_default().add(vote);
                    note_lie(&counted, out);
                }
            }
            Message::Polka { certificate, block } => self.on_polka(certificate, block),
            Message::Fetch { height } => self.on_fetch(from, height, out),
            Message::Decided(decisions) => self.on_decided(from, decisions, out),
        }
    }
}

/// Evidence shows a liar to the layer above; the protocol does not need it.
fn note_lie<M>(counted: &Counted<M>, out: &mut Effects<Tendermint>) {
    if let Counted::Equivocation(evidence) = counted {
        let liar = evidence.first.claimed_signer();
        out.output_eager(Output::Equivocation(liar));
    }
}
