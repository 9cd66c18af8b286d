//! The general search, on a register without revisions, against trying every order.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use quorate_check::wgl::{Interval, Model, SearchResult, partition, search};

struct Register;

#[derive(Clone, Copy, Debug)]
enum Op {
    Write(u8),
    Read(u8),
}

impl Model for Register {
    type Op = Op;
    type State = u8;

    fn initial(&self) -> u8 {
        0
    }

    fn step(&self, state: &u8, op: &Op) -> Option<u8> {
        match op {
            Op::Write(value) => Some(*value),
            Op::Read(value) => (value == state).then_some(*state),
        }
    }
}

fn at(invoked: u64, returned: u64, op: Op) -> Interval<Op> {
    Interval {
        invoked,
        returned: Some(returned),
        op,
    }
}

/// Whether some order of some of the operations, with all that returned, is legal.
fn any_order(left: &mut Vec<Interval<Op>>, state: u8) -> bool {
    if left.iter().all(|operation| operation.returned.is_none()) {
        return true;
    }
    (0..left.len()).any(|index| {
        let next = left[index].clone();
        // Nothing else may have been over before this one began.
        let blocked = left.iter().any(|other| {
            other
                .returned
                .is_some_and(|returned| returned < next.invoked)
        });
        let Some(after) = Register.step(&state, &next.op).filter(|_| !blocked) else {
            return false;
        };
        left.remove(index);
        let found = any_order(left, after);
        left.insert(index, next);
        found
    })
}

#[test]
fn a_read_may_not_go_back_to_an_older_value() {
    let history = [
        at(0, 10, Op::Write(1)),
        at(0, 100, Op::Write(2)),
        at(20, 30, Op::Read(2)),
        at(40, 50, Op::Read(1)),
    ];
    match search(&Register, &history, 1000) {
        SearchResult::Nothing { longest, blocked } => {
            assert_eq!(
                (longest.len(), blocked),
                (3, 3),
                "only the last read has no place"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_work_is_bounded() {
    let history: Vec<_> = (1..=14)
        .map(|value| at(0, 100, Op::Write(value)))
        .chain([at(200, 300, Op::Read(99))])
        .collect();
    assert_eq!(
        search(&Register, &history, 5_000),
        SearchResult::Exhausted { steps: 5_000 }
    );
}

#[test]
fn independent_objects_are_told_apart() {
    let history = [at(0, 1, ("a", 1)), at(0, 1, ("b", 2)), at(0, 1, ("a", 3))];
    fn at(invoked: u64, returned: u64, op: (&str, u8)) -> Interval<(&str, u8)> {
        Interval {
            invoked,
            returned: Some(returned),
            op,
        }
    }
    let parts: Vec<_> = partition(&history, |op| op.0).into_iter().collect();
    assert_eq!(parts, [("a", vec![0, 2]), ("b", vec![1])]);
}

fn operation() -> impl Strategy<Value = Interval<Op>> {
    let op = prop_oneof![(1u8..4).prop_map(Op::Write), (0u8..4).prop_map(Op::Read)];
    (0u64..12, proptest::option::weighted(0.8, 0u64..8), op).prop_map(|(invoked, took, op)| {
        Interval {
            invoked,
            returned: took.map(|took| invoked + took),
            op,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn the_search_agrees_with_trying_every_order(history in prop::collection::vec(operation(), 0..7)) {
        let expected = any_order(&mut history.clone(), 0);
        match search(&Register, &history, 1_000_000) {
            SearchResult::Order(order) => {
                prop_assert!(expected);
                // The order is a proof: it must replay, in real time.
                let mut state = 0;
                for (place, index) in order.iter().enumerate() {
                    state = Register.step(&state, &history[*index].op).expect("a legal step");
                    for later in &order[place..] {
                        let returned = history[*later].returned.unwrap_or(u64::MAX);
                        prop_assert!(returned >= history[*index].invoked);
                    }
                }
                let placed = |index: &usize| order.contains(index);
                prop_assert!((0..history.len()).all(|i| placed(&i) || history[i].returned.is_none()));
            }
            SearchResult::Nothing { .. } => prop_assert!(!expected),
            SearchResult::Exhausted { steps } => prop_assert!(false, "exhausted after {}", steps),
        }
    }
}
