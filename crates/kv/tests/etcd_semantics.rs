//! The corners of etcd's semantics. Each expectation was observed on etcd 3.4.23.

mod common;

use common::*;
use quorate_kv::*;

use CompareResult::*;

fn letters() -> Client {
    let mut client = Client::default();
    for key in ["b", "a", "d", "c"] {
        client.put(put(key, key)).unwrap();
    }
    client
}

#[test]
fn an_empty_store_is_at_revision_1() {
    let client = Client::default();
    let response = client.0.range(&range("a", "")).unwrap();
    assert_eq!(
        response,
        RangeResponse {
            revision: 1,
            ..Default::default()
        }
    );
}

#[test]
fn each_put_makes_a_revision_and_a_deleted_key_starts_a_new_life() {
    let mut client = Client::default();
    assert_eq!(client.put(put("a", "1")).unwrap().revision, 2);
    assert_eq!(client.put(put("a", "2")).unwrap().revision, 3);
    assert_eq!(client.show(range("a", "")).unwrap(), "a=2@2/3/2");
    assert_eq!(client.delete(delete("a", "")).unwrap().revision, 4);
    assert_eq!(client.put(put("a", "3")).unwrap().revision, 5);
    assert_eq!(client.show(range("a", "")).unwrap(), "a=3@5/5/1");
    for (revision, shown) in [(1, ""), (2, "a=1@2/2/1"), (3, "a=2@2/3/2"), (4, "")] {
        assert_eq!(
            client.show(at(revision, range("a", ""))).unwrap(),
            shown,
            "{revision}"
        );
    }
}

#[test]
fn deleting_nothing_makes_no_revision() {
    let mut client = letters();
    let response = client.delete(delete("x", "")).unwrap();
    assert_eq!((response.revision, response.deleted), (5, 0));
    let response = client.delete(delete("b", "d")).unwrap();
    assert_eq!((response.revision, response.deleted), (6, 2));
}

#[test]
fn previous_pairs_are_answered_when_asked_for() {
    let mut client = letters();
    assert_eq!(
        client
            .put(PutRequest {
                prev_kv: true,
                ..put("x", "")
            })
            .unwrap()
            .prev_kv,
        None
    );
    let previous = client
        .put(PutRequest {
            prev_kv: true,
            ..put("a", "2")
        })
        .unwrap()
        .prev_kv;
    let previous = previous.expect("a was there");
    assert_eq!((&previous.value[..], previous.mod_revision), (&b"a"[..], 3));
    let request = DeleteRangeRequest {
        prev_kv: true,
        ..delete("a", "c")
    };
    let previous = client.delete(request).unwrap().prev_kvs;
    let keys: Vec<_> = previous.iter().map(|kv| &kv.key[..]).collect();
    assert_eq!(keys, [b"a", b"b"]);
}

#[test]
fn range_ends() {
    let client = letters();
    assert_eq!(client.keys(range("b", "")), "b");
    assert_eq!(client.keys(range("b", "d")), "b c");
    assert_eq!(client.keys(range("b", "\0")), "b c d");
    assert_eq!(client.keys(range("\0", "\0")), "a b c d");
    assert_eq!(client.keys(range("c", "b")), "");
    assert_eq!(client.keys(range("c", "c")), "");
    assert_eq!(client.keys(range("aa", "cc")), "b c");
}

#[test]
fn limit_more_and_count() {
    let client = letters();
    let all = range("\0", "\0");
    let ask = |request: RangeRequest| {
        let response = client.0.range(&request).unwrap();
        (response.kvs.len(), response.more, response.count)
    };
    assert_eq!(
        ask(RangeRequest {
            limit: 3,
            ..all.clone()
        }),
        (3, true, 4)
    );
    assert_eq!(
        ask(RangeRequest {
            limit: 4,
            ..all.clone()
        }),
        (4, false, 4)
    );
    assert_eq!(
        ask(RangeRequest {
            limit: i64::MAX,
            ..all.clone()
        }),
        (4, false, 4)
    );
    assert_eq!(
        ask(RangeRequest {
            limit: -1,
            ..all.clone()
        }),
        (4, false, 4)
    );
    assert_eq!(
        ask(RangeRequest {
            limit: 1,
            count_only: true,
            ..all.clone()
        }),
        (0, false, 4)
    );
    // The count says what the range holds, filters or not.
    let filtered = RangeRequest {
        min_mod_revision: 4,
        ..all.clone()
    };
    assert_eq!(ask(filtered.clone()), (2, false, 4));
    assert_eq!(
        ask(RangeRequest {
            limit: 1,
            ..filtered
        }),
        (1, true, 4)
    );
    assert_eq!(
        client.keys(RangeRequest {
            max_create_revision: 3,
            ..all.clone()
        }),
        "a b"
    );
    assert_eq!(
        client
            .show(RangeRequest {
                keys_only: true,
                limit: 1,
                ..all
            })
            .unwrap(),
        "a=@3/3/1"
    );
}

#[test]
fn sorting() {
    let mut client = letters();
    client.put(put("b", "z")).unwrap();
    let all = range("\0", "\0");
    let sorted = |sort_order, sort_target, limit| {
        client.keys(RangeRequest {
            sort_order,
            sort_target,
            limit,
            ..all.clone()
        })
    };
    assert_eq!(sorted(SortOrder::Descend, SortTarget::Key, 0), "d c b a");
    assert_eq!(sorted(SortOrder::Descend, SortTarget::Key, 2), "d c");
    assert_eq!(sorted(SortOrder::Ascend, SortTarget::Mod, 0), "a d c b");
    assert_eq!(sorted(SortOrder::Ascend, SortTarget::Create, 0), "b a d c");
    assert_eq!(sorted(SortOrder::Descend, SortTarget::Value, 0), "b d c a");
    // Ties stay in key order, in both directions.
    assert_eq!(sorted(SortOrder::Ascend, SortTarget::Version, 0), "a c d b");
    assert_eq!(
        sorted(SortOrder::Descend, SortTarget::Version, 0),
        "b a c d"
    );
    // Without an order, the limit (and one) is taken in key order, and only then sorted.
    assert_eq!(sorted(SortOrder::None, SortTarget::Mod, 2), "a c");
    assert_eq!(sorted(SortOrder::Ascend, SortTarget::Mod, 2), "a d");
}

#[test]
fn compaction_keeps_the_revision_it_names() {
    let mut client = Client::default();
    for value in ["1", "2", "3"] {
        client.put(put("a", value)).unwrap();
    }
    client.put(put("b", "1")).unwrap();
    client.delete(delete("b", "")).unwrap();
    client.compact(3).unwrap();
    assert_eq!(client.show(at(3, range("a", ""))).unwrap(), "a=2@2/3/2");
    assert_eq!(client.show(at(2, range("a", ""))), Err(Error::Compacted));
    assert_eq!(client.show(at(-7, range("a", ""))).unwrap(), "a=3@2/4/3");
    assert_eq!(
        client.show(at(7, range("a", ""))),
        Err(Error::FutureRevision)
    );
    assert_eq!(client.compact(3), Err(Error::Compacted));
    assert_eq!(client.compact(7), Err(Error::FutureRevision));
    client.compact(6).unwrap();
    assert_eq!(client.show(at(6, range("\0", "\0"))).unwrap(), "a=3@2/4/3");
    assert_eq!(client.0.compacted_revision(), 6);
}

#[test]
fn revision_0_can_be_compacted_once() {
    let mut client = Client::default();
    assert_eq!(client.compact(-1), Err(Error::Compacted));
    assert_eq!(client.compact(0), Ok(()));
    assert_eq!(client.compact(0), Err(Error::Compacted));
    assert_eq!(client.compact(1), Ok(()));
    assert_eq!(client.compact(2), Err(Error::FutureRevision));
}

#[test]
fn a_put_can_keep_the_value() {
    let mut client = letters();
    let keep = PutRequest {
        ignore_value: true,
        ..put("a", "")
    };
    client.put(keep.clone()).unwrap();
    assert_eq!(client.show(range("a", "")).unwrap(), "a=a@3/6/2");
    let missing = PutRequest {
        key: bytes("x"),
        ..keep.clone()
    };
    assert_eq!(client.put(missing.clone()), Err(Error::KeyNotFound));
    assert_eq!(
        client.put(PutRequest {
            value: bytes("v"),
            ..keep
        }),
        Err(Error::ValueProvided)
    );
    let leased = PutRequest {
        lease: 5,
        ..missing
    };
    assert_eq!(client.put(leased.clone()), Err(Error::LeaseNotFound));
    // Inside of a transaction the two are looked at in the other order.
    assert_eq!(
        client.txn(txn(vec![TxnOp::Put(leased)])),
        Err(Error::KeyNotFound)
    );
    let both = PutRequest {
        lease: 5,
        ignore_lease: true,
        ..put("a", "")
    };
    assert_eq!(client.put(both), Err(Error::LeaseProvided));
    assert_eq!(client.0.revision(), 6);
}

#[test]
fn an_operation_sees_what_earlier_ones_of_its_transaction_wrote() {
    let mut client = letters();
    let request = txn(vec![
        TxnOp::Range(range("\0", "\0")),
        TxnOp::Put(put("x", "1")),
        TxnOp::Range(range("x", "")),
        TxnOp::Range(at(5, range("x", ""))),
        TxnOp::DeleteRange(delete("a", "c")),
        TxnOp::Range(range("\0", "\0")),
    ]);
    let response = client.txn(request).unwrap();
    assert_eq!((response.revision, response.succeeded), (6, true));
    let seen: Vec<_> = response
        .responses
        .iter()
        .map(|response| match response {
            TxnOpResponse::Range(range) => (range.revision, range.count),
            TxnOpResponse::Put(put) => (put.revision, 1),
            TxnOpResponse::DeleteRange(delete) => (delete.revision, delete.deleted),
            TxnOpResponse::Txn(txn) => (txn.revision, 0),
        })
        .collect();
    assert_eq!(seen, [(5, 4), (6, 1), (6, 1), (6, 0), (6, 2), (6, 3)]);
    assert_eq!(client.0.revision(), 6);
}

#[test]
fn a_transaction_that_changes_nothing_makes_no_revision() {
    let mut client = letters();
    assert_eq!(client.txn(txn(vec![])).unwrap().revision, 5);
    let request = txn(vec![
        TxnOp::DeleteRange(delete("x", "")),
        TxnOp::Range(range("a", "")),
    ]);
    assert_eq!(client.txn(request).unwrap().revision, 5);
}

#[test]
fn a_range_of_a_transaction_is_checked_against_the_state_before() {
    let mut client = letters();
    client.compact(3).unwrap();
    let ask = |client: &mut Client, revision| {
        let write = TxnOp::Put(put("x", ""));
        client
            .txn(txn(vec![write, TxnOp::Range(at(revision, range("a", "")))]))
            .err()
    };
    assert_eq!(ask(&mut client, 6), Some(Error::FutureRevision));
    assert_eq!(ask(&mut client, 2), Some(Error::Compacted));
    // Other than outside of a transaction, a negative revision is not the current one.
    assert_eq!(ask(&mut client, -7), Some(Error::Compacted));
    assert_eq!(
        client.0.revision(),
        5,
        "a refused transaction changes nothing"
    );
    assert_eq!(ask(&mut client, 3), None);
}

#[test]
fn the_answer_to_a_nested_transaction_has_no_revision() {
    let mut client = letters();
    let response = client
        .txn(txn(vec![nested(vec![TxnOp::Put(put("x", ""))])]))
        .unwrap();
    let [TxnOpResponse::Txn(inner)] = &response.responses[..] else {
        panic!("{response:?}")
    };
    assert_eq!((response.revision, inner.revision), (6, 0));
    let [TxnOpResponse::Put(put)] = &inner.responses[..] else {
        panic!("{inner:?}")
    };
    assert_eq!(put.revision, 6);
}

#[test]
fn comparisons_are_made_before_anything_runs() {
    let mut client = letters();
    let exists = compare(Greater, CompareTarget::Version(0), "x");
    let inner = TxnRequest {
        compare: vec![exists],
        ..Default::default()
    };
    let response = client
        .txn(txn(vec![TxnOp::Put(put("x", "")), TxnOp::Txn(inner)]))
        .unwrap();
    let Some(TxnOpResponse::Txn(inner)) = response.responses.last() else {
        panic!()
    };
    assert!(!inner.succeeded, "x was written by this very transaction");
}

#[test]
fn comparisons() {
    let mut client = letters();
    client.put(put("a", "2")).unwrap();
    let value = |text| CompareTarget::Value(bytes(text));
    let cases = [
        (compare(Equal, CompareTarget::Version(2), "a"), true),
        (compare(Equal, CompareTarget::Create(3), "a"), true),
        (compare(Equal, CompareTarget::Mod(6), "a"), true),
        (compare(Greater, CompareTarget::Mod(6), "a"), false),
        (compare(Less, CompareTarget::Mod(7), "a"), true),
        (compare(NotEqual, CompareTarget::Mod(7), "a"), true),
        (compare(Equal, CompareTarget::Lease(0), "a"), true),
        (compare(Equal, value("2"), "a"), true),
        (compare(Less, value("3"), "a"), true),
        // A key that does not exist has zeros and no value at all.
        (compare(Equal, CompareTarget::Version(0), "x"), true),
        (compare(Equal, CompareTarget::Create(0), "x"), true),
        (compare(Equal, value(""), "x"), false),
        (compare(NotEqual, value("y"), "x"), false),
        // A range: all of its keys, or one that does not exist.
        (
            Compare {
                range_end: bytes("e"),
                ..compare(Greater, CompareTarget::Mod(1), "a")
            },
            true,
        ),
        (
            Compare {
                range_end: bytes("e"),
                ..compare(Greater, CompareTarget::Mod(2), "a")
            },
            false,
        ),
        (
            Compare {
                range_end: bytes("\0"),
                ..compare(Equal, CompareTarget::Version(1), "b")
            },
            true,
        ),
        (
            Compare {
                range_end: bytes("z"),
                ..compare(Equal, CompareTarget::Version(0), "x")
            },
            true,
        ),
    ];
    for (compare, expected) in cases {
        let request = TxnRequest {
            compare: vec![compare.clone()],
            ..Default::default()
        };
        assert_eq!(
            client.0.read_txn(&request).unwrap().succeeded,
            expected,
            "{compare:?}"
        );
        assert_eq!(
            client.txn(request).unwrap().succeeded,
            expected,
            "{compare:?}"
        );
    }
}

#[test]
fn which_transactions_change_a_key_twice() {
    let put = |key| TxnOp::Put(put(key, "v"));
    let delete = |key, end| TxnOp::DeleteRange(delete(key, end));
    let either = |success, failure| {
        TxnOp::Txn(TxnRequest {
            compare: vec![],
            success,
            failure,
        })
    };
    let refused = Err(Error::DuplicateKey);
    let cases = [
        (vec![put("a"), put("b")], Ok(())),
        (vec![put("a"), put("a")], refused),
        (vec![put("a"), delete("a", "")], refused),
        (vec![delete("a", "c"), put("b")], refused),
        (vec![delete("a", "c"), put("c")], Ok(())),
        (vec![delete("a", ""), delete("a", "c")], Ok(())),
        (vec![either(vec![put("a")], vec![put("a")])], Ok(())),
        (vec![either(vec![put("a")], vec![]), put("a")], refused),
        (vec![either(vec![], vec![put("a")]), put("a")], refused),
        (
            vec![nested(vec![put("a")]), nested(vec![put("a")])],
            refused,
        ),
        (vec![nested(vec![delete("a", "")]), put("a")], refused),
        (
            vec![nested(vec![delete("a", "")]), nested(vec![put("a")])],
            refused,
        ),
        // What etcd does not notice.
        (
            vec![nested(vec![put("a")]), nested(vec![delete("a", "")])],
            Ok(()),
        ),
        (vec![delete("a", "\0"), put("b")], Ok(())),
        (vec![put("b"), delete("a", "\0")], Ok(())),
    ];
    for (ops, expected) in cases {
        assert_eq!(txn(ops.clone()).check(128), expected, "{ops:?}");
        let failure = TxnRequest {
            failure: ops.clone(),
            ..Default::default()
        };
        assert_eq!(failure.check(128), expected, "{ops:?}");
    }
}

#[test]
fn a_key_that_changes_twice_at_one_revision_shows_the_last_change() {
    let mut client = letters();
    let open_ended = TxnOp::DeleteRange(delete("a", "\0"));
    let response = client
        .txn(txn(vec![open_ended.clone(), TxnOp::Put(put("b", "x"))]))
        .unwrap();
    assert_eq!(response.revision, 6);
    assert_eq!(client.show(range("\0", "\0")).unwrap(), "b=x@6/6/1");
    let response = client
        .txn(txn(vec![TxnOp::Put(put("b", "y")), open_ended]))
        .unwrap();
    assert_eq!(response.revision, 7);
    assert_eq!(client.show(range("\0", "\0")).unwrap(), "");
    assert_eq!(client.show(at(6, range("\0", "\0"))).unwrap(), "b=x@6/6/1");
    assert_eq!(client.keys(at(5, range("\0", "\0"))), "a b c d");
    client.compact(7).unwrap();
    client.put(put("b", "z")).unwrap();
    assert_eq!(client.show(range("\0", "\0")).unwrap(), "b=z@8/8/1");
}

#[test]
fn a_put_that_keeps_a_value_deleted_before_it_undoes_the_transaction() {
    // etcd 3.4 panics here (which takes every member down with it); refusing is all that is left.
    let mut client = letters();
    let before = client.0.digest();
    let keep = PutRequest {
        ignore_value: true,
        ..put("b", "")
    };
    let request = txn(vec![
        TxnOp::DeleteRange(delete("a", "\0")),
        TxnOp::Put(keep),
    ]);
    assert_eq!(client.txn(request), Err(Error::KeyNotFound));
    assert_eq!((client.0.digest(), client.0.revision()), (before, 5));
    assert_eq!(client.keys(range("\0", "\0")), "a b c d");
}

#[test]
fn too_many_operations() {
    let ops = |n: usize| {
        txn((0..n)
            .map(|i| TxnOp::Put(put(&i.to_string(), "")))
            .collect())
    };
    assert_eq!(ops(128).check(DEFAULT_MAX_TXN_OPS), Ok(()));
    assert_eq!(ops(129).check(DEFAULT_MAX_TXN_OPS), Err(Error::TooManyOps));
    // What a level uses is taken off what the next one may have.
    let two_levels = |inner| txn(vec![TxnOp::Txn(ops(inner)), TxnOp::Range(range("x", ""))]);
    assert_eq!(two_levels(126).check(DEFAULT_MAX_TXN_OPS), Ok(()));
    assert_eq!(
        two_levels(127).check(DEFAULT_MAX_TXN_OPS),
        Err(Error::TooManyOps)
    );
}

#[test]
fn a_key_is_never_empty() {
    let mut client = Client::default();
    assert_eq!(client.put(put("", "")), Err(Error::EmptyKey));
    assert_eq!(client.delete(delete("", "")), Err(Error::EmptyKey));
    assert_eq!(client.show(range("", "\0")), Err(Error::EmptyKey));
    assert_eq!(
        client.txn(txn(vec![TxnOp::Range(range("", ""))])),
        Err(Error::EmptyKey)
    );
    let compare = vec![compare(Equal, CompareTarget::Mod(0), "")];
    let request = TxnRequest {
        compare,
        ..Default::default()
    };
    assert_eq!(client.0.read_txn(&request), Err(Error::EmptyKey));
}

#[test]
fn a_transaction_that_may_write_is_not_answered_as_a_read() {
    let client = letters();
    for op in [
        TxnOp::Put(put("a", "")),
        TxnOp::DeleteRange(delete("x", "")),
        nested(vec![]),
    ] {
        assert_eq!(client.0.read_txn(&txn(vec![op])), Err(Error::NotReadOnly));
    }
    let ranges = txn(vec![
        TxnOp::Range(range("a", "")),
        TxnOp::Range(at(3, range("b", ""))),
    ]);
    assert_eq!(client.0.read_txn(&ranges), client.clone().txn(ranges));
}

#[test]
fn texts_and_codes() {
    let refusal = |error: Error| (error.code(), error.to_string());
    let code = Code::OutOfRange;
    let text = "etcdserver: mvcc: required revision has been compacted".to_owned();
    assert_eq!(refusal(Error::Compacted), (code, text));
    let text = "etcdserver: mvcc: required revision is a future revision".to_owned();
    assert_eq!(refusal(Error::FutureRevision), (code, text));
    let text = "etcdserver: requested lease not found".to_owned();
    assert_eq!(refusal(Error::LeaseNotFound), (Code::NotFound, text));
    let text = "etcdserver: key is not provided".to_owned();
    assert_eq!(refusal(Error::EmptyKey), (Code::InvalidArgument, text));
}
