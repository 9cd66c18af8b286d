//! Between the words of histories and the words of the store.

use bytes::Bytes;
use quorate_check::{Action, Comparison, Item, Reply, Response, Target, Txn, TxnOp};
use quorate_kv as kv;
use quorate_replica::{Header, Outcome, Reply as Answer, Request, RequestId};

/// The request that does this. Writes carry the client's name for them, if it has one.
pub(super) fn request(action: &Action, id: Option<RequestId>) -> Request {
    match action {
        Action::Get { key, serializable } => Request::Range {
            request: range(key.clone(), Bytes::new()),
            serializable: *serializable,
        },
        Action::Scan {
            from,
            until,
            serializable,
        } => Request::Range {
            request: range(
                from.clone(),
                until.clone().unwrap_or(Bytes::from_static(b"\0")),
            ),
            serializable: *serializable,
        },
        Action::Put { key, value } => Request::Write {
            command: kv::Command::Put(put(key, value)),
            id,
        },
        Action::Delete { key } => Request::Write {
            command: kv::Command::DeleteRange(delete(key)),
            id,
        },
        Action::Txn(txn) => Request::Write {
            command: kv::Command::Txn(transaction(txn)),
            id,
        },
    }
}

fn range(key: Bytes, range_end: Bytes) -> kv::RangeRequest {
    kv::RangeRequest {
        key,
        range_end,
        ..kv::RangeRequest::default()
    }
}

fn put(key: &Bytes, value: &Bytes) -> kv::PutRequest {
    kv::PutRequest {
        key: key.clone(),
        value: value.clone(),
        ..kv::PutRequest::default()
    }
}

fn delete(key: &Bytes) -> kv::DeleteRangeRequest {
    kv::DeleteRangeRequest {
        key: key.clone(),
        ..kv::DeleteRangeRequest::default()
    }
}

fn transaction(txn: &Txn) -> kv::TxnRequest {
    let ops = |ops: &[TxnOp]| ops.iter().map(operation).collect();
    kv::TxnRequest {
        compare: txn.compares.iter().map(compare).collect(),
        success: ops(&txn.then),
        failure: ops(&txn.otherwise),
    }
}

fn operation(op: &TxnOp) -> kv::TxnOp {
    match op {
        TxnOp::Put { key, value } => kv::TxnOp::Put(put(key, value)),
        TxnOp::Delete { key } => kv::TxnOp::DeleteRange(delete(key)),
        TxnOp::Get { key } => kv::TxnOp::Range(range(key.clone(), Bytes::new())),
    }
}

fn compare(compare: &Comparison) -> kv::Compare {
    kv::Compare {
        result: kv::CompareResult::Equal,
        target: match &compare.equals {
            Target::Value(value) => kv::CompareTarget::Value(value.clone()),
            Target::ModRevision(revision) => kv::CompareTarget::Mod(*revision),
            Target::CreateRevision(revision) => kv::CompareTarget::Create(*revision),
            Target::Version(version) => kv::CompareTarget::Version(*version),
        },
        key: compare.key.clone(),
        range_end: Bytes::new(),
    }
}

/// The answer, in the words of histories; `None` if it is not of the kind that was asked for.
pub(super) fn response(action: &Action, header: Header, answer: Answer) -> Option<Response> {
    let revision = header.revision;
    let reply = match (action, answer) {
        (Action::Get { .. }, Answer::Range(found)) => Reply::Got(first(found)),
        (Action::Scan { .. }, Answer::Range(found)) => Reply::Scanned(items(found)),
        (_, Answer::Written(kv::Response::Put(_))) => Reply::Put,
        (_, Answer::Written(kv::Response::DeleteRange(gone))) => Reply::Deleted(gone.deleted),
        (Action::Txn(_), Answer::Written(kv::Response::Txn(txn))) => Reply::Txn {
            succeeded: txn.succeeded,
            replies: txn.responses.into_iter().map(part).collect::<Option<_>>()?,
        },
        _ => return None,
    };
    Some(Response { revision, reply })
}

fn part(response: kv::TxnOpResponse) -> Option<Reply> {
    match response {
        kv::TxnOpResponse::Range(found) => Some(Reply::Got(first(found))),
        kv::TxnOpResponse::Put(_) => Some(Reply::Put),
        kv::TxnOpResponse::DeleteRange(gone) => Some(Reply::Deleted(gone.deleted)),
        kv::TxnOpResponse::Txn(_) => None,
    }
}

fn first(found: kv::RangeResponse) -> Option<Item> {
    found.kvs.into_iter().next().map(item)
}

/// The pairs of a range.
pub(crate) fn items(found: kv::RangeResponse) -> Vec<Item> {
    found.kvs.into_iter().map(item).collect()
}

fn item(pair: kv::KeyValue) -> Item {
    Item {
        key: pair.key,
        value: pair.value,
        create_revision: pair.create_revision,
        mod_revision: pair.mod_revision,
        version: pair.version,
    }
}

/// One number for how a request ended, for the rolling hash.
pub(crate) fn digest(outcome: &Outcome) -> u64 {
    match outcome {
        Outcome::Done(header, answer) => {
            let kind = match answer {
                Answer::Written(response) => response.revision() as u64,
                Answer::Range(found) => {
                    let last = found.kvs.last().map_or(0, |pair| pair.mod_revision as u64);
                    found.count as u64 ^ last << 8
                }
                Answer::Txn(txn) => txn.responses.len() as u64,
                Answer::Session(session) => session.0,
                Answer::Configuration(configuration) => configuration.next.into(),
                Answer::Ok => 1,
            };
            kind ^ (header.revision as u64) << 16 ^ header.term << 40
        }
        Outcome::Refused(_) => u64::MAX,
        Outcome::Unknown(_) => u64::MAX - 1,
    }
}
