//! Refusals that need no state: the face makes them before it proposes, the store again before it
//! applies, as what is in the log may come from anybody.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{Command, DeleteRangeRequest, PutRequest, RangeRequest, TxnOp, TxnRequest};
use crate::error::Error;

impl Command {
    /// Refuses what no state could accept. `max_txn_ops` bounds the operations of a transaction
    /// ([`DEFAULT_MAX_TXN_OPS`](crate::DEFAULT_MAX_TXN_OPS) unless configured).
    pub fn check(&self, max_txn_ops: usize) -> Result<(), Error> {
        match self {
            Command::Put(put) => put.check(),
            Command::DeleteRange(delete) => delete.check(),
            Command::Txn(txn) => txn.check(max_txn_ops),
            Command::Compact(_) => Ok(()),
        }
    }
}

impl RangeRequest {
    /// Refuses what no state could answer.
    pub fn check(&self) -> Result<(), Error> {
        key_is_given(&self.key)
    }
}

impl PutRequest {
    /// Refuses what no state could accept.
    pub fn check(&self) -> Result<(), Error> {
        key_is_given(&self.key)?;
        if self.ignore_value && !self.value.is_empty() {
            return Err(Error::ValueProvided);
        }
        if self.ignore_lease && self.lease != 0 {
            return Err(Error::LeaseProvided);
        }
        Ok(())
    }
}

impl DeleteRangeRequest {
    /// Refuses what no state could accept.
    pub fn check(&self) -> Result<(), Error> {
        key_is_given(&self.key)
    }
}

impl TxnRequest {
    /// Refuses what no state could accept, in etcd's order: the shape of every operation first,
    /// then keys that would be changed twice.
    ///
    /// The longest of the three lists of a transaction counts against `max_ops`, and what is left
    /// of it bounds the transactions nested in it.
    pub fn check(&self, max_ops: usize) -> Result<(), Error> {
        self.check_shape(max_ops)?;
        changes(&self.success)?;
        changes(&self.failure)?;
        Ok(())
    }

    fn check_shape(&self, max_ops: usize) -> Result<(), Error> {
        let ops = self
            .compare
            .len()
            .max(self.success.len())
            .max(self.failure.len());
        let left = max_ops.checked_sub(ops).ok_or(Error::TooManyOps)?;
        for compare in &self.compare {
            key_is_given(&compare.key)?;
        }
        for op in self.success.iter().chain(&self.failure) {
            match op {
                TxnOp::Range(range) => range.check()?,
                TxnOp::Put(put) => put.check()?,
                TxnOp::DeleteRange(delete) => delete.check()?,
                TxnOp::Txn(txn) => txn.check_shape(left)?,
            }
        }
        Ok(())
    }
}

fn key_is_given(key: &Bytes) -> Result<(), Error> {
    if key.is_empty() {
        Err(Error::EmptyKey)
    } else {
        Ok(())
    }
}

/// The keys that a list of operations may put, and those that it may delete.
#[derive(Default)]
struct Changes<'a> {
    puts: BTreeSet<&'a Bytes>,
    deletes: KeySet<'a>,
}

impl<'a> Changes<'a> {
    fn put(&mut self, key: &'a Bytes) -> Result<(), Error> {
        if self.deletes.contains(key) || !self.puts.insert(key) {
            return Err(Error::DuplicateKey);
        }
        Ok(())
    }
}

/// Collects what the operations change, and refuses a key that is put twice or both put and
/// deleted.
///
/// This follows etcd's check step by step, blind spots included, since a client must not be
/// refused what etcd accepts: the branches of one nested transaction exclude each other and may
/// put the same key; a put in a nested transaction is not held against a delete in a *later*
/// sibling; and an open-ended delete covers nothing (see [`KeySet::insert`]). The store therefore
/// has to cope with a key that changes several times at one revision.
fn changes(ops: &[TxnOp]) -> Result<Changes<'_>, Error> {
    let mut here = Changes::default();
    for op in ops {
        if let TxnOp::DeleteRange(delete) = op {
            here.deletes.insert(&delete.key, &delete.range_end);
        }
    }
    for op in ops {
        let TxnOp::Txn(txn) = op else { continue };
        let success = changes(&txn.success)?;
        let failure = changes(&txn.failure)?;
        for &key in &success.puts {
            here.put(key)?;
        }
        for &key in failure.puts.difference(&success.puts) {
            here.put(key)?;
        }
        here.deletes.extend(success.deletes);
        here.deletes.extend(failure.deletes);
    }
    for op in ops {
        if let TxnOp::Put(put) = op {
            here.put(&put.key)?;
        }
    }
    Ok(here)
}

/// A set of keys and ranges of keys. A transaction out of the log may have any number of
/// operations, so that looking through a list of them for each put would not do.
#[derive(Default)]
struct KeySet<'a> {
    keys: BTreeSet<&'a Bytes>,
    /// Disjoint ranges, from the first key to the one after the last.
    ranges: BTreeMap<&'a Bytes, &'a Bytes>,
}

impl<'a> KeySet<'a> {
    /// Adds what a delete names, as etcd's check sees it: it reads the open end `"\0"` as an
    /// ordinary key, which no key is smaller than.
    fn insert(&mut self, key: &'a Bytes, range_end: &'a Bytes) {
        if range_end.is_empty() {
            self.keys.insert(key);
        } else if key < range_end {
            self.insert_range(key, range_end);
        }
    }

    fn insert_range(&mut self, mut start: &'a Bytes, mut end: &'a Bytes) {
        while let Some((&low, &high)) = self.ranges.range::<Bytes, _>(..=end).next_back() {
            if high < start {
                break;
            }
            self.ranges.remove(low);
            start = start.min(low);
            end = end.max(high);
        }
        self.ranges.insert(start, end);
    }

    fn extend(&mut self, other: KeySet<'a>) {
        self.keys.extend(other.keys);
        for (start, end) in other.ranges {
            self.insert_range(start, end);
        }
    }

    fn contains(&self, key: &Bytes) -> bool {
        let in_a_range = || {
            let below = self.ranges.range::<Bytes, _>(..=key).next_back();
            below.is_some_and(|(_, &end)| key < end)
        };
        self.keys.contains(key) || in_a_range()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> impl Strategy<Value = Bytes> {
        prop::collection::vec(0..3u8, 1..3).prop_map(Bytes::from)
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 500, failure_persistence: None, ..ProptestConfig::default()
        })]

        #[test]
        fn a_key_set_contains_what_was_put_in(
            deletes in prop::collection::vec((key(), prop_oneof![Just(Bytes::new()), key()]), 0..8),
            others in prop::collection::vec((key(), prop_oneof![Just(Bytes::new()), key()]), 0..3),
            key in key(),
        ) {
            let (mut set, mut other) = (KeySet::default(), KeySet::default());
            deletes.iter().for_each(|(key, end)| set.insert(key, end));
            others.iter().for_each(|(key, end)| other.insert(key, end));
            set.extend(other);
            let expected = deletes.iter().chain(&others).any(|(first, end)| match end.is_empty() {
                true => key == *first,
                false => *first <= key && key < *end,
            });
            prop_assert_eq!(set.contains(&key), expected);
            let mut ends = set.ranges.iter().zip(set.ranges.iter().skip(1));
            prop_assert!(ends.all(|((_, end), (start, _))| end < start), "ranges are disjoint");
        }
    }
}
