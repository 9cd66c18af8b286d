//! What survives a crash, and the records that change it.

use super::{Batch, Checkpoint, NewView, Prepare};
use quorate_crypto::{Certificate, Digest, Signed};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a node has given its word on, and what it must show in a view change. Bounded by the
/// window: a stable checkpoint removes what lies before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hard {
    /// The view that the node is in, or is changing to.
    pub view: u64,
    /// It has left the views before `view` and has not entered this one yet.
    pub changing: bool,
    /// What the view began with; `None` in view 0.
    pub new_view: Option<Box<Signed<NewView>>>,
    /// The last stable checkpoint.
    pub stable: Option<Certificate<Checkpoint>>,
    /// By sequence number: the last vote given.
    pub accepted: BTreeMap<u64, Prepare>,
    /// By sequence number: the certificate of the latest view. It is on disk before the commit is
    /// sent: a decision needs a quorum of those, and so no view change can miss it.
    pub prepared: BTreeMap<u64, Certificate<Prepare>>,
    /// What those stand for.
    pub batches: BTreeMap<(u64, Digest), Batch>,
    pub(super) flaw: Option<&'static str>,
}

/// One change of [`Hard`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Record {
    /// A vote for a batch.
    Accept {
        /// The vote.
        prepare: Prepare,
        /// The batch.
        batch: Batch,
    },
    /// A batch has its certificate.
    Prepared(Certificate<Prepare>),
    /// The views before this one are left.
    Change {
        /// The view to come.
        view: u64,
    },
    /// A view begins.
    Enter(Box<Signed<NewView>>),
    /// A checkpoint is stable.
    Stable(Certificate<Checkpoint>),
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
    /// The sequence number of the last stable checkpoint.
    pub fn stable_sequence(&self) -> u64 {
        let stable = self.stable.as_ref();
        stable.map_or(0, |stable| stable.claimed_statement().sequence)
    }

    fn take(&mut self, record: &Record) -> Result<(), &'static str> {
        match record {
            Record::Accept { prepare, batch } => {
                let sequence = prepare.sequence;
                if prepare.view != self.view || self.changing {
                    return Err("a vote for a view that the node is not in");
                }
                if let Some(earlier) = self.accepted.insert(sequence, *prepare)
                    && earlier.view == prepare.view
                    && earlier != *prepare
                {
                    return Err("two votes in one view for one sequence number");
                }
                let key = (sequence, prepare.digest);
                self.batches.insert(key, batch.clone());
                self.forget_batches(sequence);
            }
            Record::Prepared(certificate) => {
                let prepare = certificate.claimed_statement();
                if self.accepted.get(&prepare.sequence) != Some(prepare) {
                    return Err("a commit without a vote");
                }
                self.prepared.insert(prepare.sequence, certificate.clone());
                self.forget_batches(prepare.sequence);
            }
            Record::Change { view } => {
                if *view <= self.view {
                    return Err("a view change backwards");
                }
                (self.view, self.changing) = (*view, true);
            }
            Record::Enter(new_view) => {
                let view = new_view.claimed_statement().view;
                if view < self.view || (view == self.view && !self.changing) {
                    return Err("a view is entered twice");
                }
                (self.view, self.changing) = (view, false);
                self.new_view = Some(new_view.clone());
            }
            Record::Stable(certificate) => {
                let sequence = certificate.claimed_statement().sequence;
                if sequence <= self.stable_sequence() {
                    return Err("a checkpoint backwards");
                }
                self.stable = Some(certificate.clone());
                let first = sequence + 1;
                self.accepted = self.accepted.split_off(&first);
                self.prepared = self.prepared.split_off(&first);
                self.batches.retain(|(sequence, _), _| *sequence >= first);
            }
        }
        Ok(())
    }

    /// Only what a vote or a certificate stands for is kept.
    fn forget_batches(&mut self, sequence: u64) {
        let vote = self.accepted.get(&sequence).map(|vote| vote.digest);
        let certificate = self.prepared.get(&sequence);
        let certified = certificate.map(|c| c.claimed_statement().digest);
        self.batches.retain(|(number, digest), _| {
            *number != sequence || Some(*digest) == vote || Some(*digest) == certified
        });
    }
}
