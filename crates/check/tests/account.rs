//! The store's own account against what clients were told.

mod support;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use quorate_check::{
    Action, DEFAULT_STEPS, History, Operation, Property, Reply, RevisionChange, Txn, TxnOp,
    Verdict, Violation, check, check_changes, check_with_changes,
};
use support::world::{Fault, Shape, made_faulty, made_with_changes};
use support::{acked, b, delete, done, put, refused, unknown};

fn change(revision: i64, key: &str, value: &str) -> RevisionChange {
    let value = if value.is_empty() {
        None
    } else {
        Some(b(value))
    };
    RevisionChange {
        revision,
        key: b(key),
        value,
    }
}

fn judge(operations: Vec<Operation>, changes: &[RevisionChange]) -> Result<(), Box<Violation>> {
    check_changes(
        &History {
            operations,
            finals: vec![],
        },
        changes,
    )
}

fn txn(then: Vec<TxnOp>, otherwise: Vec<TxnOp>) -> Action {
    Action::Txn(Txn {
        compares: vec![],
        then,
        otherwise,
    })
}

fn step(key: &str, value: &str) -> TxnOp {
    if value.is_empty() {
        TxnOp::Delete { key: b(key) }
    } else {
        TxnOp::Put {
            key: b(key),
            value: b(value),
        }
    }
}

#[test]
fn an_acknowledged_write_must_be_there_as_acknowledged() {
    let wrote = || vec![acked(1, 0, 10, "k", "a", 2)];
    assert_eq!(judge(wrote(), &[change(2, "k", "a")]), Ok(()));
    for found in [&[][..], &[change(2, "k", "b")], &[change(2, "j", "a")]] {
        let violation = judge(wrote(), found).expect_err("lost");
        assert_eq!(
            (violation.property, &violation.operations[..]),
            (Property::Durability, &[0][..])
        );
    }
    let deleted = done(1, 0, 10, delete("k"), 3, Reply::Deleted(1));
    let both = || vec![acked(1, 0, 1, "k", "a", 2), deleted.clone()];
    assert_eq!(
        judge(both(), &[change(2, "k", "a"), change(3, "k", "")]),
        Ok(())
    );
    assert!(judge(both(), &[change(2, "k", "a")]).is_err());
}

#[test]
fn a_hole_in_the_account_is_a_violation() {
    let account = [change(2, "k", "a"), change(4, "k", "b")];
    let violation = judge(vec![unknown(1, 0, put("k", "a"))], &account).expect_err("no revision 3");
    assert!(violation.explanation.contains("none of 3"), "{violation}");
}

#[test]
fn what_nobody_was_told_of_must_have_been_asked_for_once() {
    let asked = || vec![unknown(1, 0, put("k", "a"))];
    assert_eq!(judge(asked(), &[]), Ok(()), "it may never happen");
    assert_eq!(judge(asked(), &[change(2, "k", "a")]), Ok(()));
    let twice = judge(asked(), &[change(2, "k", "a"), change(3, "k", "a")]).expect_err("twice");
    assert!(twice.explanation.contains("happened twice"), "{twice}");
    let other = judge(asked(), &[change(2, "k", "b")]).expect_err("not asked for");
    assert!(other.explanation.contains("no operation"), "{other}");
    let betrayed = vec![refused(1, 0, 10, put("k", "a"))];
    let betrayed = judge(betrayed, &[change(2, "k", "a")]).expect_err("it was refused");
    assert_eq!(
        (betrayed.property, &betrayed.operations[..]),
        (Property::Integrity, &[0][..])
    );
}

#[test]
fn an_operation_that_could_explain_two_changes_is_used_where_it_is_needed() {
    // The transaction could have put "a" or "b"; the plain put only "a".
    let either = || unknown(1, 0, txn(vec![step("k", "a")], vec![step("k", "b")]));
    let plain = || unknown(2, 0, put("k", "a"));
    let account = [change(2, "k", "a"), change(3, "k", "b")];
    assert_eq!(judge(vec![either(), plain()], &account), Ok(()));
    assert_eq!(judge(vec![plain(), either()], &account), Ok(()));
    let twice = [change(2, "k", "b"), change(3, "k", "b")];
    assert!(judge(vec![either(), plain()], &twice).is_err());
}

#[test]
fn a_transaction_happens_as_a_whole() {
    let both = || {
        vec![unknown(
            1,
            0,
            txn(vec![step("k", "a"), step("j", "b"), step("i", "")], vec![]),
        )]
    };
    let (k, j, i) = (change(2, "k", "a"), change(2, "j", "b"), change(2, "i", ""));
    assert_eq!(judge(both(), &[k.clone(), j.clone(), i.clone()]), Ok(()));
    assert_eq!(
        judge(both(), &[k.clone(), j]),
        Ok(()),
        "the delete may have found nothing"
    );
    assert!(judge(both(), &[k, i]).is_err(), "half of it");
}

#[test]
fn every_fault_of_a_store_shows_in_its_account() {
    for seed in 0..60 {
        let shape = Shape {
            operations: 1_000,
            clients: 8,
            keys: 1 + seed % 5,
            unknown: seed % 20,
            exotic: seed % 4 * 3,
        };
        let good = made_with_changes(seed, shape);
        assert_eq!(
            check_changes(&good.history, &good.changes),
            Ok(()),
            "seed {seed}"
        );
        for fault in [Fault::Forget, Fault::Repeat, Fault::Betray] {
            let Some(bad) = made_faulty(seed, shape, fault) else {
                continue;
            };
            let verdict = check_changes(&bad.history, &bad.changes);
            assert!(verdict.is_err(), "{fault:?} missed: seed {seed}, {shape:?}");
        }
    }
}

/// A quarter of an hour of changing members left 1,500 outcomes unknown, and the judge gave up. What
/// the store says each revision changed leaves it next to nothing to try.
#[test]
fn with_the_account_a_history_with_thousands_of_unknown_outcomes_is_decided() {
    const STEPS: u64 = 20_000;
    let mut given_up = 0;
    for seed in 0..6 {
        let shape = Shape {
            operations: 12_000,
            clients: 24,
            keys: 2,
            unknown: 30,
            exotic: 20,
        };
        let made = made_with_changes(seed, shape);
        let plain = check(&made.history, STEPS);
        given_up += usize::from(matches!(plain, Verdict::GaveUp(_)));
        let verdict = check_with_changes(&made.history, &made.changes, STEPS);
        assert!(verdict.holds(), "seed {seed}: {verdict}");
        // What is wrong is found all the same, by the account or by the answers.
        for fault in [Fault::Forget, Fault::Repeat, Fault::Betray] {
            if let Some(bad) = made_faulty(seed, shape, fault) {
                let verdict = check_with_changes(&bad.history, &bad.changes, STEPS);
                assert!(
                    verdict.violation().is_some(),
                    "{fault:?}, seed {seed}: {verdict}"
                );
            }
        }
    }
    assert!(given_up > 0, "these are no hard histories");
}

/// The account is a hint, and no witness: it may name another order than the answers do, as long as
/// there is one.
#[test]
fn an_account_that_fits_no_order_does_not_hide_the_order_that_there_is() {
    // A put and a delete of unknown outcome took revisions 3 and 4. A reader saw that "j" was gone at
    // revision 3; the account has it go at 4.
    let history = History {
        operations: vec![
            acked(1, 0, 1, "j", "a", 2),
            unknown(2, 2, delete("j")),
            unknown(3, 2, put("k", "b")),
            done(4, 10, 11, support::get("j"), 3, Reply::Got(None)),
            acked(1, 20, 21, "i", "c", 5),
        ],
        finals: vec![],
    };
    let account = |third, fourth| {
        let (first, last) = (change(2, "j", "a"), change(5, "i", "c"));
        [first, third, fourth, last]
    };
    let turned = account(change(3, "k", "b"), change(4, "j", ""));
    assert_eq!(check_changes(&history, &turned), Ok(()));
    assert!(check_with_changes(&history, &turned, DEFAULT_STEPS).holds());
    // And one that is right decides by itself, whatever the bound.
    let right = account(change(3, "j", ""), change(4, "k", "b"));
    assert!(check_with_changes(&history, &right, 0).holds());
}

/// Whether each of `rows` can have an operation of its own among `operations`, which can each do one
/// of two things.
fn assignable(rows: &[u8], operations: &[(u8, u8)], used: &mut Vec<usize>) -> bool {
    let Some((row, rest)) = rows.split_first() else {
        return true;
    };
    (0..operations.len()).any(|index| {
        let (a, b) = operations[index];
        if used.contains(&index) || (a != *row && b != *row) {
            return false;
        }
        used.push(index);
        let found = assignable(rest, operations, used);
        used.pop();
        found
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn whether_all_can_be_explained_agrees_with_trying_everything(
        operations in prop::collection::vec((0u8..4, 0u8..4), 0..7),
        rows in prop::collection::vec(0u8..4, 0..7),
    ) {
        let value = |value: u8| value.to_string();
        let either = |(a, b): &(u8, u8)| {
            unknown(1, 0, txn(vec![step("k", &value(*a))], vec![step("k", &value(*b))]))
        };
        let account: Vec<RevisionChange> =
            (2..).zip(&rows).map(|(revision, row)| change(revision, "k", &value(*row))).collect();
        let verdict = judge(operations.iter().map(either).collect(), &account);
        prop_assert_eq!(verdict.is_ok(), assignable(&rows, &operations, &mut Vec::new()));
    }
}
