//! Values that wait to be ordered, for protocols whose leaders rotate.

use crate::value;

use crate::value::AgreedValue;
use quorate_core::NodeId;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How many values that were ordered are remembered, so that they are not ordered again when they
/// come late. Beyond it a value may be: the layer above knows its clients' request numbers.
const REMEMBERED: usize = 4096;

/// Values by arrival, each once, so many from each node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Pool {
    arrivals: u64,
    waiting: BTreeMap<u64, (NodeId, AgreedValue)>,
    known: BTreeMap<AgreedValue, u64>,
    ordered: BTreeSet<AgreedValue>,
    ages: VecDeque<AgreedValue>,
}

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    Yes,
    /// It waits already, or was ordered not long ago.
    Known,
    /// It is too large, or its node has too many.
    Refused,
}

impl Pool {
    pub(crate) fn add(&mut self, from: NodeId, value: AgreedValue, max: usize) -> Added {
        if self.known.contains_key(&value) || self.ordered.contains(&value) {
            return Added::Known;
        }
        let its = self.waiting.values().filter(|(node, _)| *node == from);
        if !value::fits(&value) || its.count() >= max {
            return Added::Refused;
        }
        self.arrivals += 1;
        self.known.insert(value.clone(), self.arrivals);
        self.waiting.insert(self.arrivals, (from, value));
        Added::Yes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// All of a node's.
    pub(crate) fn of(&self, node: NodeId) -> Vec<AgreedValue> {
        let its = self.waiting.values().filter(|(from, _)| *from == node);
        its.map(|(_, value)| value.clone()).collect()
    }

    /// The oldest that are not among `taken`; they stay.
    pub(crate) fn oldest(&self, max: usize, taken: &BTreeSet<&AgreedValue>) -> Vec<AgreedValue> {
        let waiting = self.waiting.values().map(|(_, value)| value);
        let free = waiting.filter(|value| !taken.contains(value));
        free.take(max).cloned().collect()
    }

    pub(crate) fn ordered(&mut self, value: &AgreedValue) {
        if let Some(arrival) = self.known.remove(value) {
            self.waiting.remove(&arrival);
        }
        if self.ordered.insert(value.clone()) {
            self.ages.push_back(value.clone());
        }
        if self.ages.len() > REMEMBERED
            && let Some(oldest) = self.ages.pop_front()
        {
            self.ordered.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_cannot_fill_the_places_of_others() {
        let mut pool = Pool::default();
        let (liar, other) = (NodeId(1), NodeId(2));
        let value = |n: u8| AgreedValue::from(vec![n]);
        assert_eq!(pool.add(liar, value(1), 2), Added::Yes);
        assert_eq!(pool.add(other, value(1), 2), Added::Known);
        assert_eq!(pool.add(liar, value(2), 2), Added::Yes);
        assert_eq!(pool.add(liar, value(3), 2), Added::Refused);
        assert_eq!(pool.add(other, value(3), 2), Added::Yes);
        let first = value(1);
        let taken = BTreeSet::from([&first]);
        assert_eq!(pool.oldest(9, &taken), [value(2), value(3)]);
        pool.ordered(&value(2));
        assert_eq!(pool.add(liar, value(2), 2), Added::Known);
        assert_eq!(pool.add(liar, value(4), 2), Added::Yes);
    }
}
