//! What one client asks for, one request after the other.

use std::collections::BTreeMap;

use bytes::Bytes;
use quorate_check::{Action, Comparison, Item, Reply, Response, Target, Txn, TxnOp};

/// Keys that all clients write.
const HOT_KEYS: u64 = 4;
/// Keys that only one client writes, for each client.
const OWN_KEYS: u64 = 2;

/// Draws requests and learns from the answers, so that compares hold now and then.
#[derive(Debug)]
pub(crate) struct Workload {
    client: u64,
    random: fastrand::Rng,
    /// Values written so far. With the client's number that makes each value unique.
    values: u64,
    /// What was last seen under a key.
    seen: BTreeMap<Bytes, Option<Item>>,
}

impl Workload {
    pub(crate) fn new(seed: u64, client: u64) -> Self {
        let own = (client + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self {
            client,
            random: fastrand::Rng::with_seed(seed ^ own),
            values: 0,
            seen: BTreeMap::new(),
        }
    }

    pub(crate) fn next(&mut self) -> Action {
        let key = self.key();
        match self.random.u8(0..100) {
            0..40 => {
                let value = self.value();
                Action::Put { key, value }
            }
            40..46 => Action::Delete { key },
            46..56 => {
                let equals = self.as_seen(&key);
                let value = self.value();
                Action::compare_and_swap(key, equals, value)
            }
            56..62 => self.two_keys(key),
            62..82 => Action::Get {
                key,
                serializable: false,
            },
            82..94 => Action::Get {
                key,
                serializable: true,
            },
            _ => Action::Scan {
                from: Bytes::from_static(b"hot-"),
                until: Some(Bytes::from_static(b"hot.")),
                serializable: self.random.bool(),
            },
        }
    }

    /// Waits of this length on average, in parts of the mean.
    pub(crate) fn pause(&mut self) -> f64 {
        2.0 * self.random.f64()
    }

    /// Remembers what an answer shows.
    pub(crate) fn learn(&mut self, action: &Action, response: &Response) {
        let now = match (action, &response.reply) {
            (Action::Get { key, .. }, Reply::Got(item)) => (key.clone(), item.clone()),
            (Action::Txn(txn), Reply::Txn { replies, .. }) => {
                match (&txn.compares[..], &replies[..]) {
                    ([compare, ..], [Reply::Got(item), ..]) => (compare.key.clone(), item.clone()),
                    _ => return,
                }
            }
            _ => return,
        };
        self.seen.insert(now.0, now.1);
    }

    /// One key moves a value on, another one is written or removed with it, or both are read.
    fn two_keys(&mut self, guarded: Bytes) -> Action {
        let mut other = self.key();
        while other == guarded {
            other = self.key();
        }
        let equals = self.as_seen(&guarded);
        let (key, value) = (guarded.clone(), self.value());
        let first = TxnOp::Put { key, value };
        let second = if self.random.u8(0..4) == 0 {
            TxnOp::Delete { key: other.clone() }
        } else {
            let (key, value) = (other.clone(), self.value());
            TxnOp::Put { key, value }
        };
        Action::Txn(Txn {
            compares: vec![Comparison {
                key: guarded.clone(),
                equals,
            }],
            then: vec![first, second],
            otherwise: vec![TxnOp::Get { key: guarded }, TxnOp::Get { key: other }],
        })
    }

    /// A condition that held when the key was last looked at.
    fn as_seen(&mut self, key: &Bytes) -> Target {
        match self.seen.get(key) {
            None | Some(None) => Target::CreateRevision(0),
            Some(Some(item)) => match self.random.u8(0..4) {
                0 => Target::Value(item.value.clone()),
                1 => Target::Version(item.version),
                _ => Target::ModRevision(item.mod_revision),
            },
        }
    }

    fn key(&mut self) -> Bytes {
        let key = if self.random.bool() {
            format!("hot-{}", self.random.u64(0..HOT_KEYS))
        } else {
            format!("own-{}-{}", self.client, self.random.u64(0..OWN_KEYS))
        };
        key.into()
    }

    fn value(&mut self) -> Bytes {
        self.values += 1;
        format!("{}-{}", self.client, self.values).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn written(action: &Action) -> Vec<Bytes> {
        let of_step = |op: &TxnOp| match op {
            TxnOp::Put { value, .. } => Some(value.clone()),
            _ => None,
        };
        match action {
            Action::Put { value, .. } => vec![value.clone()],
            Action::Txn(txn) => txn.then.iter().filter_map(of_step).collect(),
            _ => vec![],
        }
    }

    #[test]
    fn no_value_is_written_twice_and_every_kind_of_request_comes() {
        let mut values = BTreeSet::new();
        let mut kinds = BTreeSet::new();
        for client in 0..3 {
            let mut load = Workload::new(5, client);
            for _ in 0..1000 {
                let action = load.next();
                kinds.insert(match &action {
                    Action::Put { .. } => "put",
                    Action::Delete { .. } => "delete",
                    Action::Get { .. } => "get",
                    Action::Scan { .. } => "scan",
                    Action::Txn(_) => "txn",
                });
                for value in written(&action) {
                    assert!(values.insert(value), "{action:?}");
                }
            }
        }
        assert_eq!(kinds.len(), 5);
    }
}
