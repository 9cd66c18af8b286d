//! What leaders do.

use super::message::view_of;
use super::{Block, HotStuff, Message, Propose, Record, Vote, Voted};
use quorate_core::{Effects, To};
use quorate_crypto::{Certificate, Signed};
use std::collections::BTreeSet;

/// How many views ahead votes are kept.
const WINDOW: u64 = 64;

impl HotStuff {
    /// Is there a value that waits, or one in a block that is not committed yet?
    pub(super) fn unfinished(&self) -> bool {
        let head = self.committed.height;
        let mut blocks = self.blocks.values();
        !self.pool.is_empty() || blocks.any(|b| b.height > head && !b.values.is_empty())
    }

    /// Once in a view that has begun, while there is something to do.
    pub(super) fn propose(&mut self, out: &mut Effects<Self>) {
        let begun = view_of(&self.high) + 1 == self.view || self.entry.is_some();
        let untold = std::mem::take(&mut self.untold);
        if !self.leads(self.view) || self.hard.voted >= self.view || !begun {
            return;
        }
        if !self.unfinished() {
            // The quorum finished it; the others must know, and no block will carry it soon.
            if let Some(high) = self.high.clone().filter(|_| untold) {
                out.send(To::All, Message::Quorum(high));
            }
            return;
        }
        let Some(height) = self.height_of(&self.high) else {
            return; // the block of the highest quorum is being fetched
        };
        let block = Block {
            view: self.view,
            height: height + 1,
            justify: self.high.clone(),
            values: self.fresh_values(),
        };
        self.blocks.insert(block.id(), block.clone());
        let entry = self.entry.clone();
        let vote = self.write_vote(&block, entry.clone(), out);
        out.send(To::All, self.proposal(block, entry));
        out.send(
            To::One(self.config.leader(self.view + 1)),
            Message::Vote(vote),
        );
    }

    pub(super) fn proposal(
        &self,
        block: Block,
        entry: Option<Certificate<super::NewView>>,
    ) -> Message {
        let propose = self.config.keys.sign(Propose {
            view: block.view,
            block: block.id(),
        });
        Message::Proposal {
            propose: propose.into_signed(),
            block,
            entry,
        }
    }

    /// Values that are not in a block on the way to the one to be proposed.
    fn fresh_values(&self) -> Vec<crate::value::AgreedValue> {
        let mut taken = BTreeSet::new();
        let mut at = self.high.as_ref().map(|q| q.claimed_statement().block);
        while let Some(block) = at.and_then(|id| self.blocks.get(&id)) {
            if block.height <= self.committed.height {
                break;
            }
            taken.extend(&block.values);
            at = Some(block.parent());
        }
        self.pool.oldest(self.config.max_batch, &taken)
    }

    /// The lock is on disk with the vote that was given under it.
    pub(super) fn write_vote(
        &mut self,
        block: &Block,
        entry: Option<Certificate<super::NewView>>,
        out: &mut Effects<Self>,
    ) -> Signed<Vote> {
        let kept = self.config.kept_blocks;
        let vote = Voted {
            block: block.clone(),
            entry,
            locked: self.locked.clone(),
            committed: self.committed,
            keep_from: self.committed.height.saturating_sub(kept),
        };
        self.hard.write(Record::Vote(Box::new(vote)), out);
        let vote = Vote {
            view: block.view,
            block: block.id(),
        };
        self.config.keys.sign(vote).into_signed()
    }

    /// Votes for a view go to the leader of the next.
    pub(super) fn on_vote(&mut self, vote: Signed<Vote>, out: &mut Effects<Self>) {
        let claimed = *vote.claimed_statement();
        let near =
            claimed.view.saturating_add(1) >= self.view && claimed.view <= self.view + WINDOW;
        let news = claimed.view > view_of(&self.high);
        if !near || !news || !self.leads(claimed.view.saturating_add(1)) {
            return;
        }
        let Ok(vote) = self.config.keys.verify(vote) else {
            return;
        };
        let votes = self.votes.entry(claimed.view).or_default();
        votes.add(vote);
        if let Some(quorum) = votes.certificate(&claimed, self.config.quorum()) {
            self.untold = true;
            self.take_quorum(quorum.into_certificate(), out);
        }
    }
}
