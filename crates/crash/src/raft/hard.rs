//! What survives a crash, and the records that change it.

use super::{Configuration, Entries, Log, MAX, Position, SnapshotMeta};
use bytes::Bytes;
use quorate_core::NodeId;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Term, vote and log: Raft's persistent state (Raft, figure 2), and two counters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hard {
    /// The latest term that this node knows of.
    pub term: u64,
    /// Whom it voted for in that term.
    pub vote: Option<NodeId>,
    /// The log.
    pub log: Log,
    /// How often the node has started.
    pub boots: u64,
    /// The number of the latest snapshot begun.
    pub snapshots: u64,
    /// What is wrong with the records, if anything is.
    flaw: Option<&'static str>,
}

/// One change of [`Hard`], as it is written to the write-ahead log.
///
/// Snapshots of the state machine lie in the same log, as `SnapshotBegin`, chunks and
/// `SnapshotEnd` of one `id`, with other records in between. A `SnapshotBegin` and the
/// `SnapshotTail`s after it restate all that the records before it said and that still counts
/// once the snapshot is complete. Therefore, when its `SnapshotEnd` is durable, the records before `SnapshotBegin`
/// may be deleted: let it open a segment. A snapshot without end means nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Record {
    /// The node starts.
    Boot,
    /// A new term, or a vote in it.
    Ballot {
        /// The term.
        term: u64,
        /// The vote.
        vote: Option<NodeId>,
    },
    /// Entries at `at`; what was there from `at` on is void.
    Append {
        /// The index of the first.
        at: u64,
        /// At least one.
        entries: Entries,
    },
    /// A snapshot begins: of the own state machine, or from the leader.
    SnapshotBegin {
        /// Names the snapshot.
        id: u64,
        /// As it stands.
        term: u64,
        /// As it stands.
        vote: Option<NodeId>,
        /// As it stands.
        boots: u64,
        /// Where the log will begin once the snapshot is complete.
        base: Position,
        /// The configuration as of `base`.
        configuration: Arc<Configuration>,
    },
    /// Entries after the `base` of `SnapshotBegin`, once more. Where the records before are still
    /// there, they change nothing: an `Append` in this place would cut off entries that are
    /// durable, if a crash then lost the rest of the restatement.
    SnapshotTail {
        /// The index of the first.
        at: u64,
        /// At least one.
        entries: Entries,
    },
    /// A piece of a snapshot's data.
    SnapshotChunk {
        /// Names the snapshot.
        id: u64,
        /// Where the piece belongs.
        offset: u64,
        /// The piece.
        data: Bytes,
    },
    /// A snapshot is complete: the log is cut.
    SnapshotEnd {
        /// Names the snapshot.
        id: u64,
        /// What it is.
        meta: SnapshotMeta,
        /// The log keeps what follows this entry if it has it, otherwise nothing.
        base: Position,
        /// The configuration as of the snapshot's last entry.
        configuration: Arc<Configuration>,
    },
}

impl Record {
    /// The largest number in it that counts something.
    fn largest(&self) -> u64 {
        match self {
            Self::Boot | Self::SnapshotChunk { .. } => 0,
            Self::Ballot { term, .. } => *term,
            Self::Append { at, entries } | Self::SnapshotTail { at, entries } => {
                entries.last().map_or(0, |entry| entry.term).max(*at)
            }
            Self::SnapshotBegin {
                id,
                term,
                boots,
                base,
                ..
            } => (*id).max(*term).max(*boots).max(base.index),
            Self::SnapshotEnd { id, meta, base, .. } => (*id).max(meta.at.index).max(base.index),
        }
    }

    /// Is each configuration in it one that can be?
    fn configurations_are_sound(&self) -> bool {
        match self {
            Self::Append { entries, .. } | Self::SnapshotTail { entries, .. } => {
                let mut all = entries.configurations();
                all.all(|(_, configuration)| configuration.check().is_ok())
            }
            Self::SnapshotBegin { configuration, .. } | Self::SnapshotEnd { configuration, .. } => {
                configuration.check().is_ok()
            }
            Self::Boot | Self::Ballot { .. } | Self::SnapshotChunk { .. } => true,
        }
    }
}

impl quorate_core::Hard for Hard {
    type Record = Record;

    fn apply(&mut self, record: &Record) {
        if let Err(flaw) = self.take(record) {
            self.flaw.get_or_insert(flaw);
        }
    }

    fn tidy(&mut self) {
        self.log.tidy(TIDIED);
    }
}

/// Entries of a log that was cut that are freed at each step: some 50 µs.
const TIDIED: usize = 512;

impl Hard {
    /// Whether the records made sense: for a recovery, before a node starts.
    ///
    /// # Errors
    /// What is wrong. The log that the records came from is not one that this node wrote, or lacks
    /// its beginning.
    pub fn check(&self) -> Result<(), &'static str> {
        match self.flaw {
            Some(flaw) => Err(flaw),
            None if self.log.snapshot().at.index < self.log.base().index => {
                Err("the log begins after an entry that no complete snapshot covers")
            }
            None => Ok(()),
        }
    }

    /// The configuration in force, as far as the records say one; else the founding one is.
    pub fn configuration(&self) -> Option<&Arc<Configuration>> {
        self.log.configuration()
    }

    /// What is wrong with the records, if anything is.
    pub(super) fn flaw(&self) -> Option<&'static str> {
        self.flaw
    }

    fn take(&mut self, record: &Record) -> Result<(), &'static str> {
        if record.largest().max(self.boots) > MAX {
            return Err("a number is out of all bounds");
        }
        if !record.configurations_are_sound() {
            return Err("a configuration contradicts itself");
        }
        match record {
            Record::Boot => self.boots += 1,
            Record::Ballot { term, vote } => {
                let voted = *term == self.term && self.vote.is_some() && self.vote != *vote;
                if *term < self.term || voted {
                    return Err("a ballot takes back a term or a vote");
                }
                (self.term, self.vote) = (*term, *vote);
            }
            Record::Append { at, entries } => {
                if !self.log.append(*at, entries) {
                    return Err("entries do not fit on the log");
                }
            }
            Record::SnapshotBegin {
                id,
                term,
                vote,
                boots,
                base,
                configuration,
            } => {
                if self.boots == 0 {
                    // The records before this one were deleted.
                    (self.term, self.vote, self.boots) = (*term, *vote, *boots);
                    self.log = Log::after(*base, Some(configuration.clone()));
                } else if (self.term, self.vote, self.boots) != (*term, *vote, *boots) {
                    return Err("a snapshot restates another ballot than the log has");
                } else if !self.log.restate(*base, configuration) {
                    return Err("a snapshot restates another configuration than the log has");
                }
                self.snapshots = *id;
            }
            Record::SnapshotTail { at, entries } => {
                let missing = *at > self.log.last().index;
                if missing && !self.log.append(*at, entries) {
                    return Err("entries do not fit on the log");
                }
            }
            Record::SnapshotChunk { .. } => {}
            Record::SnapshotEnd {
                id,
                meta,
                base,
                configuration,
            } => {
                if *id != self.snapshots {
                    return Err("a snapshot ends that is not the one begun last");
                }
                if base.index > meta.at.index || meta.at.index < self.log.snapshot().at.index {
                    return Err("a snapshot cuts the log at the wrong place");
                }
                if !self.log.compact(*meta, *base, configuration) {
                    return Err("a snapshot ends with another configuration than the log has");
                }
            }
        }
        Ok(())
    }
}
