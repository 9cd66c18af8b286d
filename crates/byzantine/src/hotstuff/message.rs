//! What nodes say to each other.

use crate::value;

use crate::value::AgreedValue;
use quorate_core::Never;
use quorate_crypto::{Certificate, Digest, Signed, Statement};
use serde::{Deserialize, Serialize};

/// A quorum's votes for a block: a QC.
pub type Quorum = Certificate<Vote>;

/// A node of the tree of blocks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Block {
    /// The view in which it is proposed.
    pub view: u64,
    /// Its distance from the beginning.
    pub height: u64,
    /// The quorum for its parent; `None` for the beginning.
    pub justify: Option<Quorum>,
    /// In order. May be none.
    pub values: Vec<AgreedValue>,
}

impl Block {
    /// The block that this one extends: always the one that it brings a quorum for.
    pub fn parent(&self) -> Digest {
        let justify = self.justify.as_ref();
        justify.map_or(Digest::default(), |quorum| quorum.claimed_statement().block)
    }

    /// The view of the parent; 0 for the beginning.
    pub fn parent_view(&self) -> u64 {
        view_of(&self.justify)
    }

    /// What stands for it in votes. Says nothing about whose signatures the quorum has: any do.
    pub fn id(&self) -> Digest {
        let content = (
            self.view,
            self.height,
            self.parent(),
            self.parent_view(),
            &self.values,
        );
        Digest::of("hotstuff/block", &content)
    }

    pub(super) fn fits(&self, max: usize) -> bool {
        self.values.len() <= max && self.values.iter().all(value::fits)
    }
}

/// The view of a quorum; 0 for the beginning.
pub(super) fn view_of(quorum: &Option<Quorum>) -> u64 {
    quorum.as_ref().map_or(0, |q| q.claimed_statement().view)
}

/// A leader's word for its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Propose {
    /// The view.
    pub view: u64,
    /// The block.
    pub block: Digest,
}

impl Statement for Propose {
    const DOMAIN: &'static str = "hotstuff/propose";
}

/// A vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Vote {
    /// The view.
    pub view: u64,
    /// The block.
    pub block: Digest,
}

impl Statement for Vote {
    const DOMAIN: &'static str = "hotstuff/vote";
}

/// "I give up all views before this one." A quorum of them lets the view begin: no node believes a
/// leader that it has (babylon-node#243).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NewView {
    /// The view to come.
    pub view: u64,
}

impl Statement for NewView {
    const DOMAIN: &'static str = "hotstuff/new-view";
}

/// What nodes say to each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Message {
    /// Values to be ordered.
    Request(Vec<AgreedValue>),
    /// A leader's block.
    Proposal {
        /// Its word.
        propose: Signed<Propose>,
        /// What it stands for.
        block: Block,
        /// What lets the view begin, if the view before has no quorum.
        entry: Option<Certificate<NewView>>,
    },
    /// To the leader of the next view.
    Vote(Signed<Vote>),
    /// See [`NewView`].
    NewView {
        /// What is signed.
        new_view: Signed<NewView>,
        /// The sender's highest quorum, which proves itself.
        high: Option<Quorum>,
    },
    /// A quorum that no block carries yet, since there is nothing to propose.
    Quorum(Quorum),
    /// "Who has this block, and those between it and this height?" With the digest of the
    /// beginning: "I was down; what goes on?"
    Fetch {
        /// The block.
        block: Digest,
        /// The height that the sender has committed.
        height: u64,
    },
    /// An answer: the block asked for and its ancestors, the latest first.
    Blocks(Vec<Block>),
}

impl From<Never> for Message {
    fn from(never: Never) -> Self {
        match never {}
    }
}
