//! The list's minimiser, on a world of which the smallest failing run is known.

use super::{Failing, Progress, decisions};

/// Fails if three numbers of at least 500 come in a row; costs what the list has of noise.
fn run(list: &[u64]) -> Option<Failing> {
    let fails = list.windows(3).any(|three| three.iter().all(|n| *n >= 500));
    fails.then(|| Failing {
        cost: list.iter().filter(|value| **value > 0).count() as u64,
        drawn: list.to_vec(),
    })
}

fn noise(len: u64) -> Vec<u64> {
    let mut list: Vec<u64> = (0..len).map(|n| (n * 7919) % 499).collect();
    let middle = list.len() / 2;
    list[middle..middle + 3].fill(900);
    list
}

#[test]
fn nothing_is_left_but_what_it_takes() {
    let (small, runs) = decisions(&noise(1000), 5000, run, |_| {}).expect("it fails");
    assert_eq!(small.drawn, [500, 500, 500]);
    assert!(runs < 500, "{runs}");
    let again = decisions(&noise(1000), 5000, run, |_| {});
    assert_eq!(again, Some((small, runs)), "the same every time");
}

#[test]
fn it_costs_no_more_runs_than_it_may_and_what_it_returns_fails() {
    for most in [0, 1, 7, 40] {
        let (mut ran, mut told) = (0, vec![]);
        let counted = |list: &[u64]| {
            ran += 1;
            run(list)
        };
        let found = decisions(&noise(1000), most, counted, |p: Progress| told.push(p));
        let (small, runs) = found.expect("it fails");
        assert!(run(&small.drawn).is_some());
        assert_eq!((runs, ran), (most, most + 1), "and the first");
        assert_eq!(told.len(), runs);
        assert!(told.is_sorted_by(|a, b| a.runs < b.runs && a.cost >= b.cost));
    }
}

#[test]
fn what_does_not_fail_is_not_shrunk() {
    assert_eq!(decisions(&[1, 2, 3], 100, run, |_| {}), None);
}

/// The tail of zeros is the run's own.
#[test]
fn zeros_at_the_end_are_not_said() {
    let fails = |list: &[u64]| {
        (list.first() == Some(&9)).then(|| Failing {
            cost: 1,
            drawn: [list, &[0; 50]].concat(),
        })
    };
    let (small, _) = decisions(&[9, 0, 0], 100, fails, |_| {}).expect("it fails");
    assert_eq!(small.drawn, [9]);
}
