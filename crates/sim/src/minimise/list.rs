//! Delta debugging over a list of decisions (Zeller and Hildebrandt 2002), in the manner of
//! Hypothesis (MacIver and Donaldson 2020): the list is shrunk, never the run. Any list is a run, zero
//! is the quietest choice, and after the end come zeros.

use super::budget::Budget;

/// A run that fails as the first one did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    /// How large the run is, in whatever unit the world likes. Less is better.
    pub cost: u64,
    /// The decisions that it drew.
    pub drawn: Vec<u64>,
}

impl Failing {
    /// Zeros at the end need not be said.
    pub(super) fn trimmed(mut self) -> Self {
        let end = self.drawn.iter().rposition(|value| *value > 0);
        self.drawn.truncate(end.map_or(0, |end| end + 1));
        self
    }

    /// A smaller run before a shorter list, a shorter list before a quieter one. Strictly less is
    /// progress; so every search ends.
    fn rank(&self) -> (u64, usize, usize, u128) {
        let loud = self.drawn.iter().filter(|value| **value > 0).count();
        let sum = self.drawn.iter().map(|value| u128::from(*value)).sum();
        (self.cost, self.drawn.len(), loud, sum)
    }
}

/// Shrinks the list of a failing run for as long as it helps and the budget lasts. `run` is given a
/// list, and returns what failed in the same way.
pub(super) fn shrink(
    mut best: Failing,
    budget: &mut Budget<'_>,
    run: &mut dyn FnMut(&[u64]) -> Option<Failing>,
) -> Failing {
    loop {
        let before = best.rank();
        let mut search = Search {
            best,
            budget: &mut *budget,
            run: &mut *run,
        };
        search.cut();
        search.ranges();
        search.lower();
        best = search.best;
        if best.rank() == before || budget.is_spent() {
            return best;
        }
    }
}

struct Search<'a, 'b> {
    best: Failing,
    budget: &'a mut Budget<'b>,
    run: &'a mut dyn FnMut(&[u64]) -> Option<Failing>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Edit {
    Remove,
    Zero,
}

impl Search<'_, '_> {
    /// Is this list better? Then it is the one from here on.
    fn accept(&mut self, list: &[u64]) -> bool {
        if !self.budget.take(self.best.cost, self.best.drawn.len()) {
            return false;
        }
        match (self.run)(list).map(Failing::trimmed) {
            Some(found) if found.rank() < self.best.rank() => {
                self.best = found;
                true
            }
            _ => false,
        }
    }

    /// The end goes: halves, quarters, and so on.
    fn cut(&mut self) {
        let mut part = 2;
        while part <= self.best.drawn.len() && !self.budget.is_spent() {
            let len = self.best.drawn.len();
            let keep = len - len / part;
            let list = self.best.drawn[..keep].to_vec();
            if !self.accept(&list) {
                part *= 2;
            }
        }
    }

    /// Ranges become quiet or go, from large to small. What is quiet leaves all that comes after it
    /// where it was; what goes moves it.
    fn ranges(&mut self) {
        let mut size = self.best.drawn.len() / 2;
        while size > 0 && !self.budget.is_spent() {
            self.ranges_of(size, Edit::Zero);
            self.ranges_of(size, Edit::Remove);
            size /= 2;
        }
    }

    fn ranges_of(&mut self, size: usize, edit: Edit) {
        let mut start = 0;
        while start < self.best.drawn.len() && !self.budget.is_spent() {
            let end = (start + size).min(self.best.drawn.len());
            let mut list = self.best.drawn.clone();
            let quiet = list[start..end].iter().all(|value| *value == 0);
            let helped = match edit {
                Edit::Zero if quiet => false,
                Edit::Zero => {
                    list[start..end].fill(0);
                    self.accept(&list)
                }
                Edit::Remove => {
                    list.drain(start..end);
                    self.accept(&list)
                }
            };
            // What has moved up into the place of a removed range is tried next.
            if !(helped && edit == Edit::Remove) {
                start = end;
            }
        }
    }

    /// Single decisions become quieter.
    fn lower(&mut self) {
        let mut at = 0;
        while at < self.best.drawn.len() {
            let value = self.best.drawn[at];
            let mut helped = false;
            for lower in [value / 2, value - value / 8, value.saturating_sub(1)] {
                if self.budget.is_spent() {
                    return;
                }
                if lower < value && !helped {
                    let mut list = self.best.drawn.clone();
                    list[at] = lower;
                    helped = self.accept(&list);
                }
            }
            if !helped {
                at += 1;
            }
        }
    }
}
