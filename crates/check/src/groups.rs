//! Keys that transactions join: what one group holds is independent of the others.

use crate::plan::{Call, KeyId, PreparedHistory};

/// A group of keys, named by its first key.
pub(crate) type Group = KeyId;

/// The group of each key. Scans join nothing: they only observe, each key for itself.
pub(crate) struct Groups(Vec<Group>);

impl Groups {
    pub(crate) fn of(plan: &PreparedHistory<'_>) -> Self {
        let mut groups = Self((0..).take(plan.keys.len()).collect());
        for call in &plan.calls {
            let mut keys = call.body.keys();
            let Some(head) = keys.next() else { continue };
            for key in keys {
                let (a, b) = (groups.root(head), groups.root(key));
                groups.0[a.max(b) as usize] = a.min(b);
            }
        }
        for key in (0..).take(groups.0.len()) {
            groups.0[key as usize] = groups.root(key);
        }
        groups
    }

    fn root(&self, mut key: KeyId) -> Group {
        while self.0[key as usize] != key {
            key = self.0[key as usize];
        }
        key
    }

    pub(crate) fn of_key(&self, key: KeyId) -> Group {
        self.0[key as usize]
    }

    /// The group that a call is about; `None` for a scan.
    pub(crate) fn of_call(&self, call: &Call<'_>) -> Option<Group> {
        call.body.keys().next().map(|key| self.of_key(key))
    }

    /// All groups, in order.
    pub(crate) fn all(&self) -> impl Iterator<Item = Group> {
        (0..)
            .zip(&self.0)
            .filter(|(key, group)| key == *group)
            .map(|(key, _)| key)
    }
}
