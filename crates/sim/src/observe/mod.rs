//! Global checkers: they see the whole cluster, and know nothing of how it is done.
//!
//! Each property has a name and a file. All are checked after every event, at a cost in the order
//! of what the event changed. What every replicated log promises is checked by [`Observers`], what
//! one protocol promises by its [`ProtocolObserver`].

mod acknowledged;
pub mod raft;
mod states;

use crate::serving::Simulated;
use acknowledged::Acknowledged;
use quorate_core::NodeId;
use quorate_core::replicated::{Configuration, Role};
use states::States;
use std::fmt::Debug;

/// A property that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its name.
    pub property: &'static str,
    /// The figures.
    pub detail: String,
}

/// Says that a property does not hold.
///
/// # Errors
/// Always.
pub fn broken<T>(property: &'static str, detail: String) -> Result<T, Broken> {
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

/// Checks what one protocol promises beyond a replicated log.
pub trait ProtocolObserver<P: Simulated>: Debug {
    /// Watches a cluster of this size.
    fn new(nodes: u8) -> Self;

    /// A node has started with this state.
    ///
    /// # Errors
    /// The property that is violated.
    fn on_start(&mut self, node: NodeId, protocol: &P) -> Result<(), Broken>;

    /// A node's log changed, in a burst at whose end it is in this term; `last` is what it showed
    /// before.
    ///
    /// # Errors
    /// The property that is violated.
    fn on_change(
        &mut self,
        node: NodeId,
        change: &P::Change,
        last: Option<Seen>,
        term: u64,
    ) -> Result<(), Broken>;

    /// A node has taken a step after which it shows something else.
    ///
    /// # Errors
    /// The property that is violated.
    fn on_step(&mut self, node: NodeId, last: Seen, seen: Seen) -> Result<(), Broken>;

    /// Does the node hold all that is committed up to `index`, or what makes sure that it is not
    /// decided otherwise?
    fn holds(&self, node: NodeId, index: u64) -> bool;

    /// Who takes part, by the last configuration that is committed; `None` for the founders.
    fn members(&self) -> Option<&Configuration> {
        None
    }

    /// One number for all that was decided.
    fn digest(&self) -> u64;
}

/// Watches a cluster of replicas.
#[derive(Debug)]
pub struct Observers<P: Simulated> {
    protocol: P::Observer,
    states: States,
    acknowledged: Acknowledged,
    committed: u64,
    last: Vec<Option<Seen>>,
}

impl<P: Simulated> Observers<P> {
    /// Watches `founders`, and those that join: `nodes` in all.
    pub fn new(founders: u8, nodes: u8) -> Self {
        Self {
            protocol: P::Observer::new(nodes),
            states: States::default(),
            acknowledged: Acknowledged::new(founders),
            committed: 0,
            last: vec![None; usize::from(nodes)],
        }
    }

    /// A node has started with this state.
    ///
    /// # Errors
    /// The property that is violated.
    pub fn on_start(&mut self, node: NodeId, protocol: &P, seen: Seen) -> Result<(), Broken> {
        self.protocol.on_start(node, protocol)?;
        self.states.on_state(node, seen.applied, seen.digest)?;
        self.last[node.index()] = Some(seen);
        let holds = |node, index| self.protocol.holds(node, index);
        self.acknowledged
            .on_start(node, self.protocol.members(), holds)
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
    pub fn on_change(&mut self, node: NodeId, change: &P::Change, term: u64) -> Result<(), Broken> {
        let last = self.last[node.index()];
        self.protocol.on_change(node, change, last, term)
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
        self.protocol.on_step(node, last, seen)?;
        self.committed = self.committed.max(seen.commit);
        if (seen.applied, seen.digest) != (last.applied, last.digest) {
            self.states.on_state(node, seen.applied, seen.digest)?;
        }
        Ok(())
    }

    /// A node told a client that its write took effect: whatever it has applied is now promised.
    pub fn on_acknowledged(&mut self, applied: u64) {
        self.acknowledged.on_acknowledged(applied);
    }

    /// The world ends, and its replicas that run have applied up to these indices: they hold what was
    /// promised.
    ///
    /// # Errors
    /// The property that is violated.
    pub fn at_end(&self, applied: impl Iterator<Item = u64>) -> Result<(), Broken> {
        let promised = self.acknowledged.index();
        match applied.min() {
            Some(applied) if applied < promised => {
                let detail = format!(
                    "entries up to {promised} were acknowledged to clients, and in the end a replica \
                     has {applied} of them"
                );
                broken("nothing acknowledged is lost", detail)
            }
            _ => Ok(()),
        }
    }

    /// Who takes part, by the last configuration that is committed; `None` for the founders.
    pub fn members(&self) -> Option<&Configuration> {
        self.protocol.members()
    }

    /// The index up to which entries are known to be committed, cluster-wide.
    pub fn committed(&self) -> u64 {
        self.committed
    }

    /// One number for all that was decided.
    pub fn digest(&self) -> u64 {
        self.protocol.digest()
    }
}
