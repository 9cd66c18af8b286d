//! What survives a crash, and the records that change it.

use super::message::view_of;
use super::{Block, NewView, Quorum};
use quorate_crypto::{Certificate, Digest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The last block known to be committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Head {
    /// Its distance from the beginning.
    pub height: u64,
    /// The block.
    pub block: Digest,
    /// Its view.
    pub view: u64,
}

/// The last vote, the lock, and the blocks that a quorum may rely on this node for. A node that
/// forgot them would vote twice in a view (asonnino/hotstuff#15).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hard {
    /// No vote before this view.
    pub view: u64,
    /// vheight: the last view voted in.
    pub voted: u64,
    /// What the vote was for, and what let its view begin.
    pub last: Option<(Digest, Option<Certificate<NewView>>)>,
    /// lockedQC.
    pub locked: Option<Quorum>,
    /// The blocks voted for, until some time after they are committed.
    pub blocks: BTreeMap<Digest, Block>,
    /// As it was known at the last vote.
    pub committed: Head,
    pub(super) flaw: Option<&'static str>,
}

/// One change of [`Hard`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Record {
    /// A vote, by the leader with its proposal.
    Vote(Box<Voted>),
    /// The views before this one are given up.
    Leave {
        /// The view to come.
        view: u64,
    },
}

/// A vote and all that it hangs on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Voted {
    /// What it is for.
    pub block: Block,
    /// What lets its view begin.
    pub entry: Option<Certificate<NewView>>,
    /// The lock under which it is given.
    pub locked: Option<Quorum>,
    /// What is known to be committed.
    pub committed: Head,
    /// Blocks below this height are not kept.
    pub keep_from: u64,
}

impl quorate_core::Hard for Hard {
    type Record = Record;

    fn apply(&mut self, record: &Record) {
        if let Err(flaw) = self.take(record) {
            self.flaw.get_or_insert(flaw);
        }
    }
}

impl Hard {
    fn take(&mut self, record: &Record) -> Result<(), &'static str> {
        match record {
            Record::Vote(vote) => {
                let Voted {
                    block,
                    entry,
                    locked,
                    committed,
                    keep_from,
                } = &**vote;
                if block.view <= self.voted {
                    return Err("a second vote in a view");
                }
                if block.view < self.view {
                    return Err("a vote in a view that was given up");
                }
                if view_of(locked) < view_of(&self.locked) {
                    return Err("a lock is taken back");
                }
                (self.voted, self.view) = (block.view, block.view);
                self.last = Some((block.id(), entry.clone()));
                self.locked = locked.clone();
                self.committed = *committed;
                self.blocks.insert(block.id(), block.clone());
                let head = *committed;
                self.blocks.retain(|_, block| {
                    block.height >= *keep_from
                        && (block.height <= head.height || block.view > head.view)
                });
            }
            Record::Leave { view } => {
                if *view <= self.view {
                    return Err("a view is given up twice");
                }
                self.view = *view;
            }
        }
        Ok(())
    }
}
