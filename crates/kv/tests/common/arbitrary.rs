//! Random requests over a handful of keys, so that they meet.

use bytes::Bytes;
use proptest::prelude::*;
use quorate_kv::*;

const KEYS: [&str; 7] = [
    "a",
    "ab",
    "b",
    "c",
    "\0",
    "z",
    "a key too long for its place in a node",
];
const ENDS: [&str; 7] = ["", "", "", "\0", "b", "c", "zz"];

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = Bytes> {
    prop::sample::select(texts).prop_map(|text| Bytes::from_static(text.as_bytes()))
}

fn key() -> impl Strategy<Value = Bytes> {
    one_of(&KEYS)
}

fn end() -> impl Strategy<Value = Bytes> {
    one_of(&ENDS)
}

fn value() -> impl Strategy<Value = Bytes> {
    one_of(&["", "1", "2", "3"])
}

fn rarely() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.1)
}

/// Mostly a revision that exists.
fn revision() -> impl Strategy<Value = i64> {
    prop_oneof![4 => Just(0), 6 => 0..40i64, 1 => -2..1i64]
}

pub(crate) fn put() -> impl Strategy<Value = PutRequest> {
    let lease = prop_oneof![20 => Just(0), 1 => Just(5i64)];
    (key(), value(), lease, any::<bool>(), rarely(), rarely()).prop_map(
        |(key, value, lease, prev_kv, ignore_value, ignore_lease)| PutRequest {
            key,
            value: if ignore_value { Bytes::new() } else { value },
            lease,
            prev_kv,
            ignore_value,
            ignore_lease,
        },
    )
}

pub(crate) fn delete() -> impl Strategy<Value = DeleteRangeRequest> {
    (key(), end(), any::<bool>()).prop_map(|(key, range_end, prev_kv)| DeleteRangeRequest {
        key,
        range_end,
        prev_kv,
    })
}

pub(crate) fn range() -> impl Strategy<Value = RangeRequest> {
    let sort = (0..3i32, 0..5i32);
    let flags = (rarely(), rarely());
    let bound = || prop_oneof![4 => Just(0), 1 => 1..30i64];
    let bounds = (bound(), bound(), bound(), bound());
    (key(), end(), -1..5i64, revision(), sort, flags, bounds).prop_map(
        |(key, range_end, limit, revision, sort, flags, bounds)| RangeRequest {
            key,
            range_end,
            limit,
            revision,
            sort_order: SortOrder::try_from(sort.0).expect("an order"),
            sort_target: SortTarget::try_from(sort.1).expect("a target"),
            keys_only: flags.0,
            count_only: flags.1,
            min_mod_revision: bounds.0,
            max_mod_revision: bounds.1,
            min_create_revision: bounds.2,
            max_create_revision: bounds.3,
        },
    )
}

fn compare() -> impl Strategy<Value = Compare> {
    use CompareResult::*;
    let result = prop::sample::select(vec![Equal, NotEqual, Greater, Less]);
    let target = prop_oneof![
        (0..4i64).prop_map(CompareTarget::Version),
        (0..20i64).prop_map(CompareTarget::Create),
        (0..20i64).prop_map(CompareTarget::Mod),
        (0..2i64).prop_map(CompareTarget::Lease),
        value().prop_map(CompareTarget::Value),
    ];
    (result, target, key(), end()).prop_map(|(result, target, key, range_end)| Compare {
        result,
        target,
        key,
        range_end,
    })
}

pub(crate) fn txn() -> impl Strategy<Value = TxnRequest> {
    let op = prop_oneof![
        put().prop_map(TxnOp::Put),
        delete().prop_map(TxnOp::DeleteRange),
        range().prop_map(TxnOp::Range),
    ];
    let of = |op: BoxedStrategy<TxnOp>| {
        let compare = prop::collection::vec(compare(), 0..3);
        let ops = || prop::collection::vec(op.clone(), 0..4);
        (compare, ops(), ops()).prop_map(|(compare, success, failure)| TxnRequest {
            compare,
            success,
            failure,
        })
    };
    let nests = op.prop_recursive(3, 12, 4, move |op| of(op).prop_map(TxnOp::Txn));
    of(nests.boxed())
}

pub(crate) fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        4 => put().prop_map(Command::Put),
        2 => delete().prop_map(Command::DeleteRange),
        3 => txn().prop_map(Command::Txn),
        1 => (-1..30i64).prop_map(|revision| Command::Compact(CompactRequest {
            revision,
            physical: false,
        })),
    ]
}
