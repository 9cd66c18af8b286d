//! Reading.

use std::cmp::Ordering;
use std::ops::Bound;

use imbl::OrdMap;

use super::Store;
use crate::error::Error;
use crate::history::{History, KeyChange};
use crate::key::Key;
use crate::request::{RangeRequest, SortOrder, SortTarget};
use crate::response::{KeyValue, RangeResponse};

impl Store {
    /// Answers a range.
    ///
    /// The time goes with the number of keys in the range, `limit` or not, since the answer says
    /// how many there are.
    pub fn range(&self, range: &RangeRequest) -> Result<RangeResponse, Error> {
        range.check()?;
        self.range_seen_from(range, self.revision)
    }

    /// Answers a range for a reader to whom `current` is the current revision: inside of a write
    /// transaction that is the revision it makes, once it has changed something.
    pub(super) fn range_seen_from(
        &self,
        range: &RangeRequest,
        current: i64,
    ) -> Result<RangeResponse, Error> {
        let revision = self.readable(range.revision, current)?;
        let (mut kvs, count) = self.collect(range, revision, current);
        let (order, target) = (range.sort_order, range.sort_target);
        match order {
            SortOrder::Descend => kvs.sort_by(|a, b| compare(target, b, a)),
            // By key is the order that they are in.
            _ if target == SortTarget::Key => {}
            _ => kvs.sort_by(|a, b| compare(target, a, b)),
        }
        let limit = limit(range.limit).unwrap_or(kvs.len());
        let more = kvs.len() > limit;
        kvs.truncate(limit);
        if range.keys_only {
            kvs.iter_mut().for_each(|kv| kv.value.clear());
        }
        Ok(RangeResponse {
            revision: current,
            kvs,
            more,
            count,
        })
    }

    /// The revision to read at.
    fn readable(&self, asked: i64, current: i64) -> Result<i64, Error> {
        let revision = if asked <= 0 { current } else { asked };
        if revision > current {
            Err(Error::FutureRevision)
        } else if revision < self.compacted {
            Err(Error::Compacted)
        } else {
            Ok(revision)
        }
    }

    /// The pairs in key order, as many as are needed to apply the limit, and the count of all.
    fn collect(&self, range: &RangeRequest, revision: i64, current: i64) -> (Vec<KeyValue>, i64) {
        let wanted = |change: &KeyChange| {
            within(
                change.revision.main,
                range.min_mod_revision,
                range.max_mod_revision,
            ) && within(
                change.create,
                range.min_create_revision,
                range.max_create_revision,
            )
        };
        let filtered = range.min_mod_revision != 0
            || range.max_mod_revision != 0
            || range.min_create_revision != 0
            || range.max_create_revision != 0;
        // One more than the limit tells whether there is more. A sort or a filter needs all first.
        let take = match limit(range.limit) {
            _ if range.count_only => 0,
            Some(limit) if range.sort_order == SortOrder::None && !filtered => {
                limit.saturating_add(1)
            }
            _ => usize::MAX,
        };
        let mut kvs = Vec::new();
        let mut count = 0;
        for (_, history) in between(&self.keys, &range.key, &range.range_end) {
            let shown = if revision == current {
                if kvs.len() >= take {
                    count += i64::from(history.is_live());
                    continue;
                }
                history.current()
            } else {
                history.at(revision)
            };
            let Some(shown) = shown else { continue };
            count += 1;
            if kvs.len() < take && wanted(shown) {
                kvs.push(shown.to_key_value());
            }
        }
        (kvs, count)
    }
}

/// The keys that a request names (see [`RangeRequest`]), deleted ones included.
pub(super) fn between<'a>(
    keys: &'a OrdMap<Key, History>,
    key: &'a [u8],
    range_end: &'a [u8],
) -> impl Iterator<Item = (&'a Key, &'a History)> {
    let end = match range_end {
        [] => Bound::Included(key),
        [0] => Bound::Unbounded,
        end => Bound::Excluded(end),
    };
    let inverted = matches!(end, Bound::Excluded(end) if end <= key);
    (!inverted)
        .then(|| keys.range::<_, [u8]>((Bound::Included(key), end)))
        .into_iter()
        .flatten()
}

/// The keys that a request names and that exist.
pub(super) fn live_keys<'a>(
    keys: &'a OrdMap<Key, History>,
    key: &'a [u8],
    range_end: &'a [u8],
) -> impl Iterator<Item = (&'a Key, &'a History)> {
    between(keys, key, range_end).filter(|(_, history)| history.is_live())
}

/// The number of pairs that a limit allows, if it is one.
fn limit(limit: i64) -> Option<usize> {
    (limit > 0).then(|| usize::try_from(limit).unwrap_or(usize::MAX))
}

/// Whether a revision passes a filter; 0 is no bound.
fn within(revision: i64, min: i64, max: i64) -> bool {
    (min == 0 || revision >= min) && (max == 0 || revision <= max)
}

fn compare(target: SortTarget, a: &KeyValue, b: &KeyValue) -> Ordering {
    match target {
        SortTarget::Key => a.key.cmp(&b.key),
        SortTarget::Version => a.version.cmp(&b.version),
        SortTarget::Create => a.create_revision.cmp(&b.create_revision),
        SortTarget::Mod => a.mod_revision.cmp(&b.mod_revision),
        SortTarget::Value => a.value.cmp(&b.value),
    }
}
