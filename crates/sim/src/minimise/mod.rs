//! From a failing run to a small one that fails in the same way.
//!
//! [`decisions`] knows nothing of the world: it shrinks a list of numbers for as long as the run that
//! they make violates the same property. [`replicas`] does the same for the world of replicas, first
//! by its [`Caps`](crate::Caps) (fewer kinds of fault, clients and operations, a shorter time), then
//! by the list; and it runs the control: the small run without the faults that it takes.
//!
//! Both are deterministic, and cost at most as many runs as they are allowed.

mod budget;
mod control;
mod list;
mod replicas;
#[cfg(test)]
mod tests;

pub use budget::Progress;
pub use control::Control;
pub use list::Failing;
pub use replicas::{Size, Small, replicas};

use budget::Budget;

/// Shrinks a list of decisions. `run` says what became of a list: `None` if it did not fail in the
/// way that is at stake. Returns the smallest run found and the number of runs that it took; `None`
/// if the list itself does not fail.
pub fn decisions(
    list: &[u64],
    most_runs: usize,
    mut run: impl FnMut(&[u64]) -> Option<Failing>,
    mut progress: impl FnMut(Progress),
) -> Option<(Failing, usize)> {
    let mut budget = Budget::new(most_runs, &mut progress);
    let first = run(list)?.trimmed();
    let best = list::shrink(first, &mut budget, &mut run);
    Some((best, budget.runs()))
}
