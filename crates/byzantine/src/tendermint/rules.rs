//! The upon-clauses of Algorithm 1.

use super::{Block, Prevote, Proposal, Step, Tendermint, Timer};
use quorate_core::Effects;
use quorate_crypto::{Certificate, Certified, Digest, Signed};

impl Tendermint {
    /// The first proposal of a round's proposer counts.
    pub(super) fn on_proposal(
        &mut self,
        proposal: Signed<Proposal>,
        block: Block,
        polka: Option<Certificate<Prevote>>,
    ) {
        let claimed = *proposal.claimed_statement();
        let proposer = self.config.proposer(claimed.height, claimed.round);
        let good = proposal.claimed_signer() == proposer
            && !self.proposals.contains_key(&claimed.round)
            && claimed.valid_round.is_none_or(|vr| vr < claimed.round)
            && self.is_valid(&block)
            && block.id() == claimed.block;
        let Ok(proposal) = self.config.keys.verify(proposal) else {
            return;
        };
        if !good {
            return;
        }
        // What it claims of an earlier round, it must show.
        let polka = match claimed.valid_round {
            None => None,
            Some(round) => {
                let expected = Prevote {
                    height: claimed.height,
                    round,
                    block: Some(claimed.block),
                };
                let polka = polka.filter(|polka| *polka.claimed_statement() == expected);
                let Some(polka) = polka.and_then(|polka| self.certified(polka)) else {
                    return;
                };
                Some(polka)
            }
        };
        self.blocks.insert(claimed.block, block);
        self.proposals.insert(claimed.round, (proposal, polka));
    }

    /// A block that an honest node may be locked on. Only what is proposed hangs on it, not what
    /// is voted for, so it may come at any time.
    pub(super) fn on_polka(&mut self, certificate: Certificate<Prevote>, block: Block) {
        let claimed = *certificate.claimed_statement();
        let news = claimed.height == self.height
            && claimed.round <= self.round
            && claimed.block == Some(block.id())
            && self.is_valid(&block)
            && self.valid_round().is_none_or(|valid| claimed.round > valid);
        if !news {
            return;
        }
        if let Some(polka) = self.certified(certificate) {
            self.blocks.insert(block.id(), block.clone());
            self.valid = Some((polka, block));
        }
    }

    /// validRound.
    pub(super) fn valid_round(&self) -> Option<u64> {
        self.valid.as_ref().map(|(polka, _)| polka.round)
    }

    /// Applies the rules until none applies. Each moves the step, the round or the height on, or
    /// sets a flag, so it ends.
    pub(super) fn apply_rules(&mut self, out: &mut Effects<Self>) {
        while self.rule_decide(out)
            || self.rule_prevote(out)
            || self.rule_polka(out)
            || self.rule_nil(out)
        {}
        self.start_vote_timers(out);
    }

    /// Line 49: a quorum of precommits for a valid block, of any round.
    fn rule_decide(&mut self, out: &mut Effects<Self>) -> bool {
        let quorum = self.config.quorum();
        let decided = self.precommits.values().find_map(|votes| {
            let certificate = votes.any_certificate(quorum)?;
            let block = self.blocks.get(&certificate.block?)?;
            Some((certificate.into_certificate(), block.clone()))
        });
        match decided {
            Some((certificate, block)) => {
                self.decide(certificate, block, out);
                true
            }
            None => false,
        }
    }

    /// Lines 22 to 33.
    fn rule_prevote(&mut self, out: &mut Effects<Self>) -> bool {
        if self.step != Step::Propose {
            return false;
        }
        let Some((proposal, _)) = self.proposals.get(&self.round) else {
            return false;
        };
        let block = proposal.block;
        // The rule that makes it safe, and the one that lets it go on: a lock holds against all
        // but the same block and what a quorum prevoted for in the lock's round or later.
        let free = match (self.locked(), proposal.valid_round) {
            (None, _) => true,
            (Some((_, locked)), _) if locked == block => true,
            (Some((locked_round, _)), Some(valid_round)) => locked_round <= valid_round,
            (Some(_), None) => false,
        };
        self.prevote(free.then_some(block), out);
        true
    }

    /// Lines 36 to 43: a quorum prevoted for this block in this round.
    fn rule_polka(&mut self, out: &mut Effects<Self>) -> bool {
        let (quorum, round) = (self.config.quorum(), self.round);
        if self.step == Step::Propose || self.valid_round() == Some(round) {
            return false;
        }
        let Some((polka, block)) = self.polka(round, quorum) else {
            return false;
        };
        if self.step == Step::Prevote {
            let lock = (polka.as_certificate().clone(), block.clone());
            self.precommit(Some(block.id()), Some(lock), out);
        }
        self.valid = Some((polka, block));
        true
    }

    fn polka(&self, round: u64, quorum: usize) -> Option<(Certified<Prevote>, Block)> {
        let polka = self.prevotes.get(&round)?.any_certificate(quorum)?;
        let block: Digest = polka.block?;
        let block = self.blocks.get(&block)?.clone();
        Some((polka, block))
    }

    /// Lines 44 to 46.
    fn rule_nil(&mut self, out: &mut Effects<Self>) -> bool {
        let nil = Prevote {
            height: self.height,
            round: self.round,
            block: None,
        };
        let votes = self.prevotes.get(&self.round);
        let nils = votes.map_or(0, |votes| votes.count(&nil));
        if self.step != Step::Prevote || nils < self.config.quorum() {
            return false;
        }
        self.precommit(None, None, out);
        true
    }

    /// Lines 34 and 47: a quorum has voted for whatever; the rest gets a little longer.
    fn start_vote_timers(&mut self, out: &mut Effects<Self>) {
        let quorum = self.config.quorum();
        let wait = self.growing(self.config.timeout_vote);
        let voted = self.prevotes.get(&self.round);
        let voted = voted.is_some_and(|votes| votes.voters().len() >= quorum);
        if self.step == Step::Prevote && voted && !self.prevote_timed {
            self.prevote_timed = true;
            out.arm(Timer::Prevote, wait, wait);
        }
        let voted = self.precommits.get(&self.round);
        let voted = voted.is_some_and(|votes| votes.voters().len() >= quorum);
        if voted && !self.precommit_timed {
            self.precommit_timed = true;
            out.arm(Timer::Precommit, wait, wait);
        }
        self.await_proposal(out);
    }
}
