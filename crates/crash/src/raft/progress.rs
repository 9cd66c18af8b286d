//! What a leader knows of a follower, and how much it dares to send (as in etcd: probe,
//! replicate, snapshot).

use super::{Configuration, SnapshotMeta};
use quorate_core::{NodeId, Time};
use std::collections::VecDeque;
use std::sync::Arc;

/// How far one node is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Progress {
    /// The node.
    pub node: NodeId,
    /// All through this index is durable there and equal to the leader's log.
    pub matched: u64,
    /// The next entry to send. Always beyond `matched`.
    pub next: u64,
    /// How it is sent to.
    pub mode: Mode,
    /// How many checks of the quorum have gone by since it was heard.
    pub(super) silent: u8,
    /// The highest commit index that it was told.
    pub(super) told: u64,
    /// The highest round of reads that it has confirmed.
    pub(super) round: u64,
    /// `matched` at the last heartbeat, to see a standstill.
    pub(super) before: u64,
    /// A heartbeat was sent whose answer may say that something got lost.
    pub(super) nudge: bool,
}

/// How a follower is sent to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// It is not known where the logs part: one message at a time.
    Probe {
        /// It is under way.
        sent: bool,
    },
    /// The logs match: messages follow each other without waiting.
    Replicate {
        /// The last index of each message under way.
        inflight: VecDeque<u64>,
    },
    /// It lacks entries that the log no longer has.
    Snapshot {
        /// What it gets.
        meta: SnapshotMeta,
        /// The configuration as of the snapshot's last entry.
        configuration: Arc<Configuration>,
        /// How much of it is durable there.
        offset: u64,
        /// When the piece at `offset` was last asked for.
        asked: Time,
    },
}

impl Progress {
    pub(super) fn probe(node: NodeId, next: u64) -> Self {
        Self {
            node,
            silent: u8::MAX,
            matched: 0,
            next,
            mode: Mode::Probe { sent: false },
            told: 0,
            round: 0,
            before: 0,
            nudge: false,
        }
    }

    /// How many messages with entries are under way to it.
    pub fn under_way(&self) -> usize {
        match &self.mode {
            Mode::Replicate { inflight } => inflight.len(),
            Mode::Probe { sent } => usize::from(*sent),
            Mode::Snapshot { .. } => 0,
        }
    }

    /// It has everything through `matched`. `base` is where the leader's log begins.
    pub(super) fn appended(&mut self, matched: u64, base: u64) {
        if matched < self.matched {
            return; // overtaken on the way
        }
        let advanced = matched > self.matched;
        self.matched = matched;
        self.next = self.next.max(matched + 1);
        match &mut self.mode {
            Mode::Replicate { inflight } => {
                while inflight.front().is_some_and(|last| *last <= matched) {
                    inflight.pop_front();
                }
            }
            Mode::Snapshot { .. } if !advanced || matched < base => {}
            Mode::Probe { .. } | Mode::Snapshot { .. } => {
                self.next = matched + 1;
                self.mode = Mode::Replicate {
                    inflight: VecDeque::new(),
                };
            }
        }
    }

    /// The message after `prev` was not taken; the logs cannot match after `hint`.
    pub(super) fn rejected(&mut self, prev: u64, hint: u64) {
        match &self.mode {
            // Under way since before it said that it matched, or since an earlier probe.
            Mode::Replicate { .. } if prev <= self.matched || prev >= self.next => {}
            Mode::Probe { .. } if prev != self.next - 1 => {}
            Mode::Snapshot { .. } => {}
            Mode::Replicate { .. } => {
                self.next = self.matched + 1;
                self.mode = Mode::Probe { sent: false };
            }
            Mode::Probe { .. } => {
                self.next = (hint + 1).min(prev).max(self.matched + 1);
                self.mode = Mode::Probe { sent: false };
            }
        }
    }
}
