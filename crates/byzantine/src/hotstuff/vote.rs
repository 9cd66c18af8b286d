//! What everybody does with a proposal.

use super::message::view_of;
use super::{Block, HotStuff, Message, NewView, Propose};
use quorate_core::{Effects, NodeId, To};
use quorate_crypto::{Certificate, Digest, Signed};

impl HotStuff {
    pub(super) fn on_proposal(
        &mut self,
        from: NodeId,
        propose: Signed<Propose>,
        block: Block,
        entry: Option<Certificate<NewView>>,
        out: &mut Effects<Self>,
    ) {
        let claimed = *propose.claimed_statement();
        let expected = Propose {
            view: block.view,
            block: block.id(),
        };
        let good = claimed == expected
            && propose.claimed_signer() == self.config.leader(block.view)
            && block.parent_view() < block.view
            && block.fits(self.config.max_batch);
        if !good
            || block.view <= self.hard.voted
            || self.config.keys.verify(propose.clone()).is_err()
        {
            return;
        }
        if let Some(justify) = &block.justify {
            if !self.is_quorum(justify) {
                return;
            }
            self.ask_for_missing(from, justify.claimed_statement().block, out);
            self.take_quorum(justify.clone(), out);
        }
        if block.view < self.view || !self.may_begin(&block, &entry) {
            return;
        }
        let Some(parent_height) = self.height_of(&block.justify) else {
            let waiting = Message::Proposal {
                propose,
                block,
                entry,
            };
            self.waiting = Some(Box::new(waiting));
            return;
        };
        if block.height != parent_height + 1 {
            return;
        }
        self.seen = block.view;
        self.begin(block.view, entry.clone(), out);
        self.blocks.insert(expected.block, block.clone());
        if self.is_safe(&block) {
            let vote = self.write_vote(&block, entry, out);
            let next = self.config.leader(block.view + 1);
            out.send(To::One(next), Message::Vote(vote));
        }
    }

    /// A view begins with the quorum of the one before, or when a quorum has given that up: else a
    /// lying leader could take all nodes into its own views at any time.
    fn may_begin(&self, block: &Block, entry: &Option<Certificate<NewView>>) -> bool {
        if block.parent_view() + 1 == block.view {
            return true;
        }
        let view = block.view;
        let entry = entry.clone().filter(|e| e.claimed_statement().view == view);
        let quorum = self.config.quorum();
        entry.is_some_and(|entry| self.config.keys.certify(entry, quorum).is_ok())
    }

    /// safeNode: the block extends the locked one, or shows that a quorum has moved on since.
    fn is_safe(&self, block: &Block) -> bool {
        let Some(locked) = &self.locked else {
            return true;
        };
        let locked = locked.claimed_statement();
        view_of(&block.justify) > locked.view || self.extends(block, locked.view, locked.block)
    }

    fn extends(&self, block: &Block, view: u64, ancestor: Digest) -> bool {
        let mut at = block.parent();
        loop {
            if at == ancestor {
                return true;
            }
            match self.blocks.get(&at) {
                Some(block) if block.view > view => at = block.parent(),
                _ => return false,
            }
        }
    }
}
