//! Log matching, leader completeness, and agreement on what is committed (Raft, figure 3).
//!
//! Every entry has a chain: a hash over it and all entries before it. Two logs agree up to an index
//! exactly if their chains there are equal, so each property is one comparison.

use super::LogChange;
use crate::observe::{Broken, broken};
use crate::rolling::Rolling;
use quorate_core::NodeId;
use quorate_core::replicated::{Configuration, Payload};
use quorate_crash::raft::{Entry, Log, Position};
use std::collections::{BTreeMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// An entry's term, and the chain up to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Link {
    term: u64,
    chain: u64,
}

/// A node's log, as far as it has not been cut off at its beginning.
#[derive(Clone, Debug, Default)]
struct View {
    /// The index before the first link.
    base: u64,
    /// The chain up to the base.
    start: u64,
    links: VecDeque<Link>,
}

impl View {
    fn last(&self) -> u64 {
        self.base + self.links.len() as u64
    }

    fn get(&self, index: u64) -> Option<Link> {
        let at = index.checked_sub(self.base + 1)?;
        self.links.get(at as usize).copied()
    }

    fn chain(&self, index: u64) -> Option<u64> {
        if index == self.base {
            return Some(self.start);
        }
        self.get(index).map(|link| link.chain)
    }
}

/// All logs.
#[derive(Debug)]
pub(super) struct Logs {
    views: Vec<View>,
    /// Every entry that was ever in a log, by index; for each term that there was, its chain.
    known: Vec<Vec<Link>>,
    /// What is decided, from index 1.
    committed: Vec<Link>,
    /// Every configuration that was ever in a log, by its index and term.
    configurations: BTreeMap<(u64, u64), Arc<Configuration>>,
    /// The last one that is committed.
    members: Option<Arc<Configuration>>,
    /// In which term each of these was seen to be committed, never falling.
    committed_in: Vec<u64>,
}

impl Logs {
    pub(super) fn new(nodes: u8) -> Self {
        Self {
            views: vec![View::default(); usize::from(nodes)],
            known: vec![],
            committed: vec![],
            configurations: BTreeMap::new(),
            members: None,
            committed_in: vec![],
        }
    }

    pub(super) fn committed(&self) -> u64 {
        self.committed.len() as u64
    }

    pub(super) fn committed_chain(&self, index: u64) -> Option<u64> {
        match index.checked_sub(1) {
            None => Some(0),
            Some(at) => self.committed.get(at as usize).map(|link| link.chain),
        }
    }

    /// Who takes part, by the last configuration that is committed.
    pub(super) fn members(&self) -> Option<&Configuration> {
        self.members.as_deref()
    }

    /// Does the node have all that is committed up to `index`?
    pub(super) fn holds_committed(&self, node: NodeId, index: u64) -> bool {
        let view = &self.views[node.index()];
        // What was cut off at the beginning is in the node's snapshot.
        index <= view.base || view.chain(index) == self.committed_chain(index)
    }

    /// Is this very entry in the node's log, and not cut off?
    pub(super) fn holds(&self, node: NodeId, at: Position) -> bool {
        let link = self.views[node.index()].get(at.index);
        link.is_some_and(|link| link.term == at.term)
    }

    pub(super) fn on_start(&mut self, node: NodeId, log: &Log) -> Result<(), Broken> {
        self.begin(node, log.base())?;
        let first = log.base().index + 1;
        for (index, entry) in (first..).zip(log.iter()) {
            self.put(node, index, entry)?;
        }
        Ok(())
    }

    pub(super) fn on_change(&mut self, node: NodeId, change: &LogChange) -> Result<(), Broken> {
        match change {
            LogChange::Append { at, entries } => {
                self.truncate(node, *at)?;
                for (index, entry) in (*at..).zip(entries.iter()) {
                    self.put(node, index, entry)?;
                }
                Ok(())
            }
            LogChange::Begin { base } => {
                let view = &mut self.views[node.index()];
                match view.get(base.index) {
                    _ if view.base >= base.index => Ok(()),
                    Some(link) if link.term == base.term => {
                        view.links.drain(..(base.index - view.base) as usize);
                        (view.base, view.start) = (base.index, link.chain);
                        Ok(())
                    }
                    _ => self.begin(node, *base),
                }
            }
        }
    }

    /// The node's log begins after this position, with nothing in it.
    fn begin(&mut self, node: NodeId, base: Position) -> Result<(), Broken> {
        let Some(start) = self.committed_chain(base.index) else {
            let detail = format!(
                "{node} has a snapshot up to {}, and only {} is committed",
                base.index,
                self.committed()
            );
            return broken("snapshots hold what is committed", detail);
        };
        self.views[node.index()] = View {
            base: base.index,
            start,
            links: VecDeque::new(),
        };
        Ok(())
    }

    fn truncate(&mut self, node: NodeId, from: u64) -> Result<(), Broken> {
        let view = &mut self.views[node.index()];
        if from <= view.base || from > view.last() + 1 {
            let detail = format!(
                "{node} appends at {from} to a log of {} to {}",
                view.base + 1,
                view.last()
            );
            return broken("logs have no gaps", detail);
        }
        view.links.truncate((from - view.base - 1) as usize);
        Ok(())
    }

    fn put(&mut self, node: NodeId, index: u64, entry: &Entry) -> Result<(), Broken> {
        let view = &mut self.views[node.index()];
        let before = view.links.back().map_or(view.start, |link| link.chain);
        let mut rolling = Rolling::default();
        rolling.add(before);
        rolling.add(entry.term);
        match &entry.payload {
            Payload::Configuration(configuration) => {
                configuration.hash(&mut rolling);
                let at = (index, entry.term);
                self.configurations.insert(at, configuration.clone());
            }
            payload => rolling.write(payload.command()),
        }
        let link = Link {
            term: entry.term,
            chain: rolling.value(),
        };
        view.links.push_back(link);
        let at = (index - 1) as usize;
        if self.known.len() <= at {
            self.known.resize(at + 1, vec![]);
        }
        match self.known[at].iter().find(|known| known.term == link.term) {
            None => self.known[at].push(link),
            Some(known) if known.chain == link.chain => {}
            Some(_) => {
                let term = link.term;
                let detail = format!(
                    "{node} has an entry {index} of term {term}, as another log had, and the two \
                     logs differ there or before"
                );
                return broken("log matching", detail);
            }
        }
        Ok(())
    }

    /// A node's commit index has moved.
    pub(super) fn on_commit(
        &mut self,
        node: NodeId,
        from: u64,
        to: u64,
        term: u64,
    ) -> Result<(), Broken> {
        let view = &self.views[node.index()];
        if to > view.last() {
            let detail = format!("{node} commits {to}, its log ends at {}", view.last());
            return broken("what is committed is in the log", detail);
        }
        // What is before the base was checked when the snapshot came.
        for index in from.max(view.base) + 1..=to {
            let Some(link) = view.get(index) else {
                continue;
            };
            match self.committed.get((index - 1) as usize) {
                Some(committed) if *committed == link => {}
                Some(committed) => {
                    let detail = format!(
                        "{node} commits an entry {index} of term {}, where an entry of term {} is \
                         committed already",
                        link.term, committed.term
                    );
                    return broken("state-machine safety", detail);
                }
                None => {
                    debug_assert_eq!(index, self.committed() + 1, "seen in order");
                    self.committed.push(link);
                    if let Some(members) = self.configurations.get(&(index, link.term)) {
                        self.members = Some(members.clone());
                    }
                    let earlier = self.committed_in.last().copied().unwrap_or(0);
                    self.committed_in.push(earlier.max(term));
                }
            }
        }
        Ok(())
    }

    /// Leader completeness: what is committed in a term is in the logs of the leaders of all
    /// higher terms.
    pub(super) fn on_leader(&mut self, node: NodeId, term: u64) -> Result<(), Broken> {
        let due = self.committed_in.partition_point(|at| *at < term) as u64;
        if self.holds_committed(node, due) {
            return Ok(());
        }
        let detail =
            format!("{node} leads in term {term} without entries up to {due}, which are committed");
        broken("leader completeness", detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_crash::raft::Entries;

    const A: NodeId = NodeId(0);
    const B: NodeId = NodeId(1);

    fn append(at: u64, entries: &[(u64, &'static str)]) -> LogChange {
        let entries: Vec<Entry> = entries
            .iter()
            .map(|&(term, payload)| Entry {
                term,
                payload: payload.into(),
            })
            .collect();
        LogChange::Append {
            at,
            entries: Entries::new(entries).expect("in order"),
        }
    }

    #[test]
    fn logs_that_share_an_entry_share_all_before_it() {
        let mut logs = Logs::new(2);
        assert_eq!(logs.on_change(A, &append(1, &[(1, "a"), (2, "b")])), Ok(()));
        assert_eq!(logs.on_change(B, &append(1, &[(1, "a")])), Ok(()));
        assert_eq!(logs.on_change(B, &append(2, &[(2, "b")])), Ok(()));
        // Another first entry under the same second one.
        assert_eq!(logs.on_change(B, &append(1, &[(3, "x")])), Ok(()));
        let broken = logs.on_change(A, &append(1, &[(1, "y")]));
        assert_eq!(broken.map_err(|b| b.property), Err("log matching"));
        assert!(logs.on_change(B, &append(5, &[(3, "gap")])).is_err());
    }

    #[test]
    fn what_is_committed_stays_and_every_later_leader_has_it() {
        let mut logs = Logs::new(2);
        assert_eq!(logs.on_change(A, &append(1, &[(1, "a"), (1, "b")])), Ok(()));
        assert_eq!(logs.on_commit(A, 0, 2, 1), Ok(()));
        assert_eq!(logs.on_leader(A, 2), Ok(()));
        assert_eq!(logs.on_leader(B, 1), Ok(()), "of the same term");
        assert!(logs.on_leader(B, 2).is_err());
        assert_eq!(logs.on_change(B, &append(1, &[(2, "c")])), Ok(()));
        let broken = logs.on_commit(B, 0, 1, 2);
        assert_eq!(broken.map_err(|b| b.property), Err("state-machine safety"));
    }

    #[test]
    fn a_snapshot_stands_for_what_it_covers() {
        let mut logs = Logs::new(2);
        assert_eq!(logs.on_change(A, &append(1, &[(1, "a"), (1, "b")])), Ok(()));
        let base = Position { term: 1, index: 2 };
        assert!(
            logs.on_change(B, &LogChange::Begin { base }).is_err(),
            "not committed"
        );
        assert_eq!(logs.on_commit(A, 0, 2, 1), Ok(()));
        assert_eq!(logs.on_change(B, &LogChange::Begin { base }), Ok(()));
        assert!(logs.holds_committed(B, 2));
        assert_eq!(logs.on_change(B, &append(3, &[(1, "c")])), Ok(()));
        assert_eq!(
            logs.on_change(A, &append(3, &[(1, "c")])),
            Ok(()),
            "the same chain"
        );
    }
}
