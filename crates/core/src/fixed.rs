//! What is fixed for the life of a node, and so no part of its state.

use std::hash::{Hash, Hasher};
use std::ops::Deref;

/// Configuration inside a value that is compared and hashed by its state: two values in the same
/// state are equal whatever they were configured with, as all states of one search share it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fixed<T>(pub T);

impl<T> Deref for Fixed<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> PartialEq for Fixed<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Fixed<T> {}

impl<T> Hash for Fixed<T> {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}
