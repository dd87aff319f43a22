//! The event queue: what is still to happen, in order.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use pullstop_core::time::Timestamp;

/// Events in the order of their times; those of one moment in the order in which they were added.
#[derive(Debug)]
pub struct EventQueue<E> {
    heap: BinaryHeap<Reverse<Entry<E>>>,
    added: u64,
}

#[derive(Debug)]
struct Entry<E> {
    at: Timestamp,
    number: u64,
    event: E,
}

impl<E> EventQueue<E> {
    /// Lets `event` happen at `at`.
    pub fn add(&mut self, at: Timestamp, event: E) {
        self.added += 1;
        let number = self.added;
        self.heap.push(Reverse(Entry { at, number, event }));
    }

    /// When the next event happens.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse(first)| first.at)
    }

    /// The next event, if it is not after `end`.
    pub fn next(&mut self, end: Timestamp) -> Option<(Timestamp, E)> {
        let Reverse(first) = self.heap.peek()?;
        if first.at > end {
            return None;
        }
        let Reverse(entry) = self.heap.pop()?;
        Some((entry.at, entry.event))
    }
}

impl<E> Default for EventQueue<E> {
    fn default() -> Self {
        Self {
            heap: BinaryHeap::new(),
            added: 0,
        }
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Entry<E> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_by_time_and_then_by_addition() {
        let at = Timestamp::from_millis;
        let mut queue = EventQueue::default();
        for (time, event) in [(5, 'c'), (1, 'a'), (5, 'd'), (2, 'b'), (9, 'e')] {
            queue.add(at(time), event);
        }
        let order: String = std::iter::from_fn(|| queue.next(at(8)).map(|(_, e)| e)).collect();
        assert_eq!(order, "abcd");
        assert!(queue.next(at(9)).is_some());
    }
}
