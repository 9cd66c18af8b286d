//! Delta debugging over a run's decisions (Zeller and Hildebrandt 2002), in the manner of Hypothesis
//! (MacIver and Donaldson 2020): lists are shrunk, never the run. Any lists are a run, zero is the
//! quietest choice, and after the end come zeros. What is done to one list leaves the others as they
//! are.

use super::budget::Budget;
use crate::streams::{ChoiceStream, Choices, StreamKind};

/// A run that fails as the first one did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    /// How large the run is, in whatever unit the world likes. Less is better.
    pub cost: u64,
    /// The decisions that it drew.
    pub drawn: Choices,
}

impl Failing {
    /// Zeros at the end need not be said.
    pub(super) fn trimmed(self) -> Self {
        Self {
            drawn: self.drawn.trimmed(),
            ..self
        }
    }

    /// A smaller run before fewer decisions, fewer decisions before quieter ones. Strictly less is
    /// progress; so every search ends.
    pub(super) fn rank(&self) -> (u64, usize, usize, u128) {
        let values = || self.drawn.0.values().flatten();
        let loud = values().filter(|value| **value > 0).count();
        let sum = values().map(|value| u128::from(*value)).sum();
        (self.cost, self.drawn.len(), loud, sum)
    }
}

/// Shrinks the decisions of a failing run for as long as it helps and the budget lasts. `run` is given
/// decisions, and returns what failed in the same way.
pub(super) fn shrink(
    best: Failing,
    budget: &mut Budget<'_>,
    run: &mut dyn FnMut(&Choices) -> Option<Failing>,
) -> Failing {
    let mut search = Search { best, budget, run };
    loop {
        let before = search.best.rank();
        search.leave_out();
        for purpose in search.all() {
            // Without one of its choices a mix is not the same with less, but another.
            if purpose.kind != StreamKind::Mix {
                search.cut(purpose);
                search.ranges(purpose);
            }
        }
        for purpose in search.all() {
            search.lower(purpose);
        }
        search.shorten();
        if search.best.rank() == before || search.budget.is_spent() {
            return search.best;
        }
    }
}

/// Shrinks them by whole streams and by the mix of the world, at the cost of some hundred runs.
pub(super) fn shrink_coarsely(
    best: Failing,
    budget: &mut Budget<'_>,
    run: &mut dyn FnMut(&Choices) -> Option<Failing>,
) -> Failing {
    let mut search = Search { best, budget, run };
    search.leave_out();
    search.shorten();
    search.best
}

struct Search<'a, 'b> {
    best: Failing,
    budget: &'a mut Budget<'b>,
    run: &'a mut dyn FnMut(&Choices) -> Option<Failing>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Edit {
    Remove,
    Zero,
}

impl Search<'_, '_> {
    fn leave_out(&mut self) {
        for kind in StreamKind::ALL {
            self.quiet(kind);
        }
        for kind in StreamKind::ALL {
            self.streams_of(kind);
        }
    }

    fn shorten(&mut self) {
        self.ranges_of(ChoiceStream::new(StreamKind::Mix, 0), 1, Edit::Zero);
        for purpose in self.all() {
            self.halve(purpose);
        }
    }

    /// Are these decisions better? Then they are the ones from here on.
    fn accept(&mut self, drawn: &Choices) -> bool {
        if !self.budget.take(self.best.cost, self.best.drawn.len()) {
            return false;
        }
        match (self.run)(drawn).map(Failing::trimmed) {
            Some(found) if found.rank() < self.best.rank() => {
                self.best = found;
                true
            }
            _ => false,
        }
    }

    /// As it is, with another list.
    fn accept_list(&mut self, purpose: ChoiceStream, list: Vec<u64>) -> bool {
        let mut drawn = self.best.drawn.clone();
        drawn.0.insert(purpose, list);
        self.accept(&drawn)
    }

    fn purposes(&self, kind: StreamKind) -> Vec<ChoiceStream> {
        let all = self.best.drawn.0.keys();
        all.filter(|purpose| purpose.kind == kind)
            .copied()
            .collect()
    }

    /// All streams, those first that a reader would like to see go.
    fn all(&self) -> Vec<ChoiceStream> {
        self.best.drawn.0.keys().copied().collect()
    }

    fn list(&self, purpose: ChoiceStream) -> &[u64] {
        let list = self.best.drawn.0.get(&purpose);
        list.map_or(&[], Vec::as_slice)
    }

    /// Everything of this kind becomes quiet.
    fn quiet(&mut self, kind: StreamKind) {
        let mut drawn = self.best.drawn.clone();
        drawn.0.retain(|purpose, _| purpose.kind != kind);
        if drawn.0.len() < self.best.drawn.0.len() {
            self.accept(&drawn);
        }
    }

    /// Streams of a kind become quiet: half of them, a quarter, and so on.
    fn streams_of(&mut self, kind: StreamKind) {
        let mut size = self.purposes(kind).len() / 2;
        while size > 0 && !self.budget.is_spent() {
            for group in self.purposes(kind).chunks(size) {
                let mut drawn = self.best.drawn.clone();
                drawn.0.retain(|purpose, _| !group.contains(purpose));
                if drawn.0.len() < self.best.drawn.0.len() {
                    self.accept(&drawn);
                }
            }
            size /= 2;
        }
    }

    /// The end goes: halves, quarters, and so on.
    fn cut(&mut self, purpose: ChoiceStream) {
        let mut part = 2;
        while part <= self.list(purpose).len() && !self.budget.is_spent() {
            let len = self.list(purpose).len();
            let list = self.list(purpose)[..len - len / part].to_vec();
            if !self.accept_list(purpose, list) {
                part *= 2;
            }
        }
    }

    /// Ranges become quiet or go, from large to small. What is quiet leaves all that comes after it
    /// where it was; what goes moves it.
    fn ranges(&mut self, purpose: ChoiceStream) {
        let mut size = self.list(purpose).len() / 2;
        while size > 0 && !self.budget.is_spent() {
            self.ranges_of(purpose, size, Edit::Zero);
            self.ranges_of(purpose, size, Edit::Remove);
            size /= 2;
        }
    }

    fn ranges_of(&mut self, purpose: ChoiceStream, size: usize, edit: Edit) {
        let mut start = 0;
        while start < self.list(purpose).len() && !self.budget.is_spent() {
            let mut list = self.list(purpose).to_vec();
            let end = (start + size).min(list.len());
            let quiet = list[start..end].iter().all(|value| *value == 0);
            let helped = match edit {
                Edit::Zero if quiet => false,
                Edit::Zero => {
                    list[start..end].fill(0);
                    self.accept_list(purpose, list)
                }
                Edit::Remove => {
                    list.drain(start..end);
                    self.accept_list(purpose, list)
                }
            };
            // What has moved up into the place of a removed range is tried next.
            if !(helped && edit == Edit::Remove) {
                start = end;
            }
        }
    }

    /// All of a list becomes quieter, in so far as it fails then: times get shorter.
    fn halve(&mut self, purpose: ChoiceStream) {
        loop {
            let list: Vec<u64> = self.list(purpose).iter().map(|value| value / 2).collect();
            if list.is_empty() || !self.accept_list(purpose, list) {
                return;
            }
        }
    }

    /// Single decisions become quieter.
    fn lower(&mut self, purpose: ChoiceStream) {
        let mut at = 0;
        while at < self.list(purpose).len() {
            let value = self.list(purpose)[at];
            let mut helped = false;
            for lower in [value / 2, value - value / 8, value.saturating_sub(1)] {
                if self.budget.is_spent() {
                    return;
                }
                if lower < value && !helped {
                    let mut list = self.list(purpose).to_vec();
                    list[at] = lower;
                    helped = self.accept_list(purpose, list);
                }
            }
            if !helped {
                at += 1;
            }
        }
    }
}
