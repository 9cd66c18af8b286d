//! How many runs a search may cost, and how it tells how far it is.

/// How far a minimiser is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinimiseProgress {
    /// Runs so far.
    pub runs: usize,
    /// Runs at most.
    pub most: usize,
    /// The cost of the smallest failing run so far.
    pub cost: u64,
    /// How many decisions it takes.
    pub decisions: usize,
}

/// Counts runs, and tells somebody.
pub(super) struct Budget<'a> {
    runs: usize,
    most: usize,
    tell: &'a mut dyn FnMut(MinimiseProgress),
}

impl<'a> Budget<'a> {
    pub(super) fn new(most: usize, tell: &'a mut dyn FnMut(MinimiseProgress)) -> Self {
        Self {
            runs: 0,
            most,
            tell,
        }
    }

    /// One run, if there is one left.
    pub(super) fn take(&mut self, cost: u64, decisions: usize) -> bool {
        if self.is_spent() {
            return false;
        }
        self.runs += 1;
        (self.tell)(MinimiseProgress {
            runs: self.runs,
            most: self.most,
            cost,
            decisions,
        });
        true
    }

    pub(super) fn is_spent(&self) -> bool {
        self.runs >= self.most
    }

    /// Are so many hundredths of it gone?
    pub(super) fn is_spent_to(&self, share: usize) -> bool {
        self.runs >= self.most.saturating_mul(share) / 100
    }

    pub(super) fn runs(&self) -> usize {
        self.runs
    }
}
