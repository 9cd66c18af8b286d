//! A history made ready for checking: keys as small numbers, operations without effect left out.

use std::rc::Rc;

use bytes::Bytes;

use crate::history::{Action, Comparison, History, Outcome, Reply, Response, Revision, TxnOp};
use crate::text;
use crate::verdict::{Property, Violation};

/// A key by its rank in key order.
pub(crate) type KeyId = u32;

/// The operations that matter, over numbered keys.
pub(crate) struct PreparedHistory<'h> {
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
    pub(crate) source: CallSource,
    pub(crate) invoked: u64,
    /// `u64::MAX` when it never returned.
    pub(crate) returned: u64,
    pub(crate) body: CallBody<'h>,
    pub(crate) kind: CallKind,
    pub(crate) answer: Option<&'h Response>,
}

/// Where in the history a call comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CallSource {
    /// An index in `History::operations`.
    Operation(usize),
    /// An index in `History::finals`: a serializable scan after the end of time.
    Final(usize),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CallKind {
    /// Answered, and it changed the store: it owns the revision of its answer.
    Wrote,
    /// Answered, and it changed nothing.
    Observed,
    /// As `Observed`, but an older state is a legal answer.
    ObservedPrefix,
    /// Not answered, and it may have written.
    Unknown,
}

pub(crate) enum CallBody<'h> {
    One(CallStep<'h>),
    Txn {
        compares: Vec<(KeyId, &'h Comparison)>,
        then: Vec<CallStep<'h>>,
        otherwise: Vec<CallStep<'h>>,
    },
}

#[derive(Clone, Copy)]
pub(crate) enum CallStep<'h> {
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

impl CallStep<'_> {
    pub(crate) fn writes(&self) -> bool {
        matches!(self, CallStep::Put(..) | CallStep::Delete(_))
    }
}

impl<'h> CallBody<'h> {
    /// Every write that this may do, whichever way its compares turn out.
    pub(crate) fn possible_writes(&self) -> impl Iterator<Item = CallStep<'h>> + '_ {
        let (one, then, otherwise) = match self {
            Self::One(step) => (Some(step), &[][..], &[][..]),
            Self::Txn {
                then, otherwise, ..
            } => (None, &then[..], &otherwise[..]),
        };
        let writes = |step: &&CallStep<'h>| step.writes();
        one.into_iter()
            .chain(then)
            .chain(otherwise)
            .filter(writes)
            .copied()
    }

    /// Whether this can leave `value` under `key`.
    pub(crate) fn may_put(&self, key: KeyId, value: &Bytes) -> bool {
        self.possible_writes()
            .any(|write| matches!(write, CallStep::Put(k, v) if k == key && v == value))
    }

    /// The steps that ran, each with its reply.
    pub(crate) fn answered<'a>(
        &'a self,
        reply: &'h Reply,
    ) -> impl Iterator<Item = (CallStep<'h>, &'h Reply)> + 'a {
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
                CallStep::Put(key, _) | CallStep::Delete(key) | CallStep::Get(key) => Some(*key),
                CallStep::Scan(..) => None,
            });
        of_steps.chain(compares.iter().map(|(key, _)| *key))
    }
}

impl<'h> PreparedHistory<'h> {
    pub(crate) fn new(history: &'h History) -> Self {
        let keys = collect_keys(history);
        let mut plan = PreparedHistory {
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
                Outcome::Unknown if operation.action.may_write() => {
                    (CallKind::Unknown, None, u64::MAX)
                }
                Outcome::Unknown | Outcome::Refused { .. } => continue,
            };
            let body = plan.body(&operation.action);
            let invoked = operation.invoked;
            let source = CallSource::Operation(index);
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
                source: CallSource::Final(index),
                invoked: u64::MAX,
                returned: u64::MAX,
                body: CallBody::One(CallStep::Scan(0, plan.keys.len() as KeyId)),
                kind: CallKind::ObservedPrefix,
                answer: Some(&state.contents),
            });
        }
        plan
    }

    /// The call in words.
    pub(crate) fn words(&self, call: usize) -> String {
        match self.calls[call].source {
            CallSource::Operation(index) => text::operation(self.history, index),
            CallSource::Final(index) => {
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
                CallSource::Operation(index) => Some(index),
                CallSource::Final(_) => None,
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

    fn body(&mut self, action: &'h Action) -> CallBody<'h> {
        match action {
            Action::Put { key, value } => CallBody::One(CallStep::Put(self.first_at(key), value)),
            Action::Delete { key } => CallBody::One(CallStep::Delete(self.first_at(key))),
            Action::Get { key, .. } => CallBody::One(CallStep::Get(self.first_at(key))),
            Action::Scan { from, until, .. } => {
                let first = self.first_at(from);
                let end = until
                    .as_ref()
                    .map_or(self.keys.len() as KeyId, |key| self.first_at(key));
                CallBody::One(CallStep::Scan(first, end.max(first)))
            }
            Action::Txn(txn) => {
                let by_value = |compare: &Comparison| {
                    matches!(compare.equals, crate::history::Target::Value(_))
                };
                self.compares_values |= txn.compares.iter().any(by_value);
                let steps = |ops: &'h [TxnOp]| -> Vec<CallStep<'h>> {
                    ops.iter()
                        .map(|op| match op {
                            TxnOp::Put { key, value } => CallStep::Put(self.first_at(key), value),
                            TxnOp::Delete { key } => CallStep::Delete(self.first_at(key)),
                            TxnOp::Get { key } => CallStep::Get(self.first_at(key)),
                        })
                        .collect()
                };
                CallBody::Txn {
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
fn answered_kind(action: &Action, reply: &Reply) -> CallKind {
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
        } => CallKind::ObservedPrefix,
        _ if action.may_write() && wrote(reply) => CallKind::Wrote,
        _ => CallKind::Observed,
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
