//! The checker's terms in etcd's messages, and back.

use bytes::Bytes;
use quorate_check::{Action, Item, Reply, Response, Revision, Target, Txn, TxnOp};
use quorate_etcd::client::Connection;
use quorate_etcd::pb::etcdserverpb as pb;
use quorate_etcd::pb::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use quorate_etcd::pb::etcdserverpb::request_op::Request as Op;
use quorate_etcd::pb::etcdserverpb::response_op::Response as OpReply;
use quorate_etcd::pb::mvccpb;
use tonic::Status;

/// Sends `action` and waits for the answer.
pub(crate) async fn ask(connection: &Connection, action: &Action) -> Result<Response, Status> {
    let mut kv = connection.kv();
    match action {
        Action::Put { key, value } => {
            let answer = kv.put(put(key, value)).await?.into_inner();
            response(answer.header, Reply::Put)
        }
        Action::Delete { key } => {
            let answer = kv.delete_range(delete(key)).await?.into_inner();
            response(answer.header, Reply::Deleted(answer.deleted))
        }
        Action::Get { key, serializable } => {
            let answer = kv.range(get(key, *serializable)).await?.into_inner();
            response(answer.header, got(answer.kvs))
        }
        Action::Scan {
            from,
            until,
            serializable,
        } => {
            let request = pb::RangeRequest {
                key: if from.is_empty() {
                    SMALLEST
                } else {
                    from.clone()
                },
                range_end: until.clone().unwrap_or(TO_THE_END),
                serializable: *serializable,
                ..pb::RangeRequest::default()
            };
            let answer = kv.range(request).await?.into_inner();
            response(answer.header, Reply::Scanned(items(answer.kvs)))
        }
        Action::Txn(transaction) => {
            let answer = kv.txn(txn(transaction)).await?.into_inner();
            let replies = answer.responses.into_iter().map(step_reply);
            let reply = Reply::Txn {
                succeeded: answer.succeeded,
                replies: replies.collect::<Result<_, _>>()?,
            };
            response(answer.header, reply)
        }
    }
}

/// All that was there at `revision`, from one replica's own state.
pub(crate) async fn state_at(
    connection: &Connection,
    revision: Revision,
) -> Result<Response, Status> {
    let request = pb::RangeRequest {
        key: SMALLEST,
        range_end: TO_THE_END,
        revision,
        serializable: true,
        ..pb::RangeRequest::default()
    };
    let answer = connection.kv().range(request).await?.into_inner();
    response(answer.header, Reply::Scanned(items(answer.kvs)))
}

/// etcd's way to say "from the first key on".
const SMALLEST: Bytes = Bytes::from_static(b"\0");
/// etcd's way to say "up to the last key".
const TO_THE_END: Bytes = Bytes::from_static(b"\0");

fn response(header: Option<pb::ResponseHeader>, reply: Reply) -> Result<Response, Status> {
    // A server that answers without a header makes no sense: nothing can be concluded.
    let header = header.ok_or_else(|| Status::internal("an answer without a header"))?;
    Ok(Response {
        revision: header.revision,
        reply,
    })
}

fn put(key: &Bytes, value: &Bytes) -> pb::PutRequest {
    pb::PutRequest {
        key: key.clone(),
        value: value.clone(),
        ..pb::PutRequest::default()
    }
}

fn delete(key: &Bytes) -> pb::DeleteRangeRequest {
    pb::DeleteRangeRequest {
        key: key.clone(),
        ..pb::DeleteRangeRequest::default()
    }
}

fn get(key: &Bytes, serializable: bool) -> pb::RangeRequest {
    pb::RangeRequest {
        key: key.clone(),
        serializable,
        ..pb::RangeRequest::default()
    }
}

fn txn(txn: &Txn) -> pb::TxnRequest {
    let step = |op: &TxnOp| pb::RequestOp {
        request: Some(match op {
            TxnOp::Put { key, value } => Op::RequestPut(put(key, value)),
            TxnOp::Delete { key } => Op::RequestDeleteRange(delete(key)),
            TxnOp::Get { key } => Op::RequestRange(get(key, false)),
        }),
    };
    let compare = |compare: &quorate_check::Comparison| {
        let (target, operand) = match &compare.equals {
            Target::Value(value) => (CompareTarget::Value, TargetUnion::Value(value.clone())),
            Target::ModRevision(r) => (CompareTarget::Mod, TargetUnion::ModRevision(*r)),
            Target::CreateRevision(r) => (CompareTarget::Create, TargetUnion::CreateRevision(*r)),
            Target::Version(v) => (CompareTarget::Version, TargetUnion::Version(*v)),
        };
        pb::Compare {
            result: CompareResult::Equal.into(),
            target: target.into(),
            key: compare.key.clone(),
            target_union: Some(operand),
            ..pb::Compare::default()
        }
    };
    pb::TxnRequest {
        compare: txn.compares.iter().map(compare).collect(),
        success: txn.then.iter().map(step).collect(),
        failure: txn.otherwise.iter().map(step).collect(),
    }
}

fn step_reply(step: pb::ResponseOp) -> Result<Reply, Status> {
    match step.response {
        Some(OpReply::ResponsePut(_)) => Ok(Reply::Put),
        Some(OpReply::ResponseDeleteRange(answer)) => Ok(Reply::Deleted(answer.deleted)),
        Some(OpReply::ResponseRange(answer)) => Ok(got(answer.kvs)),
        Some(OpReply::ResponseTxn(_)) | None => {
            Err(Status::internal("a transaction's answer of another kind"))
        }
    }
}

/// The answer to a get. A second item would be nonsense; the judge sees it as a scan's answer.
fn got(kvs: Vec<mvccpb::KeyValue>) -> Reply {
    let mut items = items(kvs);
    if items.len() > 1 {
        return Reply::Scanned(items);
    }
    Reply::Got(items.pop())
}

fn items(kvs: Vec<mvccpb::KeyValue>) -> Vec<Item> {
    let item = |kv: mvccpb::KeyValue| Item {
        key: kv.key,
        value: kv.value,
        create_revision: kv.create_revision,
        mod_revision: kv.mod_revision,
        version: kv.version,
    };
    kvs.into_iter().map(item).collect()
}
