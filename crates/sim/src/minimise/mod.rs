//! From a failing run to a small one that fails in the same way.
//!
//! [`decisions`] knows nothing of the world: it shrinks lists of numbers for as long as the run that
//! they make violates the same property. [`replicas`] does the same for the world of replicas, first
//! by its [`RunLimits`](crate::RunLimits) (fewer replicas, kinds of fault, clients and operations, a shorter
//! time), then by the lists; and it runs the control: the small run without the faults that it takes.
//!
//! Both are deterministic, and cost at most as many runs as they are allowed.

mod budget;
mod candidates;
mod control;
mod replicas;
mod streams;
#[cfg(test)]
mod tests;

pub use budget::MinimiseProgress;
pub use control::MinimisedControl;
pub use replicas::{MinimalRun, Size, replicas};
pub use streams::Failing;

use crate::streams::Choices;
use budget::Budget;

/// Shrinks decisions. `run` says what became of them: `None` if it did not fail in the
/// way that is at stake. Returns the smallest run found and the number of runs that it took; `None`
/// if they do not fail themselves.
pub fn decisions(
    drawn: &Choices,
    most_runs: usize,
    mut run: impl FnMut(&Choices) -> Option<Failing>,
    mut progress: impl FnMut(MinimiseProgress),
) -> Option<(Failing, usize)> {
    let mut budget = Budget::new(most_runs, &mut progress);
    let first = run(drawn)?.trimmed();
    let best = streams::shrink(first, &mut budget, &mut run);
    Some((best, budget.runs()))
}
