//! The minimiser of decisions, on a world of which the smallest failing run is known.

use super::{Failing, MinimiseProgress, decisions};
use crate::streams::{ChoiceStream, Choices, StreamKind};

const CLIENT: ChoiceStream = ChoiceStream::new(StreamKind::Client, 1);
const FAULT: ChoiceStream = ChoiceStream::new(StreamKind::Fault, 4);

fn drawn(lists: &[(ChoiceStream, &[u64])]) -> Choices {
    let lists = lists
        .iter()
        .map(|(purpose, list)| (*purpose, list.to_vec()));
    Choices(lists.collect())
}

/// Fails if a client's list has three numbers of at least 500 in a row, and a fault's list begins with
/// one; costs what the lists have of noise.
fn run(drawn: &Choices) -> Option<Failing> {
    let list = drawn.0.get(&CLIENT)?;
    let fault = drawn.0.get(&FAULT)?.first()?;
    let fails = list.windows(3).any(|three| three.iter().all(|n| *n >= 500));
    (fails && *fault >= 500).then(|| Failing {
        cost: drawn
            .0
            .values()
            .flatten()
            .filter(|value| **value > 0)
            .count() as u64,
        drawn: drawn.clone(),
    })
}

fn noise(len: u64) -> Choices {
    let mut list: Vec<u64> = (0..len).map(|n| (n * 7919) % 499).collect();
    let mut lists: Vec<(ChoiceStream, Vec<u64>)> = vec![];
    for of in 0..9 {
        lists.push((
            ChoiceStream::new(StreamKind::Fault, of),
            vec![900, of.into()],
        ));
        lists.push((ChoiceStream::new(StreamKind::Link, of), list.clone()));
    }
    let middle = list.len() / 2;
    list[middle..middle + 3].fill(900);
    lists.push((CLIENT, list));
    Choices(lists.into_iter().collect())
}

#[test]
fn nothing_is_left_but_what_it_takes() {
    let (small, runs) = decisions(&noise(1000), 5000, run, |_| {}).expect("it fails");
    let least = drawn(&[(FAULT, &[500]), (CLIENT, &[500; 3])]);
    assert_eq!(small.drawn, least);
    assert!(runs < 500, "{runs}");
    let again = decisions(&noise(1000), 5000, run, |_| {});
    assert_eq!(again, Some((small, runs)), "the same every time");
}

#[test]
fn it_costs_no_more_runs_than_it_may_and_what_it_returns_fails() {
    for most in [0, 1, 7, 40] {
        let (mut ran, mut told) = (0, vec![]);
        let counted = |drawn: &Choices| {
            ran += 1;
            run(drawn)
        };
        let found = decisions(&noise(1000), most, counted, |p: MinimiseProgress| {
            told.push(p)
        });
        let (small, runs) = found.expect("it fails");
        assert!(run(&small.drawn).is_some());
        assert_eq!((runs, ran), (most, most + 1), "and the first");
        assert_eq!(told.len(), runs);
        assert!(told.is_sorted_by(|a, b| a.runs < b.runs && a.cost >= b.cost));
    }
}

#[test]
fn what_does_not_fail_is_not_shrunk() {
    let holds = drawn(&[(CLIENT, &[1, 2, 3])]);
    assert_eq!(decisions(&holds, 100, run, |_| {}), None);
}

/// The tail of zeros is the run's own.
#[test]
fn zeros_at_the_end_are_not_said() {
    let fails = |lists: &Choices| {
        let list = lists.0.get(&CLIENT)?;
        (list.first() == Some(&9)).then(|| Failing {
            cost: 1,
            drawn: drawn(&[(CLIENT, &[9, 0, 0, 0]), (FAULT, &[0, 0])]),
        })
    };
    let first = drawn(&[(CLIENT, &[9, 0])]);
    let (small, _) = decisions(&first, 100, fails, |_| {}).expect("it fails");
    assert_eq!(small.drawn, drawn(&[(CLIENT, &[9])]));
}
