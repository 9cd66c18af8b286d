//! What happens next.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Events by time; those of the same time in the order in which they were put in.
#[derive(Clone, Debug)]
pub struct Queue<E> {
    heap: BinaryHeap<QueueEntry<E>>,
    count: u64,
}

#[derive(Clone, Copy, Debug)]
struct QueueEntry<E> {
    at: u64,
    order: u64,
    event: E,
}

impl<E> PartialEq for QueueEntry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for QueueEntry<E> {}

impl<E> PartialOrd for QueueEntry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for QueueEntry<E> {
    /// The earliest is the greatest: the heap gives out the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self {
            heap: BinaryHeap::new(),
            count: 0,
        }
    }
}

impl<E: Copy> Queue<E> {
    /// Lets an event happen at this time, in nanoseconds.
    #[inline]
    pub fn push(&mut self, at: u64, event: E) {
        self.count += 1;
        let order = self.count;
        self.heap.push(QueueEntry { at, order, event });
    }

    /// The next event.
    #[inline]
    pub fn pop(&mut self) -> Option<(u64, E)> {
        self.heap.pop().map(|entry| (entry.at, entry.event))
    }

    /// Lets events happen at other times: `when` is given each with its time. Those that then happen at
    /// one time do so in the order in which they were put in.
    pub fn reschedule(&mut self, mut when: impl FnMut(u64, &E) -> u64) {
        let mut entries = std::mem::take(&mut self.heap).into_vec();
        for entry in &mut entries {
            entry.at = when(entry.at, &entry.event);
        }
        self.heap = entries.into();
    }

    /// When the next event happens.
    pub fn next_at(&self) -> Option<u64> {
        self.heap.peek().map(|entry| entry.at)
    }

    /// How many events wait.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Does nothing wait?
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_first_then_order() {
        let mut queue = Queue::default();
        for (at, event) in [(5, 'd'), (1, 'a'), (5, 'e'), (1, 'b'), (3, 'c')] {
            queue.push(at, event);
        }
        assert_eq!(queue.next_at(), Some(1));
        let order: String = std::iter::from_fn(|| queue.pop())
            .map(|(_, event)| event)
            .collect();
        assert_eq!(order, "abcde");
    }

    #[test]
    fn what_is_rescheduled_to_one_time_keeps_its_order() {
        let mut queue = Queue::default();
        for (at, event) in [(9, 'b'), (1, 'a'), (7, 'c'), (3, 'd')] {
            queue.push(at, event);
        }
        queue.reschedule(|at, _| at.min(2));
        let order: String = std::iter::from_fn(|| queue.pop())
            .map(|(_, event)| event)
            .collect();
        assert_eq!(order, "abcd");
    }
}
