//! Transactions.

use std::cmp::Ordering;

use super::Store;
use super::range::live_keys;
use super::write::Write;
use crate::error::Error;
use crate::history::KeyChange;
use crate::request::{
    Compare, CompareResult, CompareTarget, PutRequest, RangeRequest, TxnOp, TxnRequest,
};
use crate::response::{TxnOpResponse, TxnResponse};

/// How each transaction that runs has turned out, in the order in which they run.
type Path = Vec<bool>;

impl Store {
    /// Answers a transaction of ranges alone ([`TxnRequest::is_read_only`]), which need not go
    /// through the log.
    pub fn read_txn(&self, txn: &TxnRequest) -> Result<TxnResponse, Error> {
        if !txn.is_read_only() {
            return Err(Error::NotReadOnly);
        }
        txn.check(usize::MAX)?;
        let succeeded = self.holds(&txn.compare);
        let ranges = branch(txn, succeeded).iter().filter_map(|op| match op {
            TxnOp::Range(range) => Some(range),
            _ => None,
        });
        let mut responses = Vec::new();
        for range in ranges.clone() {
            self.check_range(range)?;
        }
        for range in ranges {
            responses.push(TxnOpResponse::Range(
                self.range_seen_from(range, self.revision)?,
            ));
        }
        Ok(TxnResponse {
            revision: self.revision,
            succeeded,
            responses,
        })
    }

    pub(super) fn apply_txn(&mut self, txn: &TxnRequest) -> Result<TxnResponse, Error> {
        let mut path = Path::new();
        self.decide(txn, &mut path);
        self.check_ops(txn, &mut path.iter().copied(), &|store, op| match op {
            TxnOp::Put(put) => store.check_put(put),
            _ => Ok(()),
        })?;
        self.check_ops(txn, &mut path.iter().copied(), &|store, op| match op {
            TxnOp::Range(range) => store.check_range(range),
            _ => Ok(()),
        })?;
        // All is checked, and yet one error is left: a put that keeps the value of a key which the
        // same transaction deletes first (only an open-ended delete gets that past the check for
        // duplicates). etcd 3.4 panics there; we put the state back and refuse.
        let before = keeps_something(txn).then(|| self.clone());
        let result = self.write(|write| {
            let mut response = run(write, txn, &mut path.iter().copied())?;
            response.revision = write.revision();
            Ok(response)
        });
        if let (Err(_), Some(before)) = (&result, before) {
            *self = before;
        }
        result
    }

    /// Makes the comparisons of a transaction and of those nested in the branch that it takes.
    fn decide(&self, txn: &TxnRequest, path: &mut Path) {
        let succeeded = self.holds(&txn.compare);
        path.push(succeeded);
        for op in branch(txn, succeeded) {
            if let TxnOp::Txn(nested) = op {
                self.decide(nested, path);
            }
        }
    }

    fn holds(&self, compares: &[Compare]) -> bool {
        compares.iter().all(|compare| {
            let mut pairs = live_keys(&self.keys, &compare.key, &compare.range_end)
                .filter_map(|(_, history)| history.current())
                .peekable();
            match pairs.peek() {
                None => relation(compare, None),
                Some(_) => pairs.all(|pair| relation(compare, Some(pair))),
            }
        })
    }

    /// Checks every operation that will run against the state before the transaction.
    fn check_ops(
        &self,
        txn: &TxnRequest,
        path: &mut impl Iterator<Item = bool>,
        check: &impl Fn(&Self, &TxnOp) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for op in branch(txn, path.next().unwrap_or_default()) {
            match op {
                TxnOp::Txn(nested) => self.check_ops(nested, path, check)?,
                op => check(self, op)?,
            }
        }
        Ok(())
    }

    fn check_put(&self, put: &PutRequest) -> Result<(), Error> {
        if put.ignore_value || put.ignore_lease {
            let history = self.keys.get(&put.key[..]);
            if !history.is_some_and(|history| history.is_live()) {
                return Err(Error::KeyNotFound);
            }
        }
        self.check_lease(put)
    }

    /// Other than outside of a transaction, a negative revision is not the current one but one
    /// that is compacted (once anything is). This is how etcd has it.
    fn check_range(&self, range: &RangeRequest) -> Result<(), Error> {
        if range.revision == 0 {
            Ok(())
        } else if range.revision > self.revision {
            Err(Error::FutureRevision)
        } else if range.revision < self.compacted {
            Err(Error::Compacted)
        } else {
            Ok(())
        }
    }
}

fn branch(txn: &TxnRequest, succeeded: bool) -> &[TxnOp] {
    if succeeded {
        &txn.success
    } else {
        &txn.failure
    }
}

fn run(
    write: &mut Write<'_>,
    txn: &TxnRequest,
    path: &mut impl Iterator<Item = bool>,
) -> Result<TxnResponse, Error> {
    let succeeded = path.next().unwrap_or_default();
    let mut responses = Vec::with_capacity(branch(txn, succeeded).len());
    for op in branch(txn, succeeded) {
        responses.push(match op {
            TxnOp::Range(range) => TxnOpResponse::Range(write.range(range)?),
            TxnOp::Put(put) => TxnOpResponse::Put(write.put(put)?),
            TxnOp::DeleteRange(delete) => TxnOpResponse::DeleteRange(write.delete_range(delete)),
            TxnOp::Txn(nested) => TxnOpResponse::Txn(run(write, nested, path)?),
        });
    }
    Ok(TxnResponse {
        revision: 0,
        succeeded,
        responses,
    })
}

/// Whether a put of the transaction keeps the value or the lease that its key has.
fn keeps_something(txn: &TxnRequest) -> bool {
    txn.success.iter().chain(&txn.failure).any(|op| match op {
        TxnOp::Put(put) => put.ignore_value || put.ignore_lease,
        TxnOp::Txn(nested) => keeps_something(nested),
        TxnOp::Range(_) | TxnOp::DeleteRange(_) => false,
    })
}

/// Whether a comparison holds for a pair, or for a key that does not exist.
fn relation(compare: &Compare, pair: Option<&KeyChange>) -> bool {
    let number = |of: fn(&KeyChange) -> i64| pair.map_or(0, of);
    let ordering = match &compare.target {
        CompareTarget::Version(version) => number(|pair| pair.version).cmp(version),
        CompareTarget::Create(revision) => number(|pair| pair.create).cmp(revision),
        CompareTarget::Mod(revision) => number(|pair| pair.revision.main).cmp(revision),
        CompareTarget::Lease(lease) => number(|pair| pair.lease).cmp(lease),
        CompareTarget::Value(value) => match pair {
            Some(pair) => pair.value.cmp(value),
            None => return false,
        },
    };
    match compare.result {
        CompareResult::Equal => ordering == Ordering::Equal,
        CompareResult::NotEqual => ordering != Ordering::Equal,
        CompareResult::Greater => ordering == Ordering::Greater,
        CompareResult::Less => ordering == Ordering::Less,
    }
}
