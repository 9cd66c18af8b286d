//! What the store keeps of each key: its changes, oldest first.

use std::sync::Arc;

use bytes::Bytes;
use imbl::Vector;

use crate::key::Key;
use crate::response::KeyValue;

/// Where a change stands in the history of the store: the write transaction that made it, and its
/// place among the changes of that transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Revision {
    pub(crate) main: i64,
    pub(crate) sub: u32,
}

/// One change of one key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KeyChange {
    pub(crate) key: Key,
    pub(crate) revision: Revision,
    /// 0 for a deletion (a *tombstone*), as are lease and version then; the value is empty.
    pub(crate) create: i64,
    pub(crate) version: i64,
    pub(crate) lease: i64,
    pub(crate) value: Bytes,
}

impl KeyChange {
    pub(crate) fn tombstone(key: Key, revision: Revision) -> Self {
        KeyChange {
            key,
            revision,
            create: 0,
            version: 0,
            lease: 0,
            value: Bytes::new(),
        }
    }

    pub(crate) fn is_tombstone(&self) -> bool {
        self.version == 0
    }

    pub(crate) fn to_key_value(&self) -> KeyValue {
        KeyValue {
            key: self.key.to_bytes(),
            create_revision: self.create,
            mod_revision: self.revision.main,
            version: self.version,
            value: self.value.clone(),
            lease: self.lease,
        }
    }
}

/// The retained changes of one key; there is at least one.
///
/// A key can change several times at one revision (see `request::check`): what a revision shows
/// is the last change up to it.
#[derive(Clone, Debug)]
pub(crate) struct History {
    latest: Arc<KeyChange>,
    /// Whether `latest` is not a tombstone: known without following the pointer, as counting a
    /// range asks for nothing else.
    live: bool,
    /// Oldest first. Behind an `Arc` so that a shared index node is cheap to copy.
    older: Option<Arc<Vector<Arc<KeyChange>>>>,
}

impl History {
    pub(crate) fn new(first: Arc<KeyChange>) -> Self {
        let live = !first.is_tombstone();
        History {
            latest: first,
            live,
            older: None,
        }
    }

    /// Adds a change that is newer than all others.
    pub(crate) fn push(&mut self, change: Arc<KeyChange>) {
        self.live = !change.is_tombstone();
        let superseded = std::mem::replace(&mut self.latest, change);
        let older = self.older.get_or_insert_default();
        Arc::make_mut(older).push_back(superseded);
    }

    /// Whether the key exists now.
    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    /// The newest change, if it is not a deletion.
    pub(crate) fn current(&self) -> Option<&KeyChange> {
        self.live.then_some(&*self.latest)
    }

    pub(crate) fn latest(&self) -> &Arc<KeyChange> {
        &self.latest
    }

    /// What the key was at a revision.
    pub(crate) fn at(&self, revision: i64) -> Option<&KeyChange> {
        let shown = if self.latest.revision.main <= revision {
            &self.latest
        } else {
            let older = self.older.as_deref()?;
            // The search finds no equal, so that it answers where the first newer change stands.
            let newer = older
                .binary_search_by(|change| match change.revision.main <= revision {
                    true => std::cmp::Ordering::Less,
                    false => std::cmp::Ordering::Greater,
                })
                .unwrap_or_else(|index| index);
            older.get(newer.checked_sub(1)?)?
        };
        (!shown.is_tombstone()).then_some(&**shown)
    }

    /// The change number `index`, counted from the oldest.
    pub(crate) fn get(&self, index: usize) -> Option<&Arc<KeyChange>> {
        let older = self.older.as_deref();
        match index.checked_sub(older.map_or(0, Vector::len)) {
            None => older?.get(index),
            Some(0) => Some(&self.latest),
            Some(_) => None,
        }
    }

    /// Takes the oldest change out, unless it is the only one.
    pub(crate) fn pop_oldest(&mut self) -> Option<Arc<KeyChange>> {
        let older = Arc::make_mut(self.older.as_mut()?);
        let oldest = older.pop_front();
        if older.is_empty() {
            self.older = None;
        }
        oldest
    }
}
