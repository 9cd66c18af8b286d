//! Global checkers: they see the whole cluster, and know nothing of how it is done.
//!
//! Each property has a name and a file. All are checked after every event, at a cost in the order
//! of what the event changed.

mod acknowledged;
mod elections;
mod logs;
mod states;

use crate::Rolling;
use crate::disk::LogChange;
use acknowledged::Acknowledged;
use elections::Elections;
use logs::Logs;
use quorate_core::NodeId;
use quorate_crash::raft::{Log, Role};
use states::States;

/// A property that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its name.
    pub property: &'static str,
    /// The figures.
    pub detail: String,
}

pub(crate) fn broken<T>(property: &'static str, detail: String) -> Result<T, Broken> {
    Err(Broken { property, detail })
}

/// What a replica shows after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its part.
    pub role: Role,
    /// Its term.
    pub term: u64,
    /// Its commit index.
    pub commit: u64,
    /// The index through which it has applied.
    pub applied: u64,
    /// The digest of its state there.
    pub digest: u64,
}

/// Watches a cluster of replicas that run Raft.
#[derive(Debug)]
pub struct Observers {
    elections: Elections,
    logs: Logs,
    states: States,
    acknowledged: Acknowledged,
    last: Vec<Option<Seen>>,
}

impl Observers {
    /// Watches a cluster of this size.
    pub fn new(nodes: u8) -> Self {
        Self {
            elections: Elections::default(),
            logs: Logs::new(nodes),
            states: States::default(),
            acknowledged: Acknowledged::new(nodes),
            last: vec![None; usize::from(nodes)],
        }
    }

    /// A node has started with this log and state.
    ///
    /// # Errors
    /// The property that is violated.
    pub fn on_start(&mut self, node: NodeId, log: &Log, seen: Seen) -> Result<(), Broken> {
        self.logs.on_start(node, log)?;
        self.states.on_state(node, seen.applied, seen.digest)?;
        self.last[node.index()] = Some(seen);
        self.elections.on_start(node);
        self.acknowledged.on_start(node, &self.logs)
    }

    /// A node is gone; what it has on disk will be seen when it comes back.
    pub fn on_crash(&mut self, node: NodeId) {
        self.last[node.index()] = None;
        self.acknowledged.on_crash(node);
    }

    /// A node's log changed, in a burst at whose end it is in this term.
    ///
    /// # Errors
    /// The property that is violated.
    pub fn on_log(&mut self, node: NodeId, change: &LogChange, term: u64) -> Result<(), Broken> {
        // A log is cut where it is committed, perhaps in the same burst: what goes is looked at first.
        if let (LogChange::Begin { base }, Some(last)) = (change, self.last[node.index()])
            && self.logs.holds(node, *base)
        {
            self.logs.on_commit(node, last.commit, base.index, term)?;
        }
        self.logs.on_change(node, change)
    }

    /// A node has taken a step.
    ///
    /// # Errors
    /// The property that is violated.
    #[inline]
    pub fn on_step(&mut self, node: NodeId, seen: Seen) -> Result<(), Broken> {
        let Some(last) = self.last[node.index()].replace(seen) else {
            return Ok(());
        };
        if last == seen {
            return Ok(());
        }
        if seen.term < last.term {
            let detail = format!("{node} went from term {} back to {}", last.term, seen.term);
            return broken("terms only grow", detail);
        }
        if seen.commit < last.commit {
            let detail = format!("{node} went from {} back to {}", last.commit, seen.commit);
            return broken("the commit index only grows", detail);
        }
        if seen.applied > seen.commit || seen.applied < last.applied {
            let detail = format!(
                "{node} has applied {}, after {}, and committed {}",
                seen.applied, last.applied, seen.commit
            );
            return broken("entries are applied in order, once committed", detail);
        }
        if seen.role == Role::Leader && (last.role, last.term) != (seen.role, seen.term) {
            self.elections.on_leader(node, seen.term)?;
            self.logs.on_leader(node, seen.term)?;
        }
        if seen.commit > last.commit {
            self.logs
                .on_commit(node, last.commit, seen.commit, seen.term)?;
        }
        if (seen.applied, seen.digest) != (last.applied, last.digest) {
            self.states.on_state(node, seen.applied, seen.digest)?;
        }
        Ok(())
    }

    /// A node told a client that its write took effect: whatever it has applied is now promised.
    pub fn on_acknowledged(&mut self, applied: u64) {
        self.acknowledged.on_acknowledged(applied);
    }

    /// The index up to which entries are known to be committed, cluster-wide.
    pub fn committed(&self) -> u64 {
        self.logs.committed()
    }

    /// One number for all that was decided.
    pub fn digest(&self) -> u64 {
        let mut rolling = Rolling::default();
        rolling.add(self.logs.committed());
        rolling.add(
            self.logs
                .committed_chain(self.logs.committed())
                .unwrap_or(0),
        );
        rolling.value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_crash::raft::{Entries, Entry, Position};

    fn append(at: u64, payloads: &[&'static str]) -> LogChange {
        let entry = |payload: &&'static str| Entry {
            term: 1,
            payload: (*payload).into(),
        };
        let entries = Entries::new(payloads.iter().map(entry).collect::<Vec<_>>());
        LogChange::Append {
            at,
            entries: entries.expect("in order"),
        }
    }

    fn seen(commit: u64) -> Seen {
        Seen {
            role: Role::Follower,
            term: 1,
            commit,
            applied: commit,
            digest: commit,
        }
    }

    /// A replica that takes what it has written for durable begins and ends a checkpoint in the burst
    /// that commits. The log was cut before the observers had seen the commit: they never saw those
    /// entries, counted the next ones under wrong numbers, and blamed the next node that committed.
    /// So `Mutant::NoSyncBeforeAck` seemed to part logs where nothing had failed at all.
    #[test]
    fn what_is_committed_and_cut_in_one_burst_is_seen() {
        const A: NodeId = NodeId(0);
        const B: NodeId = NodeId(1);
        let mut observers = Observers::new(2);
        observers.last = vec![Some(seen(0)); 2];
        let log = |observers: &mut Observers, node, change| {
            assert_eq!(observers.on_log(node, &change, 1), Ok(()));
        };
        log(&mut observers, A, append(1, &["a", "b"]));
        log(&mut observers, B, append(1, &["a", "b"]));
        let base = Position { term: 1, index: 2 };
        log(&mut observers, A, LogChange::Begin { base });
        assert_eq!(observers.on_step(A, seen(2)), Ok(()));
        assert_eq!(observers.committed(), 2);
        log(&mut observers, A, append(3, &["c"]));
        assert_eq!(observers.on_step(A, seen(3)), Ok(()));
        log(&mut observers, B, append(3, &["c"]));
        assert_eq!(observers.on_step(B, seen(3)), Ok(()));
    }
}
