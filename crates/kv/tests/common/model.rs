//! A naive reference: every state there ever was, kept whole.

use std::collections::BTreeMap;

use bytes::Bytes;
use quorate_kv::*;

type State = BTreeMap<Bytes, KeyValue>;

#[derive(Clone)]
pub(crate) struct Model {
    /// The state at each revision, from 0 (which nothing was ever at) on.
    states: Vec<State>,
    compacted: i64,
}

impl Model {
    pub(crate) fn new() -> Self {
        Model {
            states: vec![State::new(); 2],
            compacted: -1,
        }
    }

    pub(crate) fn revision(&self) -> i64 {
        self.states.len() as i64 - 1
    }

    fn current(&self) -> &State {
        self.states.last().expect("there is a first state")
    }

    pub(crate) fn apply(&mut self, command: &Command) -> Result<Response, Error> {
        command.check(usize::MAX)?;
        match command {
            Command::Put(request) => {
                if request.lease != 0 {
                    return Err(Error::LeaseNotFound);
                }
                let mut txn = Txn::begin(self);
                let response = txn.put(request)?;
                txn.commit();
                Ok(Response::Put(response))
            }
            Command::DeleteRange(request) => {
                let mut txn = Txn::begin(self);
                let response = txn.delete(request);
                txn.commit();
                Ok(Response::DeleteRange(response))
            }
            Command::Txn(request) => {
                self.check(request)?;
                let mut txn = Txn::begin(self);
                let mut response = txn.run(request)?;
                response.revision = txn.seen();
                txn.commit();
                Ok(Response::Txn(response))
            }
            Command::Compact(request) => {
                if request.revision <= self.compacted {
                    return Err(Error::Compacted);
                }
                if request.revision > self.revision() {
                    return Err(Error::FutureRevision);
                }
                self.compacted = request.revision;
                Ok(Response::Compact(CompactResponse {
                    revision: self.revision(),
                }))
            }
        }
    }

    pub(crate) fn range(&self, request: &RangeRequest) -> Result<RangeResponse, Error> {
        request.check()?;
        let current = self.revision();
        let revision = if request.revision <= 0 {
            current
        } else {
            request.revision
        };
        if revision > current {
            return Err(Error::FutureRevision);
        }
        if revision < self.compacted {
            return Err(Error::Compacted);
        }
        Ok(answer(&self.states[revision as usize], request, current))
    }

    /// The operations that would run, with those of nested transactions.
    fn chosen<'a>(&self, txn: &'a TxnRequest) -> Vec<&'a TxnOp> {
        let ops = if holds(self.current(), txn) {
            &txn.success
        } else {
            &txn.failure
        };
        let mut chosen = Vec::new();
        for op in ops {
            match op {
                TxnOp::Txn(nested) => chosen.extend(self.chosen(nested)),
                op => chosen.push(op),
            }
        }
        chosen
    }

    fn check(&self, txn: &TxnRequest) -> Result<(), Error> {
        let chosen = self.chosen(txn);
        for op in &chosen {
            let TxnOp::Put(put) = op else { continue };
            let keeps = put.ignore_value || put.ignore_lease;
            if keeps && !self.current().contains_key(&put.key) {
                return Err(Error::KeyNotFound);
            }
            if put.lease != 0 {
                return Err(Error::LeaseNotFound);
            }
        }
        for op in &chosen {
            let TxnOp::Range(range) = op else { continue };
            if range.revision > self.revision() {
                return Err(Error::FutureRevision);
            }
            if range.revision != 0 && range.revision < self.compacted {
                return Err(Error::Compacted);
            }
        }
        Ok(())
    }
}

struct Txn<'a> {
    model: &'a mut Model,
    before: State,
    now: State,
    changed: bool,
}

impl<'a> Txn<'a> {
    fn begin(model: &'a mut Model) -> Self {
        let before = model.current().clone();
        Txn {
            model,
            now: before.clone(),
            before,
            changed: false,
        }
    }

    fn next(&self) -> i64 {
        self.model.revision() + 1
    }

    fn seen(&self) -> i64 {
        self.model.revision() + i64::from(self.changed)
    }

    fn commit(self) {
        if self.changed {
            self.model.states.push(self.now);
        }
    }

    fn put(&mut self, request: &PutRequest) -> Result<PutResponse, Error> {
        let revision = self.next();
        let previous = self.now.get(&request.key).cloned();
        if previous.is_none() && (request.ignore_value || request.ignore_lease) {
            return Err(Error::KeyNotFound);
        }
        let old = previous.clone().unwrap_or_default();
        let kv = KeyValue {
            key: request.key.clone(),
            create_revision: if previous.is_some() {
                old.create_revision
            } else {
                revision
            },
            mod_revision: revision,
            version: old.version + 1,
            value: if request.ignore_value {
                old.value
            } else {
                request.value.clone()
            },
            lease: if request.ignore_lease {
                old.lease
            } else {
                request.lease
            },
        };
        self.now.insert(request.key.clone(), kv);
        self.changed = true;
        Ok(PutResponse {
            revision,
            prev_kv: previous.filter(|_| request.prev_kv),
        })
    }

    fn delete(&mut self, request: &DeleteRangeRequest) -> DeleteRangeResponse {
        let doomed: Vec<KeyValue> = self
            .now
            .values()
            .filter(|kv| named(&kv.key, &request.key, &request.range_end))
            .cloned()
            .collect();
        for kv in &doomed {
            self.now.remove(&kv.key);
            self.changed = true;
        }
        let deleted = doomed.len() as i64;
        let prev_kvs = if request.prev_kv { doomed } else { Vec::new() };
        DeleteRangeResponse {
            revision: self.seen(),
            deleted,
            prev_kvs,
        }
    }

    fn run(&mut self, txn: &TxnRequest) -> Result<TxnResponse, Error> {
        let succeeded = holds(&self.before, txn);
        let mut responses = Vec::new();
        for op in if succeeded {
            &txn.success
        } else {
            &txn.failure
        } {
            responses.push(match op {
                TxnOp::Put(put) => TxnOpResponse::Put(self.put(put)?),
                TxnOp::DeleteRange(delete) => TxnOpResponse::DeleteRange(self.delete(delete)),
                TxnOp::Txn(nested) => TxnOpResponse::Txn(self.run(nested)?),
                TxnOp::Range(range) => {
                    let state = match range.revision {
                        ..=0 => &self.now,
                        revision => &self.model.states[revision as usize],
                    };
                    TxnOpResponse::Range(answer(state, range, self.seen()))
                }
            });
        }
        Ok(TxnResponse {
            revision: 0,
            succeeded,
            responses,
        })
    }
}

fn named(key: &Bytes, first: &Bytes, range_end: &Bytes) -> bool {
    match &range_end[..] {
        b"" => key == first,
        b"\0" => key >= first,
        end => key >= first && &key[..] < end,
    }
}

fn holds(state: &State, txn: &TxnRequest) -> bool {
    txn.compare.iter().all(|compare| {
        let pairs: Vec<&KeyValue> = state
            .values()
            .filter(|kv| named(&kv.key, &compare.key, &compare.range_end))
            .collect();
        let none = KeyValue::default();
        match (&compare.target, pairs.is_empty()) {
            (CompareTarget::Value(_), true) => false,
            (_, true) => relation(compare, &none),
            (_, false) => pairs.iter().all(|kv| relation(compare, kv)),
        }
    })
}

fn relation(compare: &Compare, kv: &KeyValue) -> bool {
    let ordering = match &compare.target {
        CompareTarget::Version(version) => kv.version.cmp(version),
        CompareTarget::Create(revision) => kv.create_revision.cmp(revision),
        CompareTarget::Mod(revision) => kv.mod_revision.cmp(revision),
        CompareTarget::Lease(lease) => kv.lease.cmp(lease),
        CompareTarget::Value(value) => kv.value.cmp(value),
    };
    match compare.result {
        CompareResult::Equal => ordering.is_eq(),
        CompareResult::NotEqual => ordering.is_ne(),
        CompareResult::Greater => ordering.is_gt(),
        CompareResult::Less => ordering.is_lt(),
    }
}

fn answer(state: &State, request: &RangeRequest, current: i64) -> RangeResponse {
    let mut kvs: Vec<KeyValue> = state
        .values()
        .filter(|kv| named(&kv.key, &request.key, &request.range_end))
        .cloned()
        .collect();
    let count = kvs.len() as i64;
    if request.count_only {
        kvs.clear();
    }
    let limit = request.limit.clamp(0, 1000) as usize;
    let bounds = [
        (request.min_mod_revision, request.max_mod_revision),
        (request.min_create_revision, request.max_create_revision),
    ];
    if limit > 0 && request.sort_order == SortOrder::None && bounds == [(0, 0); 2] {
        kvs.truncate(limit + 1);
    }
    for (index, (min, max)) in bounds.into_iter().enumerate() {
        let of = |kv: &KeyValue| {
            if index == 0 {
                kv.mod_revision
            } else {
                kv.create_revision
            }
        };
        kvs.retain(|kv| (min == 0 || of(kv) >= min) && (max == 0 || of(kv) <= max));
    }
    let descend = request.sort_order == SortOrder::Descend;
    kvs.sort_by(|a, b| {
        let ordering = match request.sort_target {
            SortTarget::Key => a.key.cmp(&b.key),
            SortTarget::Version => a.version.cmp(&b.version),
            SortTarget::Create => a.create_revision.cmp(&b.create_revision),
            SortTarget::Mod => a.mod_revision.cmp(&b.mod_revision),
            SortTarget::Value => a.value.cmp(&b.value),
        };
        if descend {
            ordering.reverse()
        } else {
            ordering
        }
    });
    let more = limit > 0 && kvs.len() > limit;
    if more {
        kvs.truncate(limit);
    }
    if request.keys_only {
        kvs.iter_mut().for_each(|kv| kv.value = Bytes::new());
    }
    RangeResponse {
        revision: current,
        kvs,
        more,
        count,
    }
}
