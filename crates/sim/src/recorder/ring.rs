//! The last so many of a kind, each under the number that it got when it came.

use std::collections::VecDeque;

/// Numbers count from zero and are never used again; what was let go answers to none.
#[derive(Clone, Debug)]
pub(super) struct Ring<T> {
    items: VecDeque<T>,
    /// The number of the first one kept: so many were let go.
    first: u32,
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Self {
            items: VecDeque::new(),
            first: 0,
        }
    }
}

impl<T> Ring<T> {
    pub(super) fn push(&mut self, item: T) -> u32 {
        let number = self.first.saturating_add(self.items.len() as u32);
        self.items.push_back(item);
        number
    }

    pub(super) fn get(&self, number: u32) -> Option<&T> {
        self.items.get(number.checked_sub(self.first)? as usize)
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.items.get_mut(number.checked_sub(self.first)? as usize)
    }

    pub(super) fn oldest(&self) -> Option<&T> {
        self.items.front()
    }

    pub(super) fn let_go(&mut self) -> Option<T> {
        let gone = self.items.pop_front()?;
        self.first = self.first.saturating_add(1);
        Some(gone)
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// How many were let go.
    pub(super) fn gone(&self) -> u32 {
        self.first
    }

    pub(super) fn into_vec(self) -> Vec<T> {
        self.items.into()
    }
}
