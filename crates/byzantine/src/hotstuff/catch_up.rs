//! Coming back after a crash, and getting blocks that others have.

use super::{Block, Hard, Head, HotStuff, Message, Output};
use quorate_core::{Effects, NodeId, To};
use quorate_crypto::Digest;

impl HotStuff {
    /// What others said to this node while it was down is lost; what it said itself, perhaps.
    pub(super) fn on_start(&mut self, out: &mut Effects<Self>) {
        if *self.hard == Hard::default() {
            return;
        }
        if self.committed.height > 0 {
            let Head { height, block, .. } = self.committed;
            out.output_eager(Output::Skip { height, block });
        }
        if let Some(high) = self.high.clone() {
            // What it commits may not have been written down.
            self.high = None;
            self.take_quorum(high, out);
        }
        self.repeat(To::All, out);
        self.fetch_missing(out);
        if self.changing {
            self.say_new_view(To::All, out);
        }
    }

    /// Asks all for what this node misses, or for what goes on.
    pub(super) fn fetch_missing(&self, out: &mut Effects<Self>) {
        let wanted = self.wanted().unwrap_or(self.committed.block);
        self.fetch(None, wanted, out);
    }

    /// Says its last words again: the vote to whom it belongs, the proposal if it leads.
    fn repeat(&self, to: To, out: &mut Effects<Self>) {
        let Some((id, entry)) = &self.hard.last else {
            return;
        };
        let Some(block) = self.hard.blocks.get(id) else {
            return;
        };
        if self.leads(block.view) {
            out.send(to, self.proposal(block.clone(), entry.clone()));
        }
        let vote = super::Vote {
            view: block.view,
            block: *id,
        };
        let next = self.config.leader(block.view + 1);
        let wanted = match to {
            To::All => true,
            To::One(node) => node == next,
        };
        if wanted {
            let vote = self.config.keys.sign(vote).into_signed();
            out.send(To::One(next), Message::Vote(vote));
        }
    }

    pub(super) fn ask_for_missing(&self, from: NodeId, block: Digest, out: &mut Effects<Self>) {
        if !self.blocks.contains_key(&block) && block != self.committed.block {
            self.fetch(Some(from), block, out);
        }
    }

    pub(super) fn fetch(&self, from: Option<NodeId>, block: Digest, out: &mut Effects<Self>) {
        let height = self.committed.height;
        let to = from.map_or(To::All, To::One);
        out.send(to, Message::Fetch { block, height });
    }

    pub(super) fn on_fetch(
        &mut self,
        from: NodeId,
        block: Digest,
        height: u64,
        out: &mut Effects<Self>,
    ) {
        if from == self.me() {
            return;
        }
        let to = To::One(from);
        let mut chain = vec![];
        let mut at = block;
        while let Some(block) = self.blocks.get(&at).filter(|block| block.height > height) {
            chain.push(block.clone());
            at = block.parent();
        }
        if !chain.is_empty() {
            return out.send(to, Message::Blocks(chain));
        }
        // It does not know what to ask for.
        if let Some(high) = self.high.clone() {
            out.send(to, Message::Quorum(high));
        }
        if let Some(proof) = self
            .proof
            .clone()
            .filter(|_| height < self.committed.height)
        {
            out.send(to, Message::Quorum(proof));
        }
        self.repeat(to, out);
        if self.changing {
            self.say_new_view(to, out);
        }
    }

    /// Blocks that hang together, and of which the latest is one that a quorum voted for.
    pub(super) fn on_blocks(&mut self, from: NodeId, blocks: Vec<Block>, out: &mut Effects<Self>) {
        let Some(wanted) = self.wanted() else {
            return;
        };
        let mut at = wanted;
        let mut lowest = None;
        let mut chain = vec![];
        for block in blocks {
            if block.id() != at || !block.fits(self.config.max_batch) {
                break;
            }
            if block.justify.as_ref().is_some_and(|q| !self.is_quorum(q)) {
                break;
            }
            at = block.parent();
            lowest = Some((block.height, block.parent(), block.parent_view()));
            chain.push(block);
        }
        let Some((height, parent, parent_view)) = lowest else {
            return;
        };
        let gap = parent != self.committed.block && !self.blocks.contains_key(&parent);
        if gap && height > self.committed.height + 1 {
            // One liar must not be able to claim that no node has the blocks between.
            self.beyond.insert(from);
            if self.beyond.len() < self.config.some_honest() {
                return self.fetch(None, wanted, out);
            }
        }
        for block in chain {
            self.blocks.insert(block.id(), block);
        }
        let committed = self.to_commit.is_some() || self.is_final(wanted);
        if gap && height > self.committed.height + 1 && committed {
            let height = height - 1;
            self.committed = Head {
                height,
                block: parent,
                view: parent_view,
            };
            let block = parent;
            out.output_eager(Output::Skip { height, block });
        }
        self.beyond = quorate_core::NodeSet::EMPTY;
        self.resume(from, out);
    }

    /// Blocks were missing, and some are here now.
    fn resume(&mut self, from: NodeId, out: &mut Effects<Self>) {
        if let Some(high) = self.high.clone() {
            self.take_quorum(high, out);
        }
        if let Some(shown) = self.shown.take() {
            self.consider(&shown, out);
        }
        if let Some(block) = self.to_commit {
            self.commit(block, out);
        }
        if let Some(waiting) = self.waiting.take() {
            self.on_message(from, *waiting, out);
        }
    }

    /// The block that this node misses: on the way to the last one to commit, or to the highest
    /// quorum.
    pub(super) fn wanted(&self) -> Option<Digest> {
        let high = self.high.as_ref().map(|q| q.claimed_statement().block);
        [self.to_commit, high]
            .into_iter()
            .flatten()
            .find_map(|from| {
                let mut at = from;
                loop {
                    if at == self.committed.block || at == Digest::default() {
                        return None;
                    }
                    match self.blocks.get(&at) {
                        Some(block) if block.height <= self.committed.height => return None,
                        Some(block) => at = block.parent(),
                        None => return Some(at),
                    }
                }
            })
    }

    /// Three blocks in consecutive views, the last with a quorum, lie on this one or after it: what
    /// is before it is committed.
    fn is_final(&self, tip: Digest) -> bool {
        let mut views = vec![];
        let mut at = tip;
        while let Some(block) = self.blocks.get(&at) {
            views.push(block.view);
            at = block.parent();
        }
        views
            .windows(3)
            .any(|v| v[0] == v[1] + 1 && v[1] == v[2] + 1)
    }
}
