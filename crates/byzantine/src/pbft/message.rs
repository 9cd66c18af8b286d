//! What nodes say to each other.

use crate::value;

use crate::value::AgreedValue;
use quorate_core::Never;
use quorate_crypto::{Certificate, Digest, Signed, Statement};
use serde::{Deserialize, Serialize};

/// Values ordered under one sequence number. Empty is the null request.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Batch(pub Vec<AgreedValue>);

impl Batch {
    /// What stands for it in votes.
    pub fn digest(&self) -> Digest {
        Digest::of("pbft/batch", self)
    }

    pub(super) fn fits(&self, max: usize) -> bool {
        self.0.len() <= max && self.0.iter().all(value::fits)
    }
}

/// "In this view this is the batch with this number." Signed by the primary it is the pre-prepare,
/// by a backup the prepare of the paper; a quorum of them is the batch's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Prepare {
    /// v.
    pub view: u64,
    /// n, from 1.
    pub sequence: u64,
    /// d.
    pub digest: Digest,
}

impl Statement for Prepare {
    const DOMAIN: &'static str = "pbft/prepare";
}

/// "I have such a certificate on disk."
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Commit {
    /// v.
    pub view: u64,
    /// n.
    pub sequence: u64,
    /// d.
    pub digest: Digest,
}

impl Statement for Commit {
    const DOMAIN: &'static str = "pbft/commit";
}

/// "Having delivered everything up to `sequence`, my history is this."
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Checkpoint {
    /// n.
    pub sequence: u64,
    /// Stands for all batches up to there, in order.
    pub history: Digest,
}

impl Statement for Checkpoint {
    const DOMAIN: &'static str = "pbft/checkpoint";
}

/// "I have left all views before `view`; this is what I had." (OSDI 1999, §4.4)
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ViewChange {
    /// v + 1.
    pub view: u64,
    /// C: the last stable checkpoint, with its proof; `None` for the beginning.
    pub stable: Option<Certificate<Checkpoint>>,
    /// P: for each later sequence number the certificate of the latest view, if there is one.
    pub prepared: Vec<Certificate<Prepare>>,
}

impl Statement for ViewChange {
    const DOMAIN: &'static str = "pbft/view-change";
}

/// "The view begins with this." (OSDI 1999, §4.4)
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NewView {
    /// v + 1.
    pub view: u64,
    /// V: a quorum of them.
    pub changes: Vec<Signed<ViewChange>>,
    /// O: follows from V.
    pub prepares: Vec<Signed<Prepare>>,
}

impl Statement for NewView {
    const DOMAIN: &'static str = "pbft/new-view";
}

/// What nodes say to each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Message {
    /// A value to be ordered.
    Request(AgreedValue),
    /// From the primary.
    PrePrepare {
        /// Its vote.
        prepare: Signed<Prepare>,
        /// What it stands for.
        batch: Batch,
    },
    /// A backup's vote.
    Prepare(Signed<Prepare>),
    /// See [`Commit`].
    Commit(Signed<Commit>),
    /// See [`Checkpoint`].
    Checkpoint(Signed<Checkpoint>),
    /// See [`ViewChange`].
    ViewChange {
        /// What is signed.
        change: Signed<ViewChange>,
        /// What its certificates stand for.
        batches: Vec<Batch>,
    },
    /// See [`NewView`].
    NewView(Box<Signed<NewView>>),
    /// "I was down, or left alone: what have you got after this?"
    Fetch {
        /// Delivered so far.
        delivered: u64,
        /// The sender's view.
        view: u64,
    },
    /// "Who has the batch with this digest?"
    FetchBatch(Digest),
    /// An answer.
    Batch(Batch),
    /// An answer: a decision with its proof.
    Committed {
        /// The proof.
        certificate: Certificate<Commit>,
        /// What was decided.
        batch: Batch,
    },
    /// An answer: there is nothing left from before this.
    Stable(Certificate<Checkpoint>),
}

impl From<Never> for Message {
    fn from(never: Never) -> Self {
        match never {}
    }
}
