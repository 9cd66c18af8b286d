//! Coming back after a crash, and helping others back.

use super::{Decision, Hard, Message, Output, Precommit, Prevote, Tendermint, Timer};
use quorate_core::{Effects, NodeId, To};

impl Tendermint {
    /// What others said to this node while it was down is lost; what it said itself, perhaps.
    pub(super) fn on_start(&mut self, out: &mut Effects<Self>) {
        if *self.hard == Hard::default() {
            return;
        }
        let (height, block) = self.hard.last();
        if height > 0 {
            out.output_eager(Output::Skip { height, block });
        }
        self.repeat(To::All, out);
        self.fetch(out);
        // Whatever this round was waiting for may never come.
        let wait = self.growing(self.config.timeout_propose);
        match self.step {
            super::Step::Propose => self.await_proposal(out),
            super::Step::Prevote => out.arm(Timer::Prevote, wait, wait),
            super::Step::Precommit => out.arm(Timer::Precommit, wait, wait),
        }
    }

    pub(super) fn fetch(&self, out: &mut Effects<Self>) {
        let height = self.height;
        out.send(To::All, Message::Fetch { height });
    }

    pub(super) fn on_fetch(&mut self, from: NodeId, height: u64, out: &mut Effects<Self>) {
        if from == self.me() {
            return;
        }
        let to = To::One(from);
        let decisions = self.hard.decisions.iter().chain(&self.unwritten);
        let decisions = decisions.filter(|d| d.block.height >= height);
        let decisions: Vec<_> = decisions.cloned().collect();
        if !decisions.is_empty() {
            out.send(to, Message::Decided(decisions));
        }
        if height >= self.height {
            self.repeat(to, out);
            // What ended the round before: a faulty node may have said its part to this one alone,
            // and the paper's gossip would pass it on.
            let before = self.round.checked_sub(1);
            let votes = before.and_then(|round| self.precommits.get(&round));
            for vote in votes.iter().flat_map(|votes| votes.iter()) {
                out.send(to, Message::Precommit(vote));
            }
        }
    }

    /// Decisions from another node, with their proofs.
    pub(super) fn on_decided(
        &mut self,
        from: NodeId,
        decisions: Vec<Decision>,
        out: &mut Effects<Self>,
    ) {
        if let Some(first) = decisions.first()
            && first.block.height > self.height
        {
            // One liar shall not make this node skip what others still have.
            self.beyond.insert(from);
            if self.beyond.len() < self.config.some_honest() {
                return;
            }
        }
        for Decision { certificate, block } in decisions {
            let claimed = *certificate.claimed_statement();
            let news = block.height >= self.height
                && claimed.height == block.height
                && claimed.block == Some(block.id())
                && block.fits(self.config.max_batch);
            if !news {
                continue;
            }
            let Some(certificate) = self.certified(certificate) else {
                return;
            };
            if block.height > self.height {
                // It names all that lies between.
                out.output_eager(Output::Skip {
                    height: block.height - 1,
                    block: block.parent,
                });
            }
            self.decide(certificate.into_certificate(), block, out);
        }
    }

    /// Says again what this node has said at this height.
    pub(super) fn repeat(&self, to: To, out: &mut Effects<Self>) {
        if self.unwritten.is_some() {
            return; // nothing yet
        }
        let (keys, height) = (&self.config.keys, self.height);
        for (&round, said) in &self.hard.said {
            if let Some((proposal, block, polka)) = &said.proposal {
                let message = Message::Proposal {
                    proposal: keys.sign(*proposal).into_signed(),
                    block: block.clone(),
                    polka: polka.clone(),
                };
                out.send(to, message);
            }
            if let Some(block) = said.prevote {
                let vote = Prevote {
                    height,
                    round,
                    block,
                };
                out.send(to, Message::Prevote(keys.sign(vote).into_signed()));
            }
            if let Some(block) = said.precommit {
                let vote = Precommit {
                    height,
                    round,
                    block,
                };
                out.send(to, Message::Precommit(keys.sign(vote).into_signed()));
            }
        }
    }
}
