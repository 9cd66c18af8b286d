//! The history of a register's reads and writes, and whether it is linearizable.
//!
//! Every value is written once, so the check is exact and quick (Gibbons and Korach: Testing Shared
//! Memories, SIAM J. Comput. 1997, §3): a write and the reads of its value make a cluster. In every
//! order that explains the history the operations of a cluster stand together. From the first end in a
//! cluster to the last beginning the register must hold its value, if these are in this order (a
//! forward zone); else some moment between them is enough (a backward zone). The history is
//! linearizable if no two forward zones overlap, and no backward zone lies in a forward one.

use bytes::Bytes;
use quorate_core::NodeId;
use std::collections::BTreeMap;

/// A write and the reads of its value, by the places of their beginnings and ends in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cluster {
    /// The first end; none while the write may have had no effect.
    first_end: Option<u64>,
    last_start: u64,
}

impl Cluster {
    fn has_ended(&mut self, now: u64) {
        self.first_end = Some(self.first_end.map_or(now, |first| first.min(now)));
    }
}

/// What clients of a register did and saw, in the order in which it happened.
#[derive(Debug)]
pub(crate) struct RegisterHistory {
    now: u64,
    clusters: BTreeMap<Option<Bytes>, Cluster>,
    /// Reads under way: at which node, and since when.
    reads: BTreeMap<u64, (NodeId, u64)>,
    /// Writes under way, and at which node.
    writes: BTreeMap<Bytes, NodeId>,
}

impl Default for RegisterHistory {
    /// The register is empty, as if that had been written before all else.
    fn default() -> Self {
        let initial = Cluster {
            first_end: Some(0),
            last_start: 0,
        };
        Self {
            now: 0,
            clusters: BTreeMap::from([(None, initial)]),
            reads: BTreeMap::new(),
            writes: BTreeMap::new(),
        }
    }
}

impl RegisterHistory {
    fn tick(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    pub(crate) fn begin_write(&mut self, node: NodeId, value: &Bytes) {
        let now = self.tick();
        let fresh = Cluster {
            first_end: None,
            last_start: now,
        };
        self.clusters.entry(Some(value.clone())).or_insert(fresh);
        self.writes.insert(value.clone(), node);
    }

    pub(crate) fn begin_read(&mut self, node: NodeId, id: u64) {
        let now = self.tick();
        self.reads.insert(id, (node, now));
    }

    /// A write is acknowledged.
    ///
    /// # Errors
    /// How the history cannot be explained.
    pub(crate) fn written(&mut self, value: &Bytes) -> Result<(), String> {
        let now = self.tick();
        self.writes.remove(value);
        match self.clusters.get_mut(&Some(value.clone())) {
            Some(cluster) => cluster.has_ended(now),
            None => {
                return Err(format!(
                    "{} was never asked for",
                    named(&Some(value.clone()))
                ));
            }
        }
        self.check()
    }

    /// A read is answered.
    ///
    /// # Errors
    /// How the history cannot be explained.
    pub(crate) fn read(&mut self, id: u64, value: Option<&Bytes>) -> Result<(), String> {
        let now = self.tick();
        let Some((_, since)) = self.reads.remove(&id) else {
            return Ok(()); // answered before
        };
        let Some(cluster) = self.clusters.get_mut(&value.cloned()) else {
            return Err(format!(
                "{} is read, and was never written",
                named(&value.cloned())
            ));
        };
        cluster.last_start = cluster.last_start.max(since);
        cluster.has_ended(now);
        self.check()
    }

    /// The first node of these that owes an answer.
    pub(crate) fn owes(&self, must_answer: impl Fn(NodeId) -> bool) -> Option<NodeId> {
        let reads = self.reads.values().map(|(node, _)| *node);
        reads
            .chain(self.writes.values().copied())
            .find(|node| must_answer(*node))
    }

    fn check(&self) -> Result<(), String> {
        let zones = || {
            let ended = |(value, cluster): (_, &Cluster)| {
                Some((value, cluster.first_end?, cluster.last_start))
            };
            self.clusters.iter().filter_map(ended)
        };
        for (stays, end, start) in zones().filter(|(_, end, start)| end < start) {
            for (other, other_end, other_start) in zones().filter(|(other, ..)| *other != stays) {
                let (from, to) = (other_end.min(other_start), other_end.max(other_start));
                let apart = match other_end < other_start {
                    true => to < end || start < from,
                    false => !(end < from && to < start),
                };
                if !apart {
                    let (stays, other) = (named(stays), named(other));
                    return Err(format!(
                        "{stays} is there before {other} is, and is seen after it"
                    ));
                }
            }
        }
        Ok(())
    }
}

fn named(value: &Option<Bytes>) -> String {
    value
        .as_ref()
        .map_or("the empty register".to_owned(), |value| {
            format!("{:?}", String::from_utf8_lossy(value))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Bytes = Bytes::from_static(b"a");
    const B: Bytes = Bytes::from_static(b"b");
    const N: NodeId = NodeId(0);

    fn history(writes: &[Bytes]) -> RegisterHistory {
        let mut history = RegisterHistory::default();
        for value in writes {
            history.begin_write(N, value);
        }
        history
    }

    fn read(history: &mut RegisterHistory, id: u64, value: Option<&Bytes>) -> Result<(), String> {
        history.begin_read(N, id);
        history.read(id, value)
    }

    #[test]
    fn a_value_that_was_seen_is_not_unseen() {
        let mut one = history(&[A]);
        read(&mut one, 1, None).expect("the write may take effect later");
        read(&mut one, 2, Some(&A)).expect("and now it has");
        let said = read(&mut one, 3, None).expect_err("new, then old");
        assert!(said.contains("the empty register"), "{said}");
    }

    #[test]
    fn reads_at_the_same_time_may_see_either() {
        let mut one = history(&[A]);
        one.begin_read(N, 1);
        one.begin_read(N, 2);
        one.read(2, Some(&A)).expect("new");
        one.read(1, None).expect("old, and it began before");
        one.written(&A).expect("acknowledged");
        read(&mut one, 3, Some(&A)).expect("it stays");
    }

    #[test]
    fn what_is_acknowledged_is_not_lost_and_what_is_read_was_written() {
        let mut one = history(&[A]);
        one.written(&A).expect("acknowledged");
        read(&mut one, 1, None).expect_err("lost");
        read(&mut history(&[A]), 1, Some(&B)).expect_err("never written");
        history(&[A]).written(&B).expect_err("never asked");
    }

    #[test]
    fn values_do_not_take_turns() {
        let mut one = history(&[A, B]);
        read(&mut one, 1, Some(&A)).expect("a");
        read(&mut one, 2, Some(&B)).expect("then b");
        read(&mut one, 3, Some(&A)).expect_err("then a again");
    }

    /// Against the definition: all orders of a few operations.
    #[test]
    fn the_zones_say_what_trying_all_orders_says() {
        // (start, end, value, is a read); times are distinct.
        type Op = (u64, u64, Option<Bytes>, bool);
        fn explained(left: &mut Vec<Op>, now: &Option<Bytes>) -> bool {
            if left.is_empty() {
                return true;
            }
            let first_end = left.iter().map(|op| op.1).min().unwrap_or(u64::MAX);
            for at in 0..left.len() {
                let (start, _, value, is_read) = left[at].clone();
                if start > first_end || (is_read && value != *now) {
                    continue;
                }
                let op = left.remove(at);
                let good = explained(left, &value);
                left.insert(at, op);
                if good {
                    return true;
                }
            }
            false
        }
        let mut seed = 7_u64;
        let mut dice = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % n
        };
        let values = [None, Some(A), Some(B)];
        let (mut good, mut bad) = (0, 0);
        for _ in 0..3000 {
            // Two writes and three reads, their ends in any order.
            let mut places: Vec<u64> = (1..=10).collect();
            let mut ops: Vec<Op> = vec![];
            for n in 0..5 {
                let one = places.remove(dice(places.len() as u64) as usize);
                let two = places.remove(dice(places.len() as u64) as usize);
                let value = match n {
                    0 | 1 => values[n + 1].clone(),
                    _ => values[dice(3) as usize].clone(),
                };
                ops.push((one.min(two), one.max(two), value, n > 1));
            }
            // What happened, in order; a check that fails once has failed.
            let mut history = RegisterHistory::default();
            let mut holds = true;
            for time in 1..=10 {
                for (id, (start, end, value, is_read)) in (0..).zip(&ops) {
                    let done = match (*start == time, *end == time, is_read) {
                        (true, _, true) => {
                            history.begin_read(N, id);
                            Ok(())
                        }
                        (true, _, false) => {
                            history.begin_write(N, value.as_ref().expect("a value"));
                            Ok(())
                        }
                        (_, true, true) => history.read(id, value.as_ref()),
                        (_, true, false) => history.written(value.as_ref().expect("a value")),
                        _ => Ok(()),
                    };
                    holds &= done.is_ok();
                }
            }
            let expected = explained(&mut ops.clone(), &None);
            assert_eq!(holds, expected, "{ops:?}");
            match expected {
                true => good += 1,
                false => bad += 1,
            }
        }
        assert!(good > 100 && bad > 100, "{good} and {bad}");
    }
}
