//! What starts and ends a round.

use super::hard::KEPT_ROUNDS;
use super::{
    Block, Decision, Message, Output, Precommit, Prevote, Proposal, Record, Step, Tendermint, Timer,
};
use quorate_core::{Effects, To};
use quorate_crypto::{Certificate, Certified, Digest};
use std::collections::BTreeSet;
use std::time::Duration;

impl Tendermint {
    /// Lines 11 to 21.
    pub(super) fn start_round(&mut self, round: u64, out: &mut Effects<Self>) {
        // A quorum prevoted in a round that decided nothing: let all know what may be locked.
        if let Some((polka, block)) = &self.valid
            && polka.round + 1 == round
        {
            let certificate = polka.as_certificate().clone();
            let block = block.clone();
            out.send(To::All, Message::Polka { certificate, block });
        }
        (self.round, self.step) = (round, Step::Propose);
        (self.prevote_timed, self.precommit_timed) = (false, false);
        self.awaiting_proposal = false;
        for timer in [Timer::Propose, Timer::Prevote, Timer::Precommit] {
            out.disarm(timer);
        }
        let oldest = round.saturating_sub(KEPT_ROUNDS as u64);
        self.prevotes = self.prevotes.split_off(&oldest);
        self.precommits = self.precommits.split_off(&oldest);
        self.proposals = self.proposals.split_off(&oldest);
        self.propose(out);
        self.await_proposal(out);
        for (from, message) in self.later.take() {
            self.on_message(from, message, out);
        }
    }

    /// Lines 14 to 19, once there is something to propose; says whether it was proposed.
    pub(super) fn propose(&mut self, out: &mut Effects<Self>) -> bool {
        let mine = self.proposer() == self.me() && self.step == Step::Propose;
        let said = self.hard.said.get(&self.round);
        let again = self.unwritten.is_none() && said.is_some_and(|s| s.proposal.is_some());
        // A later round was started by somebody: it ends best with a decision, be it empty.
        let something = self.round > 0 || !self.pool.is_empty() || self.valid.is_some();
        if !mine || again || !something {
            return false;
        }
        let (block, polka) = match &self.valid {
            Some((polka, block)) => (block.clone(), Some(polka.clone())),
            None => (self.new_block(), None),
        };
        let proposal = Proposal {
            height: self.height,
            round: self.round,
            block: block.id(),
            valid_round: polka.as_ref().map(|polka| polka.round),
        };
        let polka = polka.map(Certified::into_certificate);
        self.write_decision(out);
        let record = Record::Propose {
            proposal,
            block: block.clone(),
            polka: polka.clone(),
        };
        self.hard.write(record, out);
        let proposal = self.config.keys.sign(proposal).into_signed();
        let message = Message::Proposal {
            proposal,
            block,
            polka,
        };
        out.send(To::All, message);
        true
    }

    /// getValue().
    fn new_block(&self) -> Block {
        Block {
            height: self.height,
            parent: self.parent,
            values: self.pool.oldest(self.config.max_batch, &BTreeSet::new()),
        }
    }

    /// Line 21, as soon as there is something to wait for.
    pub(super) fn await_proposal(&mut self, out: &mut Effects<Self>) {
        let something = self.round > 0
            || !self.pool.is_empty()
            || !self.later.is_empty()
            || !self.proposals.is_empty()
            || !self.prevotes.is_empty();
        let wait = self.growing(self.config.timeout_propose);
        if self.step == Step::Propose && something && !self.awaiting_proposal {
            self.awaiting_proposal = true;
            out.arm(Timer::Propose, wait, wait);
        }
        if (self.step != Step::Propose || something) && !self.fetching {
            self.fetching = true;
            out.arm(Timer::Fetch, 4 * wait, 4 * wait);
        }
    }

    pub(super) fn growing(&self, base: Duration) -> Duration {
        let rounds = u32::try_from(self.round).unwrap_or(u32::MAX);
        base.saturating_add(self.config.timeout_delta.saturating_mul(rounds))
    }

    /// Lines 57 to 67.
    pub(super) fn on_timeout(&mut self, timer: Timer, out: &mut Effects<Self>) {
        match timer {
            Timer::Propose if self.step == Step::Propose => self.prevote(None, out),
            Timer::Prevote if self.step == Step::Prevote => self.precommit(None, None, out),
            Timer::Precommit => self.start_round(self.round + 1, out),
            Timer::Fetch => {
                self.fetching = false;
                self.fetch(out);
            }
            Timer::Propose | Timer::Prevote => {}
        }
    }

    /// Line 55: an honest node is in a later round.
    pub(super) fn join_later_round(&mut self, out: &mut Effects<Self>) {
        let round = self.later.round_of(self.height, self.config.some_honest());
        if let Some(round) = round.filter(|round| *round > self.round) {
            self.start_round(round, out);
        }
    }

    pub(super) fn prevote(&mut self, block: Option<Digest>, out: &mut Effects<Self>) {
        let vote = Prevote {
            height: self.height,
            round: self.round,
            block,
        };
        self.write_decision(out);
        self.hard.write(Record::Prevote(vote), out);
        let vote = self.config.keys.sign(vote).into_signed();
        out.send(To::All, Message::Prevote(vote));
        self.step = Step::Prevote;
        out.disarm(Timer::Propose);
    }

    /// The lock and the vote that needs it are one record.
    pub(super) fn precommit(
        &mut self,
        block: Option<Digest>,
        lock: Option<(Certificate<Prevote>, Block)>,
        out: &mut Effects<Self>,
    ) {
        let vote = Precommit {
            height: self.height,
            round: self.round,
            block,
        };
        self.write_decision(out);
        self.hard.write(Record::Precommit { vote, lock }, out);
        let vote = self.config.keys.sign(vote).into_signed();
        out.send(To::All, Message::Precommit(vote));
        self.step = Step::Precommit;
        out.disarm(Timer::Prevote);
    }

    /// Lines 49 to 54.
    pub(super) fn decide(
        &mut self,
        certificate: Certificate<Precommit>,
        block: Block,
        out: &mut Effects<Self>,
    ) {
        self.write_decision(out);
        block.values.iter().for_each(|v| self.pool.ordered(v));
        (self.height, self.parent) = (block.height + 1, block.id());
        out.output_eager(Output::Delivered {
            height: block.height,
            values: block.values.clone(),
        });
        self.unwritten = Some(Decision { certificate, block });
        self.valid = None;
        self.beyond = quorate_core::NodeSet::EMPTY;
        self.proposals.clear();
        self.blocks.clear();
        self.prevotes.clear();
        self.precommits.clear();
        self.fetching = false;
        out.disarm(Timer::Fetch);
        self.start_round(0, out);
    }

    /// Before anything of the next height.
    pub(super) fn write_decision(&mut self, out: &mut Effects<Self>) {
        if let Some(decision) = self.unwritten.take() {
            let keep = u32::try_from(self.config.kept_decisions).unwrap_or(u32::MAX);
            self.hard.write(Record::Decided { decision, keep }, out);
        }
    }
}
