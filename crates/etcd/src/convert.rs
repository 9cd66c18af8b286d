//! Between the messages on the wire and the store's own types.
//!
//! Requests are checked as they are converted, in the order in which etcd
//! checks them, so that a request with several faults is refused for the same
//! one. Keys and values are never copied: both sides share the frame's bytes.

use quorate_kv as kv;

use crate::backend::{Alarm, Identity};
use crate::membership::Member;
use crate::pb::etcdserverpb as pb;
use crate::pb::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::pb::etcdserverpb::request_op::Request as Op;
use crate::pb::etcdserverpb::response_op::Response as OpResponse;
use crate::pb::mvccpb;
use crate::refusal::Refusal;

/// Whether `bytes` is empty, etcd's first question to any request.
fn key_is_given(key: &[u8]) -> Result<(), Refusal> {
    if key.is_empty() {
        Err(kv::Error::EmptyKey.into())
    } else {
        Ok(())
    }
}

pub(crate) fn range(r: pb::RangeRequest) -> Result<kv::RangeRequest, Refusal> {
    key_is_given(&r.key)?;
    let request = kv::RangeRequest {
        sort_order: r.sort_order.try_into()?,
        sort_target: r.sort_target.try_into()?,
        key: r.key,
        range_end: r.range_end,
        limit: r.limit,
        revision: r.revision,
        keys_only: r.keys_only,
        count_only: r.count_only,
        min_mod_revision: r.min_mod_revision,
        max_mod_revision: r.max_mod_revision,
        min_create_revision: r.min_create_revision,
        max_create_revision: r.max_create_revision,
    };
    request.check()?;
    Ok(request)
}

pub(crate) fn put(r: pb::PutRequest) -> Result<kv::PutRequest, Refusal> {
    let request = kv::PutRequest {
        key: r.key,
        value: r.value,
        lease: r.lease,
        prev_kv: r.prev_kv,
        ignore_value: r.ignore_value,
        ignore_lease: r.ignore_lease,
    };
    request.check()?;
    Ok(request)
}

pub(crate) fn delete_range(r: pb::DeleteRangeRequest) -> Result<kv::DeleteRangeRequest, Refusal> {
    let request = kv::DeleteRangeRequest {
        key: r.key,
        range_end: r.range_end,
        prev_kv: r.prev_kv,
    };
    request.check()?;
    Ok(request)
}

pub(crate) fn compact(r: pb::CompactionRequest) -> kv::CompactRequest {
    kv::CompactRequest {
        revision: r.revision,
        physical: r.physical,
    }
}

/// A transaction, its nested ones included, with at most `max_ops` operations.
pub(crate) fn txn(r: pb::TxnRequest, max_ops: usize) -> Result<kv::TxnRequest, Refusal> {
    let request = txn_shape(r, max_ops)?;
    request.check(max_ops)?;
    Ok(request)
}

/// Recursion is bounded by the decoders: they refuse messages nested deeper
/// than a hundred levels.
fn txn_shape(r: pb::TxnRequest, max_ops: usize) -> Result<kv::TxnRequest, Refusal> {
    let ops = r.compare.len().max(r.success.len()).max(r.failure.len());
    let left = max_ops.checked_sub(ops).ok_or(kv::Error::TooManyOps)?;
    for compare in &r.compare {
        key_is_given(&compare.key)?;
    }
    let ops = |ops: Vec<pb::RequestOp>| -> Result<Vec<kv::TxnOp>, Refusal> {
        ops.into_iter().map(|op| txn_op(op, left)).collect()
    };
    let (success, failure) = (ops(r.success)?, ops(r.failure)?);
    let compare = r
        .compare
        .into_iter()
        .map(self::compare)
        .collect::<Result<_, _>>()?;
    Ok(kv::TxnRequest {
        compare,
        success,
        failure,
    })
}

fn txn_op(op: pb::RequestOp, max_ops: usize) -> Result<kv::TxnOp, Refusal> {
    Ok(match op.request.ok_or(kv::Error::KeyNotFound)? {
        Op::RequestRange(r) => kv::TxnOp::Range(range(r)?),
        Op::RequestPut(r) => kv::TxnOp::Put(put(r)?),
        Op::RequestDeleteRange(r) => kv::TxnOp::DeleteRange(delete_range(r)?),
        Op::RequestTxn(r) => kv::TxnOp::Txn(txn_shape(r, max_ops)?),
    })
}

/// As in etcd, `target` says what is compared; an operand given for another
/// target is not looked at, and a missing one is zero or empty.
fn compare(c: pb::Compare) -> Result<kv::Compare, Refusal> {
    let result = match CompareResult::try_from(c.result) {
        Ok(CompareResult::Equal) => kv::CompareResult::Equal,
        Ok(CompareResult::Greater) => kv::CompareResult::Greater,
        Ok(CompareResult::Less) => kv::CompareResult::Less,
        Ok(CompareResult::NotEqual) => kv::CompareResult::NotEqual,
        Err(_) => return Err(Refusal::UnknownComparison),
    };
    let target = match (CompareTarget::try_from(c.target), c.target_union) {
        (Ok(CompareTarget::Version), Some(TargetUnion::Version(n))) => {
            kv::CompareTarget::Version(n)
        }
        (Ok(CompareTarget::Version), _) => kv::CompareTarget::Version(0),
        (Ok(CompareTarget::Create), Some(TargetUnion::CreateRevision(n))) => {
            kv::CompareTarget::Create(n)
        }
        (Ok(CompareTarget::Create), _) => kv::CompareTarget::Create(0),
        (Ok(CompareTarget::Mod), Some(TargetUnion::ModRevision(n))) => kv::CompareTarget::Mod(n),
        (Ok(CompareTarget::Mod), _) => kv::CompareTarget::Mod(0),
        (Ok(CompareTarget::Value), Some(TargetUnion::Value(v))) => kv::CompareTarget::Value(v),
        (Ok(CompareTarget::Value), _) => kv::CompareTarget::Value(Default::default()),
        (Ok(CompareTarget::Lease), Some(TargetUnion::Lease(n))) => kv::CompareTarget::Lease(n),
        (Ok(CompareTarget::Lease), _) => kv::CompareTarget::Lease(0),
        (Err(_), _) => return Err(Refusal::UnknownComparison),
    };
    Ok(kv::Compare {
        result,
        target,
        key: c.key,
        range_end: c.range_end,
    })
}

/// A full header.
pub(crate) fn header(identity: Identity, revision: i64) -> Option<pb::ResponseHeader> {
    let Identity {
        cluster_id,
        member_id,
        term,
    } = identity;
    Some(pb::ResponseHeader {
        cluster_id,
        member_id,
        revision,
        raft_term: term,
    })
}

/// The header of an answer inside of a transaction's: etcd fills in the
/// revision alone.
fn inner_header(revision: i64) -> Option<pb::ResponseHeader> {
    Some(pb::ResponseHeader {
        revision,
        ..Default::default()
    })
}

fn key_value(kv: kv::KeyValue) -> mvccpb::KeyValue {
    mvccpb::KeyValue {
        key: kv.key,
        create_revision: kv.create_revision,
        mod_revision: kv.mod_revision,
        version: kv.version,
        value: kv.value,
        lease: kv.lease,
    }
}

fn key_values(kvs: Vec<kv::KeyValue>) -> Vec<mvccpb::KeyValue> {
    kvs.into_iter().map(key_value).collect()
}

pub(crate) fn range_response(
    r: kv::RangeResponse,
    header: Option<pb::ResponseHeader>,
) -> pb::RangeResponse {
    pb::RangeResponse {
        header,
        kvs: key_values(r.kvs),
        more: r.more,
        count: r.count,
    }
}

pub(crate) fn put_response(
    r: kv::PutResponse,
    header: Option<pb::ResponseHeader>,
) -> pb::PutResponse {
    pb::PutResponse {
        header,
        prev_kv: r.prev_kv.map(key_value),
    }
}

pub(crate) fn delete_range_response(
    r: kv::DeleteRangeResponse,
    header: Option<pb::ResponseHeader>,
) -> pb::DeleteRangeResponse {
    pb::DeleteRangeResponse {
        header,
        deleted: r.deleted,
        prev_kvs: key_values(r.prev_kvs),
    }
}

pub(crate) fn txn_response(
    r: kv::TxnResponse,
    header: Option<pb::ResponseHeader>,
) -> pb::TxnResponse {
    let responses = r.responses.into_iter().map(op_response).collect();
    pb::TxnResponse {
        header,
        succeeded: r.succeeded,
        responses,
    }
}

fn op_response(r: kv::TxnOpResponse) -> pb::ResponseOp {
    let response = match r {
        kv::TxnOpResponse::Range(r) => {
            let header = inner_header(r.revision);
            OpResponse::ResponseRange(range_response(r, header))
        }
        kv::TxnOpResponse::Put(r) => {
            let header = inner_header(r.revision);
            OpResponse::ResponsePut(put_response(r, header))
        }
        kv::TxnOpResponse::DeleteRange(r) => {
            let header = inner_header(r.revision);
            OpResponse::ResponseDeleteRange(delete_range_response(r, header))
        }
        kv::TxnOpResponse::Txn(r) => {
            let header = inner_header(r.revision);
            OpResponse::ResponseTxn(txn_response(r, header))
        }
    };
    pb::ResponseOp {
        response: Some(response),
    }
}

pub(crate) fn member(m: Member) -> pb::Member {
    pb::Member {
        id: m.id,
        name: m.name,
        peer_ur_ls: m.peer_urls,
        client_ur_ls: m.client_urls,
        is_learner: m.is_learner,
    }
}

pub(crate) fn alarm_member(alarm: Alarm) -> pb::AlarmMember {
    let (member_id, alarm) = match alarm {
        Alarm::NoSpace { member_id } => (member_id, pb::AlarmType::Nospace),
        Alarm::Corrupt { member_id } => (member_id, pb::AlarmType::Corrupt),
    };
    pb::AlarmMember {
        member_id,
        alarm: alarm.into(),
    }
}
