//! Histories that a reader can check by hand, each with the verdict that it must get.

mod support;

use quorate_check::{
    Action, DEFAULT_STEPS, FinalState, History, HistorySummary, Operation, Property, Reply, Txn,
    TxnOp, Verdict, Violation, check,
};
use support::{
    acked, b, delete, done, get, got, got_nothing, item, put, refused, stale_get, unknown,
};

fn judge(operations: Vec<Operation>) -> Verdict {
    check(
        &History {
            operations,
            finals: Vec::new(),
        },
        DEFAULT_STEPS,
    )
}

fn holds(operations: Vec<Operation>) -> HistorySummary {
    match judge(operations) {
        Verdict::Holds(summary) => summary,
        other => panic!("{other}"),
    }
}

fn violated(operations: Vec<Operation>) -> Violation {
    match judge(operations) {
        Verdict::Violated(violation) => *violation,
        other => panic!("expected a violation, got: {other}"),
    }
}

#[test]
fn an_empty_history_holds() {
    assert_eq!(holds(vec![]).revision, 1);
}

#[test]
fn concurrent_operations_are_ordered_by_their_revisions() {
    let summary = holds(vec![
        acked(1, 0, 100, "k", "a", 3),
        acked(2, 0, 100, "k", "b", 2),
        got(3, 0, 100, item("k", "b", 2, 2, 1), 2),
        got(4, 50, 100, item("k", "a", 2, 3, 2), 3),
        got_nothing(5, 0, 10, "k", 1),
    ]);
    assert_eq!(
        (summary.answered, summary.revision, summary.dead_ends),
        (5, 3, 0)
    );
}

#[test]
fn a_stale_linearizable_read_is_a_violation() {
    let violation = violated(vec![
        acked(1, 0, 10, "k", "a", 2),
        acked(1, 20, 30, "k", "b", 3),
        got(2, 40, 50, item("k", "a", 2, 2, 1), 2),
    ]);
    assert_eq!(violation.property, Property::Linearizability);
    assert_eq!(violation.operations, [1, 2]);
    assert!(
        violation.explanation.contains("contradicts real time"),
        "{violation}"
    );
}

#[test]
fn the_same_read_is_fine_when_it_asked_for_a_serializable_answer() {
    let read = done(
        2,
        40,
        50,
        stale_get("k"),
        2,
        Reply::Got(Some(item("k", "a", 2, 2, 1))),
    );
    let summary = holds(vec![
        acked(1, 0, 10, "k", "a", 2),
        acked(1, 20, 30, "k", "b", 3),
        read,
    ]);
    assert_eq!((summary.stale_reads, summary.most_revisions_behind), (1, 1));
}

#[test]
fn a_serializable_read_must_show_the_state_of_its_revision() {
    let read = done(
        2,
        40,
        50,
        stale_get("k"),
        3,
        Reply::Got(Some(item("k", "a", 2, 2, 1))),
    );
    let violation = violated(vec![
        acked(1, 0, 10, "k", "a", 2),
        acked(1, 20, 30, "k", "b", 3),
        read,
    ]);
    assert_eq!(violation.property, Property::PrefixRead);
    assert_eq!(
        violation.operations,
        [0, 1, 2],
        "the read, what it shows and what it misses"
    );
}

#[test]
fn even_a_serializable_read_cannot_show_the_future() {
    let read = done(
        2,
        0,
        10,
        stale_get("k"),
        2,
        Reply::Got(Some(item("k", "a", 2, 2, 1))),
    );
    assert_eq!(
        violated(vec![read, acked(1, 20, 30, "k", "a", 2)]).operations,
        [0, 1]
    );
}

#[test]
fn an_acknowledged_write_that_later_answers_lack_is_a_violation() {
    // Revision 2 was acknowledged, lost in a failover, and given out again.
    let violation = violated(vec![
        acked(1, 0, 10, "a", "1", 2),
        acked(2, 20, 30, "b", "2", 2),
    ]);
    assert!(
        violation.explanation.contains("one revision")
            || violation.explanation.contains("real time")
    );
    let violation = violated(vec![
        acked(1, 0, 10, "a", "1", 2),
        acked(2, 20, 30, "b", "2", 3),
        got_nothing(3, 40, 50, "a", 3),
    ]);
    assert_eq!(violation.operations, [0, 2]);
}

#[test]
fn a_write_of_unknown_outcome_may_take_effect_late_or_never() {
    let timed_out = || unknown(1, 0, put("k", "u"));
    assert_eq!(
        holds(vec![timed_out(), got_nothing(2, 900, 999, "k", 1)]).unknown_applied,
        0
    );
    let late = vec![
        timed_out(),
        got_nothing(2, 100, 200, "k", 1),
        acked(2, 300, 400, "k", "a", 2),
        got(2, 900, 999, item("k", "u", 2, 3, 2), 3),
    ];
    assert_eq!(holds(late).unknown_applied, 1);
}

#[test]
fn a_write_of_unknown_outcome_must_not_take_effect_before_it_was_invoked() {
    let violation = violated(vec![
        got(2, 0, 10, item("k", "u", 2, 2, 1), 2),
        unknown(1, 20, put("k", "u")),
    ]);
    assert_eq!(violation.operations, [0, 1]);
}

#[test]
fn a_write_of_unknown_outcome_must_not_take_effect_twice() {
    // Seen at revision 2 and again, as a second write, at revision 4.
    let violation = violated(vec![
        unknown(1, 0, put("k", "u")),
        got(2, 10, 20, item("k", "u", 2, 2, 1), 2),
        acked(2, 30, 40, "k", "a", 3),
        got(2, 50, 60, item("k", "u", 2, 4, 3), 4),
    ]);
    assert_eq!(violation.property, Property::Integrity);
    assert!(violation.explanation.contains("revision 4"), "{violation}");
}

#[test]
fn a_retried_write_applied_twice_leaves_a_revision_nobody_owns() {
    let violation = violated(vec![
        acked(1, 0, 10, "k", "a", 2),
        acked(1, 20, 30, "k", "b", 4),
    ]);
    assert_eq!(violation.property, Property::Integrity);
    assert_eq!(violation.operations, [1]);
    // Another client's lost write, invoked too late, is no excuse.
    let violation = violated(vec![
        acked(1, 0, 10, "k", "a", 2),
        acked(1, 20, 30, "k", "b", 4),
        unknown(2, 40, put("k", "c")),
    ]);
    assert!(
        violation
            .explanation
            .contains("took revision 3, but no operation can have"),
        "{violation}"
    );
}

#[test]
fn a_refused_write_must_not_be_seen() {
    let violation = violated(vec![
        refused(1, 0, 10, put("k", "r")),
        unknown(1, 0, put("j", "x")),
        got(2, 20, 30, item("k", "r", 2, 2, 1), 2),
    ]);
    assert_eq!(violation.property, Property::Integrity);
    assert_eq!(violation.operations, [0, 2]);
    assert!(
        violation.explanation.contains("refused (no leader)"),
        "{violation}"
    );
}

#[test]
fn a_value_nobody_wrote_must_not_be_seen() {
    let read = got(2, 20, 30, item("k", "ghost", 2, 2, 1), 2);
    assert!(
        violated(vec![unknown(1, 0, put("k", "x")), read])
            .explanation
            .contains("nobody ever")
    );
}

#[test]
fn hidden_writes_are_placed_where_versions_need_them() {
    // Four writes vanished in timeouts; the version of `k` tells that two of them were to it, and
    // that they came before revision 4. The others must fill the rest.
    let summary = holds(vec![
        unknown(1, 0, put("j", "1")),
        unknown(2, 0, put("k", "2")),
        unknown(3, 0, put("j", "3")),
        unknown(4, 0, put("k", "4")),
        acked(5, 0, 100, "k", "5", 4),
        got(6, 0, 100, item("k", "5", 2, 4, 3), 4),
        acked(5, 200, 300, "k", "6", 7),
    ]);
    assert_eq!((summary.unknown_applied, summary.dead_ends), (4, 0));
}

#[test]
fn versions_that_no_placement_explains_are_a_violation() {
    let operations = vec![
        unknown(1, 0, put("j", "1")),
        unknown(2, 0, put("k", "2")),
        acked(5, 0, 100, "k", "5", 4),
        got(6, 0, 100, item("k", "5", 2, 4, 3), 4),
    ];
    violated(operations);
}

#[test]
fn a_value_that_two_could_have_put_is_given_to_the_one_that_fits() {
    // `k` = "x" at revision 3 is of the plain put: the transaction would have put `j` as well.
    let step = |key, value| TxnOp::Put {
        key: b(key),
        value: b(value),
    };
    let both = Txn {
        compares: vec![],
        then: vec![step("k", "x"), step("j", "x")],
        otherwise: vec![],
    };
    let history = |j_is_absent| {
        let mut operations = vec![
            unknown(1, 0, put("k", "x")),
            unknown(2, 0, put("k", "y")),
            unknown(3, 0, Action::Txn(both.clone())),
            got(4, 10, 20, item("k", "x", 2, 3, 2), 3),
        ];
        if j_is_absent {
            operations.push(got_nothing(4, 30, 40, "j", 3));
        } else {
            operations.push(got(4, 30, 40, item("j", "x", 3, 3, 1), 3));
        }
        operations
    };
    assert_eq!(holds(history(true)).unknown_applied, 2);
    assert_eq!(holds(history(false)).unknown_applied, 2);
}

#[test]
fn a_hidden_delete_explains_a_key_that_is_gone() {
    let summary = holds(vec![
        acked(1, 0, 10, "k", "a", 2),
        unknown(2, 5, delete("k")),
        acked(1, 20, 30, "j", "b", 4),
        got_nothing(3, 40, 50, "k", 4),
    ]);
    assert_eq!(summary.unknown_applied, 1);
}

#[test]
fn deletes_count_what_they_find() {
    let del = |from, to, revision, n| done(1, from, to, delete("k"), revision, Reply::Deleted(n));
    holds(vec![
        del(0, 10, 1, 0),
        acked(1, 20, 30, "k", "a", 2),
        del(40, 50, 3, 1),
        del(60, 70, 3, 0),
    ]);
    violated(vec![acked(1, 20, 30, "k", "a", 2), del(40, 50, 2, 0)]);
}

#[test]
fn one_of_two_compare_and_swaps_wins() {
    let cas = |value: &str| {
        quorate_check::Action::compare_and_swap(b("k"), quorate_check::Target::Version(0), b(value))
    };
    let won = |client, value| {
        let reply = Reply::Txn {
            succeeded: true,
            replies: vec![Reply::Put],
        };
        done(client, 0, 10, cas(value), 2, reply)
    };
    let lost = |client, value, seen| {
        let reply = Reply::Txn {
            succeeded: false,
            replies: vec![Reply::Got(Some(seen))],
        };
        done(client, 0, 10, cas(value), 2, reply)
    };
    holds(vec![won(1, "a"), lost(2, "b", item("k", "a", 2, 2, 1))]);
    let mut second = won(2, "b");
    if let quorate_check::Outcome::Done { response, .. } = &mut second.outcome {
        response.revision = 3;
    }
    let violation = violated(vec![won(1, "a"), second]);
    assert!(
        violation.explanation.contains("compares do not hold"),
        "{violation}"
    );
}

#[test]
fn what_was_acknowledged_must_be_there_at_the_end() {
    let operations = vec![acked(1, 0, 10, "k", "a", 2), acked(1, 20, 30, "j", "b", 3)];
    let judge = |finals| {
        check(
            &History {
                operations: operations.clone(),
                finals,
            },
            DEFAULT_STEPS,
        )
    };
    let (k, j) = (item("k", "a", 2, 2, 1), item("j", "b", 3, 3, 1));
    let full = FinalState::new(0, 3, vec![j.clone(), k.clone()]);
    let same = FinalState {
        replica: 1,
        ..full.clone()
    };
    assert!(judge(vec![full.clone(), same]).holds());
    let property = |finals| {
        judge(finals)
            .violation()
            .map(|violation| violation.property)
    };
    let short = FinalState::new(1, 2, vec![k.clone()]);
    assert_eq!(
        property(vec![full.clone(), short]),
        Some(Property::Durability)
    );
    let lacking = FinalState::new(0, 3, vec![k.clone()]);
    assert_eq!(property(vec![lacking.clone()]), Some(Property::Durability));
    assert_eq!(property(vec![full, lacking]), Some(Property::Convergence));
}

#[test]
fn answers_of_the_wrong_kind_are_a_violation() {
    violated(vec![done(1, 0, 10, get("k"), 1, Reply::Put)]);
    violated(vec![done(1, 0, 10, put("k", "v"), 1, Reply::Got(None))]);
    violated(vec![acked(1, 0, 10, "k", "v", i64::MAX)]);
    violated(vec![acked(1, 0, 10, "k", "v", i64::MIN)]);
    violated(vec![got(
        1,
        0,
        10,
        item("k", "v", i64::MIN, i64::MAX, -1),
        1,
    )]);
}
