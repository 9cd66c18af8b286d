//! A history made ready for checking: keys as small numbers, operations without effect left out.

use std::rc::Rc;

use bytes::Bytes;

use crate::history::{Action, Compare, History, Outcome, Reply, Response, Revision, TxnOp};
use crate::verdict::{Property, Violation};
use crate::words;

/// A key by its rank in key order.
pub(crate) type KeyId = u32;

/// The operations that matter, over numbered keys.
pub(crate) struct Plan<'h> {
    pub(crate) history: &'h History,
    /// All keys that any operation names, in key order.
    pub(crate) keys: Rc<[&'h Bytes]>,
    pub(crate) calls: Vec<Call<'h>>,
    /// Whether a transaction compares a value: then unknown writes of different values to one key
    /// are not interchangeable.
    pub(crate) compares_values: bool,
}

/// One operation that was answered, or that may have had an effect.
pub(crate) struct Call<'h> {
    pub(crate) source: Source,
    pub(crate) invoked: u64,
    /// `u64::MAX` when it never returned.
    pub(crate) returned: u64,
    pub(crate) body: Body<'h>,
    pub(crate) kind: Kind,
    pub(crate) answer: Option<&'h Response>,
}

/// Where in the history a call comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    /// An index in `History::operations`.
    Operation(usize),
    /// An index in `History::finals`: a serializable scan after the end of time.
    Final(usize),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Answered, and it changed the store: it owns the revision of its answer.
    Wrote,
    /// Answered, and it changed nothing.
    Observed,
    /// As `Observed`, but an older state is a legal answer.
    ObservedPrefix,
    /// Not answered, and it may have written.
    Unknown,
}

pub(crate) enum Body<'h> {
    One(Step<'h>),
    Txn {
        compares: Vec<(KeyId, &'h Compare)>,
        then: Vec<Step<'h>>,
        otherwise: Vec<Step<'h>>,
    },
}

#[derive(Clone, Copy)]
pub(crate) enum Step<'h> {
    Put(KeyId, &'h Bytes),
    Delete(KeyId),
    Get(KeyId),
    /// All keys from the first up to but without the second.
    Scan(KeyId, KeyId),
}

impl Call<'_> {
    /// The revision of the answer.
    pub(crate) fn revision(&self) -> Option<Revision> {
        self.answer.map(|answer| answer.revision)
    }
}

impl Step<'_> {
    pub(crate) fn writes(&self) -> bool {
        matches!(self, Step::Put(..) | Step::Delete(_))
    }
}

impl<'h> Body<'h> {
    /// Every write that this may do, whichever way its compares turn out.
    pub(crate) fn possible_writes(&self) -> impl Iterator<Item = Step<'h>> + '_ {
        let (one, then, otherwise) = match self {
            Self::One(step) => (Some(step), &[][..], &[][..]),
            Self::Txn {
                then, otherwise, ..
            } => (None, &then[..], &otherwise[..]),
        };
        let writes = |step: &&Step<'h>| step.writes();
        one.into_iter()
            .chain(then)
            .chain(otherwise)
            .filter(writes)
            .copied()
    }

    /// Whether this can leave `value` under `key`.
    pub(crate) fn may_put(&self, key: KeyId, value: &Bytes) -> bool {
        self.possible_writes()
            .any(|write| matches!(write, Step::Put(k, v) if k == key && v == value))
    }

    /// The steps that ran, each with its reply.
    pub(crate) fn answered<'a>(
        &'a self,
        reply: &'h Reply,
    ) -> impl Iterator<Item = (Step<'h>, &'h Reply)> + 'a {
        let (one, steps, replies) = match (self, reply) {
            (Self::One(step), reply) => (Some((*step, reply)), &[][..], &[][..]),
            (
                Self::Txn {
                    then, otherwise, ..
                },
                Reply::Txn { succeeded, replies },
            ) => (
                None,
                if *succeeded {
                    &then[..]
                } else {
                    &otherwise[..]
                },
                &replies[..],
            ),
            (Self::Txn { .. }, _) => (None, &[][..], &[][..]),
        };
        one.into_iter().chain(steps.iter().copied().zip(replies))
    }

    /// Every key this reads, compares or writes, except by a scan.
    pub(crate) fn keys(&self) -> impl Iterator<Item = KeyId> + '_ {
        let (one, compares, then, otherwise) = match self {
            Self::One(step) => (Some(step), &[][..], &[][..], &[][..]),
            Self::Txn {
                compares,
                then,
                otherwise,
            } => (None, &compares[..], &then[..], &otherwise[..]),
        };
        let of_steps = one
            .into_iter()
            .chain(then)
            .chain(otherwise)
            .filter_map(|step| match step {
                Step::Put(key, _) | Step::Delete(key) | Step::Get(key) => Some(*key),
                Step::Scan(..) => None,
            });
        of_steps.chain(compares.iter().map(|(key, _)| *key))
    }
}

impl<'h> Plan<'h> {
    pub(crate) fn new(history: &'h History) -> Self {
        let keys = collect_keys(history);
        let mut plan = Plan {
            history,
            keys: keys.into(),
            calls: Vec::new(),
            compares_values: false,
        };
        plan.calls.reserve(history.operations.len());
        for (index, operation) in history.operations.iter().enumerate() {
            let (kind, answer, returned) = match &operation.outcome {
                Outcome::Done { returned, response } => (
                    answered_kind(&operation.action, &response.reply),
                    Some(response),
                    *returned,
                ),
                Outcome::Unknown if operation.action.may_write() => (Kind::Unknown, None, u64::MAX),
                Outcome::Unknown | Outcome::Refused { .. } => continue,
            };
            let body = plan.body(&operation.action);
            let invoked = operation.invoked;
            let source = Source::Operation(index);
            plan.calls.push(Call {
                source,
                invoked,
                returned,
                body,
                kind,
                answer,
            });
        }
        for (index, state) in history.finals.iter().enumerate() {
            plan.calls.push(Call {
                source: Source::Final(index),
                invoked: u64::MAX,
                returned: u64::MAX,
                body: Body::One(Step::Scan(0, plan.keys.len() as KeyId)),
                kind: Kind::ObservedPrefix,
                answer: Some(&state.contents),
            });
        }
        plan
    }

    /// The call in words.
    pub(crate) fn words(&self, call: usize) -> String {
        match self.calls[call].source {
            Source::Operation(index) => words::operation(self.history, index),
            Source::Final(index) => {
                let state = &self.history.finals[index];
                let revision = state.contents.revision;
                format!(
                    "replica {} at the end, at revision {revision}",
                    state.replica
                )
            }
        }
    }

    /// A violation shown by `calls`.
    pub(crate) fn violation(
        &self,
        property: Property,
        calls: &[usize],
        explanation: String,
    ) -> Box<Violation> {
        let mut operations: Vec<usize> = calls
            .iter()
            .filter_map(|call| match self.calls[*call].source {
                Source::Operation(index) => Some(index),
                Source::Final(_) => None,
            })
            .collect();
        operations.sort_unstable();
        operations.dedup();
        Box::new(Violation {
            property,
            explanation,
            operations,
        })
    }

    /// The rank of the first key at or after `key`.
    fn first_at(&self, key: &[u8]) -> KeyId {
        self.keys.partition_point(|probe| &probe[..] < key) as KeyId
    }

    fn body(&mut self, action: &'h Action) -> Body<'h> {
        match action {
            Action::Put { key, value } => Body::One(Step::Put(self.first_at(key), value)),
            Action::Delete { key } => Body::One(Step::Delete(self.first_at(key))),
            Action::Get { key, .. } => Body::One(Step::Get(self.first_at(key))),
            Action::Scan { from, until, .. } => {
                let first = self.first_at(from);
                let end = until
                    .as_ref()
                    .map_or(self.keys.len() as KeyId, |key| self.first_at(key));
                Body::One(Step::Scan(first, end.max(first)))
            }
            Action::Txn(txn) => {
                let by_value =
                    |compare: &Compare| matches!(compare.equals, crate::history::Target::Value(_));
                self.compares_values |= txn.compares.iter().any(by_value);
                let steps = |ops: &'h [TxnOp]| -> Vec<Step<'h>> {
                    ops.iter()
                        .map(|op| match op {
                            TxnOp::Put { key, value } => Step::Put(self.first_at(key), value),
                            TxnOp::Delete { key } => Step::Delete(self.first_at(key)),
                            TxnOp::Get { key } => Step::Get(self.first_at(key)),
                        })
                        .collect()
                };
                Body::Txn {
                    compares: txn
                        .compares
                        .iter()
                        .map(|c| (self.first_at(&c.key), c))
                        .collect(),
                    then: steps(&txn.then),
                    otherwise: steps(&txn.otherwise),
                }
            }
        }
    }
}

/// What an answered operation was, by what its answer claims.
fn answered_kind(action: &Action, reply: &Reply) -> Kind {
    fn wrote(reply: &Reply) -> bool {
        match reply {
            Reply::Put => true,
            Reply::Deleted(count) => *count > 0,
            Reply::Got(_) | Reply::Scanned(_) => false,
            Reply::Txn { replies, .. } => replies.iter().any(wrote),
        }
    }
    match action {
        Action::Get {
            serializable: true, ..
        }
        | Action::Scan {
            serializable: true, ..
        } => Kind::ObservedPrefix,
        _ if action.may_write() && wrote(reply) => Kind::Wrote,
        _ => Kind::Observed,
    }
}

fn collect_keys(history: &History) -> Vec<&Bytes> {
    let mut keys = std::collections::BTreeSet::new();
    for operation in &history.operations {
        match &operation.action {
            Action::Put { key, .. } | Action::Delete { key } | Action::Get { key, .. } => {
                keys.insert(key);
            }
            Action::Scan { .. } => {}
            Action::Txn(txn) => {
                keys.extend(txn.compares.iter().map(|compare| &compare.key));
                for step in txn.then.iter().chain(&txn.otherwise) {
                    let (TxnOp::Put { key, .. } | TxnOp::Delete { key } | TxnOp::Get { key }) =
                        step;
                    keys.insert(key);
                }
            }
        }
    }
    keys.into_iter().collect()
}
