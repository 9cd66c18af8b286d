//! Values that wait to be ordered.

use crate::value::AgreedValue;
use quorate_core::NodeId;
use std::collections::{BTreeMap, BTreeSet};

/// Values by arrival, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Pending {
    arrivals: u64,
    waiting: BTreeMap<u64, (NodeId, AgreedValue)>,
    known: BTreeMap<AgreedValue, u64>,
    /// Proposed in this view, by arrival.
    proposed: BTreeSet<u64>,
    /// Delivered since the checkpoint before last, so that what comes again is not ordered again.
    recent: [BTreeSet<AgreedValue>; 2],
    /// The value that the view timer runs for.
    watched: Option<u64>,
}

impl Pending {
    /// Says whether it is new.
    pub(super) fn add(&mut self, from: NodeId, value: AgreedValue) -> bool {
        let delivered = self.recent.iter().any(|recent| recent.contains(&value));
        if delivered || self.known.contains_key(&value) {
            return false;
        }
        self.arrivals += 1;
        self.known.insert(value.clone(), self.arrivals);
        self.waiting.insert(self.arrivals, (from, value));
        true
    }

    /// How many of a node's wait.
    pub(super) fn of(&self, node: NodeId) -> usize {
        self.waiting
            .values()
            .filter(|(from, _)| *from == node)
            .count()
    }

    pub(super) fn all_of(&self, node: NodeId) -> Vec<AgreedValue> {
        let own = self.waiting.values().filter(|(from, _)| *from == node);
        own.map(|(_, value)| value.clone()).collect()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &AgreedValue> {
        self.waiting.values().map(|(_, value)| value)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes the oldest that are not proposed yet, up to `max`, for a proposal.
    pub(super) fn take(&mut self, max: usize) -> Vec<AgreedValue> {
        let fresh = self.waiting.iter();
        let fresh = fresh.filter(|(arrival, _)| !self.proposed.contains(arrival));
        let taken: Vec<_> = fresh.take(max).map(|(a, (_, v))| (*a, v.clone())).collect();
        self.proposed
            .extend(taken.iter().map(|(arrival, _)| *arrival));
        taken.into_iter().map(|(_, value)| value).collect()
    }

    /// Part of a batch that is under way.
    pub(super) fn note_proposed(&mut self, value: &AgreedValue) {
        if let Some(arrival) = self.known.get(value) {
            self.proposed.insert(*arrival);
        }
    }

    pub(super) fn delivered(&mut self, value: &AgreedValue) {
        if let Some(arrival) = self.known.remove(value) {
            self.waiting.remove(&arrival);
            self.proposed.remove(&arrival);
        }
        self.recent[0].insert(value.clone());
    }

    pub(super) fn checkpoint(&mut self) {
        self.recent.swap(0, 1);
        self.recent[0].clear();
    }

    /// A new view proposes anew.
    pub(super) fn new_view(&mut self) {
        self.proposed.clear();
        self.watched = None;
    }

    /// Says whether the timer must be armed: for the oldest value, if it is not watched already.
    pub(super) fn watch(&mut self) -> bool {
        let oldest = self.waiting.first_key_value().map(|(arrival, _)| *arrival);
        let watched = self.watched.filter(|w| self.waiting.contains_key(w));
        if watched.is_some() || oldest.is_none() {
            return false;
        }
        self.watched = oldest;
        true
    }

    /// Is the watched value still waiting?
    pub(super) fn watching(&self) -> bool {
        self.watched.is_some_and(|w| self.waiting.contains_key(&w))
    }

    pub(super) fn was_watching(&self) -> bool {
        self.watched.is_some()
    }

    pub(super) fn stop_watching(&mut self) {
        self.watched = None;
    }
}
