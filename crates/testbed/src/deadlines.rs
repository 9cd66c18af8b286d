//! Timers as armed, each with the time at which it fires.

use quorate_core::Time;
use std::collections::BTreeMap;

/// Timers by key, each with its time.
#[derive(Clone, Debug)]
pub struct Deadlines<K>(BTreeMap<K, Time>);

impl<K> Default for Deadlines<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Copy> Deadlines<K> {
    /// Arms a timer, or with `None` disarms it.
    pub fn set(&mut self, key: K, at: Option<Time>) {
        match at {
            Some(at) => self.0.insert(key, at),
            None => self.0.remove(&key),
        };
    }

    /// Takes the next timer that fires by `until`, with its time; of several at the same time the
    /// least.
    pub fn pop(&mut self, until: Time) -> Option<(Time, K)> {
        let (at, key) = self.0.iter().map(|(key, at)| (*at, *key)).min()?;
        (at <= until).then(|| {
            self.0.remove(&key);
            (at, key)
        })
    }

    /// The timers that are armed.
    pub fn keys(&self) -> impl Iterator<Item = K> {
        self.0.keys().copied()
    }

    /// Disarms all but those for which `keep` holds.
    pub fn retain(&mut self, keep: impl Fn(&K) -> bool) {
        self.0.retain(|key, _| keep(key));
    }
}
