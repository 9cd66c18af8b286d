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
    /// It has had a snapshot, and not yet all that was committed since: the log waits for it.
    pub(super) catching_up: bool,
    /// The highest commit index that it was told.
    pub(super) notified: u64,
    /// The highest round of reads that it has confirmed.
    pub(super) round: u64,
    /// `matched` at the last heartbeat, to see a standstill.
    pub(super) at_heartbeat: u64,
    /// A heartbeat was sent whose answer may say that something got lost.
    pub(super) stands_still: bool,
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
    Snapshot(Box<Sending>),
}

/// A snapshot on its way to a follower. It stays the same one to its end, whatever snapshots are
/// made meanwhile: a new one for each would begin again for as long as the load lasts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sending {
    /// What is sent.
    pub meta: SnapshotMeta,
    /// The configuration as of the snapshot's last entry.
    pub(super) configuration: Arc<Configuration>,
    /// How much of it is durable there.
    pub acked: u64,
    /// Where the next piece to send begins.
    pub sent: u64,
    /// Where each piece under way ends.
    pub(super) inflight: VecDeque<u64>,
    /// The layer above was asked for the piece at `sent` and has not answered.
    pub(super) wanted: bool,
    /// When something was acknowledged last.
    pub(super) advanced: Time,
    /// When something was acknowledged, or sent again, last.
    pub(super) asked: Time,
    /// The layer above no longer has it.
    pub(super) gone: bool,
}

impl Sending {
    pub(super) fn new(meta: SnapshotMeta, configuration: Arc<Configuration>, now: Time) -> Self {
        Self {
            meta,
            configuration,
            acked: 0,
            sent: 0,
            inflight: VecDeque::new(),
            wanted: false,
            advanced: now,
            asked: now,
            gone: false,
        }
    }

    /// Goes back, or forward, to where the follower is.
    pub(super) fn rewind(&mut self, offset: u64) {
        (self.acked, self.sent, self.wanted) = (offset, offset, false);
        self.inflight.clear();
    }

    /// The next piece to ask the layer above for, if there is room for it under way.
    pub(super) fn next_wanted(&mut self, max: usize) -> Option<u64> {
        // The last piece may be empty, and has to be sent once.
        let whole = self.inflight.back() == Some(&self.meta.size);
        if self.wanted || whole || self.inflight.len() >= max {
            return None;
        }
        self.wanted = true;
        Some(self.sent)
    }
}

impl Progress {
    pub(super) fn probe(node: NodeId, next: u64) -> Self {
        Self {
            node,
            silent: u8::MAX,
            catching_up: false,
            matched: 0,
            next,
            mode: Mode::Probe { sent: false },
            notified: 0,
            round: 0,
            at_heartbeat: 0,
            stands_still: false,
        }
    }

    /// How many messages with entries are under way to it.
    pub fn under_way(&self) -> usize {
        match &self.mode {
            Mode::Replicate { inflight } => inflight.len(),
            Mode::Probe { sent } => usize::from(*sent),
            Mode::Snapshot(sending) => sending.inflight.len(),
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
            // Until it is there, or the log has what follows after all.
            Mode::Snapshot(it) if !advanced || matched < base.min(it.meta.at.index) => {}
            // The log no longer has what follows it: the probe will find that out.
            Mode::Snapshot(_) if matched < base => {
                self.next = matched + 1;
                self.mode = Mode::Probe { sent: false };
            }
            Mode::Probe { .. } | Mode::Snapshot(_) => {
                self.catching_up |= matches!(self.mode, Mode::Snapshot(_));
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
            Mode::Snapshot(_) => {}
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
