//! What Raft promises beyond a replicated log (figure 3): election safety, log matching, leader
//! completeness.

mod elections;
mod logs;

use super::{Broken, ProtocolObserver, Seen};
use crate::rolling::Rolling;
use elections::Elections;
use logs::Logs;
use quorate_core::NodeId;
use quorate_core::replicated::{Configuration, Entries, Position, Role};
use quorate_crash::raft::Raft;

/// A change of a node's log.
#[derive(Clone, Debug)]
pub enum LogChange {
    /// Entries at an index; what was there from it on is void.
    Append {
        /// The index of the first.
        at: u64,
        /// The entries.
        entries: Entries,
    },
    /// The log now begins after this position, and is empty unless it held it.
    Begin {
        /// The position.
        base: Position,
    },
}

/// Watches the logs and elections of a cluster.
#[derive(Debug)]
pub struct RaftObserver {
    elections: Elections,
    logs: Logs,
}

impl ProtocolObserver<Raft> for RaftObserver {
    fn new(nodes: u8) -> Self {
        Self {
            elections: Elections::default(),
            logs: Logs::new(nodes),
        }
    }

    fn on_start(&mut self, node: NodeId, raft: &Raft) -> Result<(), Broken> {
        self.elections.on_start(node);
        self.logs.on_start(node, raft.log())
    }

    fn on_change(
        &mut self,
        node: NodeId,
        change: &LogChange,
        last: Option<Seen>,
        term: u64,
    ) -> Result<(), Broken> {
        // A log is cut where it is committed, perhaps in the same burst: what goes is looked at first.
        if let (LogChange::Begin { base }, Some(last)) = (change, last)
            && self.logs.holds(node, *base)
        {
            self.logs.on_commit(node, last.commit, base.index, term)?;
        }
        self.logs.on_change(node, change)
    }

    #[inline]
    fn on_step(&mut self, node: NodeId, last: Seen, seen: Seen) -> Result<(), Broken> {
        if seen.role == Role::Leader && (last.role, last.term) != (seen.role, seen.term) {
            self.elections.on_leader(node, seen.term)?;
            self.logs.on_leader(node, seen.term)?;
        }
        if seen.commit > last.commit {
            self.logs
                .on_commit(node, last.commit, seen.commit, seen.term)?;
        }
        Ok(())
    }

    fn holds(&self, node: NodeId, index: u64) -> bool {
        self.logs.holds_committed(node, index)
    }

    fn members(&self) -> Option<&Configuration> {
        self.logs.members()
    }

    fn digest(&self) -> u64 {
        let mut rolling = Rolling::default();
        let committed = self.logs.committed();
        rolling.add(committed);
        rolling.add(self.logs.committed_chain(committed).unwrap_or(0));
        rolling.value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Observers;
    use quorate_core::replicated::Entry;

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
        let mut observers = Observers::<Raft>::new(2, 2);
        observers.last = vec![Some(seen(0)); 2];
        let log = |observers: &mut Observers<Raft>, node, change| {
            assert_eq!(observers.on_change(node, &change, 1), Ok(()));
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
