//! Many units of work, on all cores, with one result.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// So many units may be done before one that takes longer, and wait for it to be folded.
const AHEAD: u64 = 4096;

/// Runs the units from 0 to `units` on threads, and folds what they gave in the order of their
/// numbers, until all are done or `fold` breaks.
///
/// So what is folded does not depend on how many threads ran it. A unit that panics ends it all.
pub fn in_order<T: Send>(
    threads: usize,
    units: u64,
    run: impl Fn(u64) -> T + Sync,
    mut fold: impl FnMut(u64, T) -> ControlFlow<()>,
) {
    let (next, folded) = (AtomicU64::new(0), AtomicU64::new(0));
    let stop = AtomicBool::new(false);
    let (tell, told) = mpsc::channel();
    // Units share nothing, so that threads can't change what one means.
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            let (tell, next, folded, run, stop) = (tell.clone(), &next, &folded, &run, &stop);
            scope.spawn(move || {
                let _guard = StopOnPanic(stop);
                while !stop.load(Ordering::Relaxed) {
                    let unit = next.fetch_add(1, Ordering::Relaxed);
                    if unit >= units {
                        return;
                    }
                    while unit - folded.load(Ordering::Relaxed).min(unit) >= AHEAD {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        std::thread::park_timeout(Duration::from_millis(1));
                    }
                    if tell.send((unit, run(unit))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(tell);
        let mut early = BTreeMap::new();
        let mut now = 0;
        for (unit, result) in told {
            early.insert(unit, result);
            while let Some(result) = early.remove(&now) {
                let flow = fold(now, result);
                now += 1;
                folded.store(now, Ordering::Relaxed);
                if flow.is_break() {
                    stop.store(true, Ordering::Relaxed);
                    return;
                }
            }
        }
    });
}

/// Else the other threads would wait without end for a unit that will not come.
struct StopOnPanic<'a>(&'a AtomicBool);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_a_break_is_the_end() {
        for threads in [1, 2, 7] {
            let mut seen = vec![];
            in_order(
                threads,
                10_000,
                |unit| unit * 2,
                |unit, twice| {
                    assert_eq!(twice, unit * 2);
                    seen.push(unit);
                    if unit == 9_000 {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                },
            );
            assert!(seen.into_iter().eq(0..=9_000), "{threads} threads");
        }
    }

    /// Without a bound, results would pile up behind a unit that never ends.
    #[test]
    fn nobody_runs_far_ahead_of_a_slow_unit() {
        let furthest = AtomicU64::new(0);
        let mut count = 0;
        in_order(
            3,
            4 * AHEAD,
            |unit| {
                if unit == 0 {
                    while furthest.load(Ordering::Relaxed) < AHEAD - 1 {
                        std::thread::yield_now();
                    }
                    std::thread::park_timeout(Duration::from_millis(20));
                    return furthest.load(Ordering::Relaxed);
                }
                furthest.fetch_max(unit, Ordering::Relaxed);
                0
            },
            |unit, seen| {
                assert!(unit > 0 || seen < AHEAD, "{seen}");
                count += 1;
                ControlFlow::Continue(())
            },
        );
        assert_eq!(count, 4 * AHEAD);
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_ends_it_all() {
        let run = |unit: u64| assert_ne!(unit, 3, "seeded");
        in_order(2, u64::MAX, run, |_, ()| ControlFlow::Continue(()));
    }
}
