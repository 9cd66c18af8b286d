//! One write transaction.

use std::sync::Arc;

use super::Store;
use super::range::live_keys;
use crate::error::Error;
use crate::history::{History, KeyChange, Revision};
use crate::key::Key;
use crate::request::{DeleteRangeRequest, PutRequest, RangeRequest};
use crate::response::{DeleteRangeResponse, PutResponse, RangeResponse};

/// A write transaction in progress. All its changes have one revision, that of the store plus one,
/// and are seen by what follows in the transaction.
pub(super) struct Write<'a> {
    store: &'a mut Store,
    /// Where the next change stands.
    next: Revision,
}

impl<'a> Write<'a> {
    pub(super) fn begin(store: &'a mut Store) -> Self {
        let next = Revision {
            main: store.revision + 1,
            sub: 0,
        };
        Write { store, next }
    }

    /// Ends the transaction; without a change there is no new revision.
    pub(super) fn commit(self) {
        self.store.revision = self.revision();
    }

    /// The revision that a reader inside of the transaction sees.
    pub(super) fn revision(&self) -> i64 {
        if self.next.sub == 0 {
            self.next.main - 1
        } else {
            self.next.main
        }
    }

    pub(super) fn range(&self, range: &RangeRequest) -> Result<RangeResponse, Error> {
        self.store.range_seen_from(range, self.revision())
    }

    /// Fails only for want of a previous value to keep, before it has changed anything.
    pub(super) fn put(&mut self, put: &PutRequest) -> Result<PutResponse, Error> {
        let revision = self.next_revision();
        let history = self.store.keys.get_mut(&put.key[..]);
        let previous = history.as_ref().and_then(|history| history.current());
        let mut prev_kv = None;
        let mut value = &put.value;
        let mut lease = put.lease;
        let (mut create, mut version) = (revision.main, 1);
        if let Some(previous) = previous {
            (create, version) = (previous.create, previous.version + 1);
            if put.ignore_value {
                value = &previous.value;
            }
            if put.ignore_lease {
                lease = previous.lease;
            }
            prev_kv = put.prev_kv.then(|| previous.to_key_value());
        } else if put.ignore_value || put.ignore_lease {
            return Err(Error::KeyNotFound);
        }
        let value = value.clone();
        let key = match &history {
            Some(history) => history.latest().key.clone(),
            None => Key::new(&put.key),
        };
        let change = Arc::new(KeyChange {
            key,
            revision,
            create,
            version,
            lease,
            value,
        });
        match history {
            Some(history) => history.push(Arc::clone(&change)),
            None => {
                let history = History::new(Arc::clone(&change));
                self.store.keys.insert(change.key.clone(), history);
            }
        }
        self.record(change);
        Ok(PutResponse {
            revision: revision.main,
            prev_kv,
        })
    }

    pub(super) fn delete_range(&mut self, delete: &DeleteRangeRequest) -> DeleteRangeResponse {
        let mut prev_kvs = Vec::new();
        let mut doomed = Vec::new();
        for (key, history) in live_keys(&self.store.keys, &delete.key, &delete.range_end) {
            if delete.prev_kv {
                prev_kvs.extend(history.current().map(KeyChange::to_key_value));
            }
            doomed.push(key.clone());
        }
        let deleted = doomed.len() as i64;
        for key in doomed {
            self.delete(key);
        }
        DeleteRangeResponse {
            revision: self.revision(),
            deleted,
            prev_kvs,
        }
    }

    fn delete(&mut self, key: Key) {
        let revision = self.next_revision();
        let Some(history) = self.store.keys.get_mut(key.as_slice()) else {
            return;
        };
        let change = Arc::new(KeyChange::tombstone(key, revision));
        history.push(Arc::clone(&change));
        self.record(change);
    }

    fn next_revision(&self) -> Revision {
        self.next
    }

    fn record(&mut self, change: Arc<KeyChange>) {
        self.next.sub += 1;
        self.store.count_in(&change);
        self.store.changes.push_back(change);
    }
}
