//! Linearizability of any object, by exhaustive search.
//!
//! The algorithm is Wing and Gong's ("Testing and verifying concurrent objects", 1993) with Lowe's
//! memory of the situations that have been tried ("Testing for linearizability", 2017), in the form
//! that Horn and Kroening gave it (2015). Its worst case is exponential: the work is bounded, and a
//! history over independent objects is best split with [`partition`] first, since a history is
//! linearizable if and only if it is for each object (Herlihy and Wing, 1990).

use std::collections::{BTreeMap, BTreeSet};

/// A specification: a deterministic object that judges one operation at a time.
pub trait Model {
    /// An operation together with its answer, if it had one.
    type Op;
    /// The state of the object.
    type State: Clone + Ord;

    /// The state before any operation.
    fn initial(&self) -> Self::State;

    /// The state after `op`, or `None` if the object would not have answered so.
    fn step(&self, state: &Self::State, op: &Self::Op) -> Option<Self::State>;
}

/// An operation in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval<O> {
    /// When it was invoked.
    pub invoked: u64,
    /// When it returned; `None` if that is unknown: then it may take effect at any later time, or
    /// never.
    pub returned: Option<u64>,
    /// What it was.
    pub op: O,
}

/// What [`search`] found. Operations are named by their index.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum SearchResult {
    /// An order that explains every answer; operations that never returned may be missing from it.
    Order(Vec<usize>),
    /// There is none.
    Nothing {
        /// The longest order that explains the answers in it.
        longest: Vec<usize>,
        /// An operation that had to come next, and could not.
        blocked: usize,
    },
    /// The bound was reached first.
    Exhausted {
        /// The steps taken.
        steps: u64,
    },
}

/// Searches for a linearization, in at most `bound` steps of the model.
pub fn search<M: Model>(model: &M, operations: &[Interval<M::Op>], bound: u64) -> SearchResult {
    Search::new(model, operations).run(bound)
}

/// Splits operations by the object that they are on. Indices in each part are in order, and refer
/// to `operations`.
pub fn partition<O, K: Ord>(
    operations: &[Interval<O>],
    object: impl Fn(&O) -> K,
) -> BTreeMap<K, Vec<usize>> {
    let mut parts: BTreeMap<K, Vec<usize>> = BTreeMap::new();
    for (index, operation) in operations.iter().enumerate() {
        parts.entry(object(&operation.op)).or_default().push(index);
    }
    parts
}

/// A set of operations that have been given their place.
type Set = Vec<u64>;

struct Search<'a, M: Model> {
    model: &'a M,
    operations: &'a [Interval<M::Op>],
    /// Calls and returns in time order, as a doubly linked list: what has been given its place is
    /// taken out, and comes back on undoing. Entry 0 is the head.
    entries: Vec<ListEntry>,
    /// Of each operation, its entries.
    call_of: Vec<usize>,
    return_of: Vec<Option<usize>>,
    placed: Set,
    tried: BTreeSet<(Set, M::State)>,
    /// What was placed, with the state before.
    stack: Vec<(usize, M::State)>,
    /// Operations that returned and have no place yet.
    waiting: usize,
}

#[derive(Clone, Copy)]
struct ListEntry {
    kind: EntryKind,
    next: Option<usize>,
    previous: usize,
}

#[derive(Clone, Copy)]
enum EntryKind {
    Head,
    Call(usize),
    Return(usize),
}

impl<'a, M: Model> Search<'a, M> {
    fn new(model: &'a M, operations: &'a [Interval<M::Op>]) -> Self {
        // At equal times calls come before returns: the two count as concurrent.
        let mut events: Vec<(u64, bool, usize)> = Vec::with_capacity(operations.len() * 2);
        for (index, operation) in operations.iter().enumerate() {
            events.push((operation.invoked, false, index));
            events.extend(
                operation
                    .returned
                    .map(|at| (at.max(operation.invoked), true, index)),
            );
        }
        events.sort_unstable();
        let mut entries = vec![ListEntry {
            kind: EntryKind::Head,
            next: None,
            previous: 0,
        }];
        let mut call_of = vec![0; operations.len()];
        let mut return_of = vec![None; operations.len()];
        for (_, is_return, index) in events {
            let at = entries.len();
            entries[at - 1].next = Some(at);
            let kind = if is_return {
                return_of[index] = Some(at);
                EntryKind::Return(index)
            } else {
                call_of[index] = at;
                EntryKind::Call(index)
            };
            entries.push(ListEntry {
                kind,
                next: None,
                previous: at - 1,
            });
        }
        Self {
            model,
            operations,
            entries,
            call_of,
            waiting: return_of.iter().flatten().count(),
            return_of,
            placed: vec![0; operations.len().div_ceil(64)],
            tried: BTreeSet::new(),
            stack: Vec::new(),
        }
    }

    fn run(&mut self, bound: u64) -> SearchResult {
        let mut state = self.model.initial();
        let mut steps = 0;
        let mut longest = Vec::new();
        let mut blocked = 0;
        let mut at = self.entries[0].next;
        while self.waiting > 0 {
            // `at` is a call that may come next, or the first return, which ends the candidates.
            let entry = at.map(|at| self.entries[at]);
            match entry {
                Some(ListEntry {
                    kind: EntryKind::Call(index),
                    next,
                    ..
                }) => {
                    if steps >= bound {
                        return SearchResult::Exhausted { steps };
                    }
                    steps += 1;
                    match self.model.step(&state, &self.operations[index].op) {
                        Some(after) if self.is_new(index, &after) => {
                            self.take(index);
                            self.stack
                                .push((index, std::mem::replace(&mut state, after)));
                            at = self.entries[0].next;
                        }
                        _ => at = next,
                    }
                }
                _ => {
                    if let Some(ListEntry {
                        kind: EntryKind::Return(index),
                        ..
                    }) = entry
                        && (longest.is_empty() || self.stack.len() > longest.len())
                    {
                        longest = self.stack.iter().map(|(index, _)| *index).collect();
                        blocked = index;
                    }
                    let Some((index, before)) = self.stack.pop() else {
                        return SearchResult::Nothing { longest, blocked };
                    };
                    state = before;
                    self.put_back(index);
                    at = self.entries[self.call_of[index]].next;
                }
            }
        }
        SearchResult::Order(self.stack.iter().map(|(index, _)| *index).collect())
    }

    /// Whether the situation after `index` has not been tried before.
    fn is_new(&mut self, index: usize, after: &M::State) -> bool {
        let mut placed = self.placed.clone();
        placed[index / 64] |= 1 << (index % 64);
        self.tried.insert((placed, after.clone()))
    }

    fn take(&mut self, index: usize) {
        self.placed[index / 64] |= 1 << (index % 64);
        self.unlink(self.call_of[index]);
        if let Some(at) = self.return_of[index] {
            self.unlink(at);
            self.waiting -= 1;
        }
    }

    fn put_back(&mut self, index: usize) {
        self.placed[index / 64] &= !(1 << (index % 64));
        if let Some(at) = self.return_of[index] {
            self.link(at);
            self.waiting += 1;
        }
        self.link(self.call_of[index]);
    }

    fn unlink(&mut self, at: usize) {
        let ListEntry { next, previous, .. } = self.entries[at];
        self.entries[previous].next = next;
        if let Some(next) = next {
            self.entries[next].previous = previous;
        }
    }

    /// Undoes the latest `unlink` that has not been undone.
    fn link(&mut self, at: usize) {
        let ListEntry { next, previous, .. } = self.entries[at];
        self.entries[previous].next = Some(at);
        if let Some(next) = next {
            self.entries[next].previous = at;
        }
    }
}
