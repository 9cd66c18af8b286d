//! Quorums, locks and commits.

use super::message::view_of;
use super::{Block, Head, HotStuff, Output, Quorum};
use quorate_core::Effects;
use quorate_crypto::Digest;

impl HotStuff {
    pub(super) fn is_quorum(&self, quorum: &Quorum) -> bool {
        if self.high.as_ref() == Some(quorum) {
            return true;
        }
        let size = self.config.quorum();
        self.config.keys.certify(quorum.clone(), size).is_ok()
    }

    /// The height of the block of a quorum, if the block is here.
    pub(super) fn height_of(&self, quorum: &Option<Quorum>) -> Option<u64> {
        match quorum {
            None => Some(0),
            Some(quorum) => {
                let id = quorum.claimed_statement().block;
                if id == self.committed.block {
                    return Some(self.committed.height);
                }
                self.blocks.get(&id).map(|block| block.height)
            }
        }
    }

    /// What a verified quorum says about the blocks before it (Algorithm 3).
    pub(super) fn take_quorum(&mut self, quorum: Quorum, out: &mut Effects<Self>) {
        let view = quorum.claimed_statement().view;
        if view > view_of(&self.high) {
            self.high = Some(quorum.clone());
            self.votes = self.votes.split_off(&view);
        }
        self.consider(&quorum, out);
        if view >= self.view {
            self.begin(view + 1, None, out);
        }
    }

    pub(super) fn consider(&mut self, quorum: &Quorum, out: &mut Effects<Self>) {
        let Some(third) = self.blocks.get(&quorum.claimed_statement().block) else {
            return; // when it comes, this is considered again
        };
        // COMMIT phase on the parent: lock it.
        if third.parent_view() > view_of(&self.locked) {
            self.locked = third.justify.clone();
        }
        // DECIDE phase on the grandparent: three in consecutive views.
        let parent = |block: &Block| {
            let parent = self.blocks.get(&block.parent())?;
            (parent.view + 1 == block.view).then_some(parent)
        };
        let first = parent(third).and_then(parent);
        if let Some(first) = first.filter(|first| first.height > self.committed.height) {
            let first = first.id();
            self.proof = Some(quorum.clone());
            self.commit(first, out);
        }
    }

    /// Delivers everything up to a committed block, once it is all here.
    pub(super) fn commit(&mut self, block: Digest, out: &mut Effects<Self>) {
        let mut chain = vec![];
        let mut at = block;
        while at != self.committed.block {
            let Some(block) = self.blocks.get(&at) else {
                self.to_commit = Some(block);
                self.fetch(None, at, out);
                return;
            };
            if block.height <= self.committed.height {
                return; // not reached: one of two committed blocks would contradict the other
            }
            chain.push(block.clone());
            at = block.parent();
        }
        self.to_commit = None;
        for block in chain.into_iter().rev() {
            block.values.iter().for_each(|v| self.pool.ordered(v));
            self.committed = Head {
                height: block.height,
                block: block.id(),
                view: block.view,
            };
            out.output_eager(Output::Delivered {
                height: block.height,
                values: block.values,
            });
        }
        self.fruitless = 0;
        self.forget();
    }

    /// Branches that lost, and what is long committed.
    pub(super) fn forget(&mut self) {
        let head = self.committed;
        let first = head.height.saturating_sub(self.config.kept_blocks);
        self.blocks.retain(|_, block| {
            block.height >= first && (block.height <= head.height || block.view > head.view)
        });
    }
}
