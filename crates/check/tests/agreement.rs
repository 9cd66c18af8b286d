//! The checker against the general search over a naive store, which knows nothing of revisions
//! giving an order: on small histories, made and damaged, the two must agree. On large ones that
//! hold, the checker must say so.

mod support;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use quorate_check::wgl::{SearchResult, search};
use quorate_check::{
    Action, Comparison, History, Outcome, Reply, Target, Txn, TxnOp, Verdict, check,
};
use support::world::{
    Dice, Fate, Fault, NaiveModel, Scripted, Shape, intervals, made, made_faulty, perform,
};

fn reference(history: &History) -> bool {
    match search(&NaiveModel, &intervals(history), 10_000_000) {
        SearchResult::Order(_) => true,
        SearchResult::Nothing { .. } => false,
        SearchResult::Exhausted { steps } => panic!("the reference gave up after {steps} steps"),
    }
}

fn key() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        Just(Bytes::from_static(b"a")),
        Just(Bytes::from_static(b"b"))
    ]
}

/// Few values, so that equal ones meet.
fn value() -> impl Strategy<Value = Bytes> {
    (0u8..5).prop_map(|value| Bytes::from(vec![b'0' + value]))
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        value().prop_map(Target::Value),
        (0i64..5).prop_map(Target::ModRevision),
        (0i64..5).prop_map(Target::CreateRevision),
        (0i64..4).prop_map(Target::Version),
    ]
}

fn txn_op() -> impl Strategy<Value = TxnOp> {
    prop_oneof![
        2 => (key(), value()).prop_map(|(key, value)| TxnOp::Put { key, value }),
        1 => key().prop_map(|key| TxnOp::Delete { key }),
        1 => key().prop_map(|key| TxnOp::Get { key }),
    ]
}

fn txn() -> impl Strategy<Value = Action> {
    let steps = || prop::collection::vec(txn_op(), 0..3);
    let compare = (key(), target()).prop_map(|(key, equals)| Comparison { key, equals });
    (prop::collection::vec(compare, 0..2), steps(), steps()).prop_map(
        |(compares, then, otherwise)| {
            Action::Txn(Txn {
                compares,
                then,
                otherwise,
            })
        },
    )
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (key(), value()).prop_map(|(key, value)| Action::Put { key, value }),
        2 => key().prop_map(|key| Action::Delete { key }),
        4 => key().prop_map(|key| Action::Get { key, serializable: false }),
        1 => Just(Action::Scan { from: Bytes::new(), until: None, serializable: false }),
        2 => txn(),
    ]
}

fn scripted() -> impl Strategy<Value = Scripted> {
    let fate = prop_oneof![
        5 => Just(Fate::Answered),
        2 => Just(Fate::LostAnswer),
        1 => Just(Fate::LostRequest),
        1 => Just(Fate::Refused),
    ];
    (100u64..120, 0u64..8, 0u64..8, action(), fate).prop_map(|(at, before, after, action, fate)| {
        Scripted {
            client: at % 3,
            at,
            invoked: at - before,
            returned: at + after,
            action,
            fate,
            behind: 0,
        }
    })
}

/// One damage to a history: what a faulty store, or a faulty recorder, would do.
fn damage(history: &mut History, seed: u64) {
    let mut dice = Dice(seed);
    if history.operations.is_empty() {
        return;
    }
    let at = dice.roll(history.operations.len() as u64) as usize;
    let what = dice.roll(9);
    let operation = &mut history.operations[at];
    match (&mut operation.outcome, what) {
        (Outcome::Done { .. }, 0) => operation.outcome = Outcome::Unknown,
        (_, 0) => {
            operation.outcome = Outcome::Refused {
                returned: u64::MAX,
                why: String::new(),
            }
        }
        (_, 1) => drop(history.operations.remove(at)),
        (Outcome::Done { response, .. }, 2) => response.revision += 1,
        (Outcome::Done { response, .. }, 3) => response.revision -= 1,
        (Outcome::Done { returned, .. }, 4) => *returned = operation.invoked,
        (Outcome::Done { returned, .. }, 5) => operation.invoked = *returned,
        (Outcome::Done { response, .. }, _) => match &mut response.reply {
            Reply::Got(Some(item)) => match what {
                6 => item.mod_revision -= 1,
                7 => item.version += 1,
                _ => response.reply = Reply::Got(None),
            },
            Reply::Deleted(count) => *count = 1 - *count,
            Reply::Txn { succeeded, .. } => *succeeded = !*succeeded,
            Reply::Scanned(items) => drop(items.pop()),
            Reply::Put | Reply::Got(None) => response.revision += 1,
        },
        _ => operation.invoked += 20,
    }
}

/// The checker's verdict must be the reference's.
fn agree(history: &History) -> Result<bool, TestCaseError> {
    let expected = reference(history);
    let verdict = check(history, 1_000_000);
    match &verdict {
        Verdict::Holds(_) => prop_assert!(expected, "accepted what no order explains"),
        Verdict::Violated(violation) => prop_assert!(!expected, "wrongly: {violation}"),
        Verdict::GaveUp(_) => prop_assert!(false, "on a small history: {verdict}"),
    }
    Ok(expected)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100_000, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn verdicts_agree_on_small_histories(
        script in prop::collection::vec(scripted(), 0..8),
        damages in prop::collection::vec(any::<u64>(), 0..3),
    ) {
        let mut history = perform(script);
        for seed in &damages {
            damage(&mut history, *seed);
        }
        let holds = agree(&history)?;
        prop_assert!(holds || !damages.is_empty(), "an undamaged history holds");
    }
}

#[test]
fn large_histories_that_hold_are_accepted() {
    let mut dead_ends = 0;
    for seed in 0..120 {
        let shape = Shape {
            operations: 200 + seed * 15,
            clients: 2 + seed % 30,
            keys: 1 + seed % 7 * 5,
            unknown: seed % 20,
            exotic: if seed % 3 == 0 { 0 } else { 10 },
        };
        match check(&made(seed, shape), 1_000_000) {
            Verdict::Holds(summary) => dead_ends += summary.dead_ends,
            other => panic!("seed {seed}, {shape:?}: {other}"),
        }
    }
    // Earliest deadline first finds the order nearly at once.
    assert!(dead_ends < 3_000, "{dead_ends} dead ends");
}

/// With nothing unknown no fault can hide. With unknown writes one can, behind a write that would
/// explain it: then the verdict is that it holds, with a witness; it is never to give up.
#[test]
fn one_fault_in_a_large_history_is_found() {
    for fault in [Fault::Forget, Fault::Repeat, Fault::Stale, Fault::Betray] {
        let mut found = 0;
        for seed in 0..60 {
            let shape = Shape {
                operations: 1_000,
                clients: 4,
                keys: 1 + seed % 5,
                unknown: seed % 6,
                exotic: seed % 4 * 3,
            };
            let Some(performed) = made_faulty(seed, shape, fault) else {
                continue;
            };
            match check(&performed.history, 1_000_000) {
                Verdict::Holds(_) => {
                    assert!(shape.unknown > 0, "{fault:?} missed: {seed}, {shape:?}")
                }
                Verdict::Violated(_) => found += 1,
                Verdict::GaveUp(_) => panic!("{fault:?}: gave up on {seed}, {shape:?}"),
            }
        }
        assert!(found >= 30, "{fault:?}: only {found} of 60 found");
    }
}
