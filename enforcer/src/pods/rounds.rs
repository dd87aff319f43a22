//! A fair queue: round-robin among namespaces, first in first out within each.
//!
//! So what one namespace has waiting costs another at most one turn each time.

use std::collections::{BTreeMap, VecDeque};

/// What waits, by namespace.
#[derive(Debug)]
pub(crate) struct Rounds<T> {
    /// No queue is empty.
    waiting: BTreeMap<String, VecDeque<T>>,
    /// The namespaces in which something waits, in the order of their turns.
    turns: VecDeque<String>,
    count: usize,
}

impl<T> Default for Rounds<T> {
    fn default() -> Self {
        Self {
            waiting: BTreeMap::new(),
            turns: VecDeque::new(),
            count: 0,
        }
    }
}

impl<T> Rounds<T> {
    /// How much waits.
    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    /// Puts something behind what waits in the same namespace.
    pub(crate) fn push(&mut self, namespace: &str, item: T) {
        self.count += 1;
        if let Some(queue) = self.waiting.get_mut(namespace) {
            queue.push_back(item);
            return;
        }
        self.turns.push_back(namespace.to_owned());
        self.waiting
            .insert(namespace.to_owned(), VecDeque::from([item]));
    }

    /// Takes what has its turn out, of the first namespace that `may` have one now.
    pub(crate) fn take(&mut self, may: impl Fn(&str) -> bool) -> Option<T> {
        let turn = self.turns.iter().position(|namespace| may(namespace))?;
        let namespace = self.turns.remove(turn)?;
        let queue = self.waiting.get_mut(&namespace)?;
        let item = queue.pop_front()?;
        self.count -= 1;
        if queue.is_empty() {
            self.waiting.remove(&namespace);
        } else {
            self.turns.push_back(namespace);
        }
        Some(item)
    }

    /// Gives up the newest of the namespace in which the most waits.
    pub(crate) fn give_one_up(&mut self) {
        let longest = self.waiting.iter_mut().max_by_key(|(_, queue)| queue.len());
        let Some((namespace, queue)) = longest else {
            return;
        };
        queue.pop_back();
        self.count -= 1;
        if queue.is_empty() {
            let namespace = namespace.clone();
            self.waiting.remove(&namespace);
            self.turns.retain(|turn| *turn != namespace);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds() -> Rounds<u32> {
        let mut rounds = Rounds::default();
        for (namespace, item) in [("a", 1), ("a", 2), ("b", 3), ("a", 4), ("c", 5), ("c", 6)] {
            rounds.push(namespace, item);
        }
        rounds
    }

    #[test]
    fn namespaces_take_turns() {
        let mut rounds = rounds();
        let order: Vec<u32> = std::iter::from_fn(|| rounds.take(|_| true)).collect();
        assert_eq!((order, rounds.len()), (vec![1, 3, 5, 2, 6, 4], 0));
    }

    #[test]
    fn who_may_not_is_passed_over_and_loses_nothing() {
        let mut rounds = rounds();
        let others: Vec<u32> = std::iter::from_fn(|| rounds.take(|n| n != "a")).collect();
        assert_eq!((others, rounds.len()), (vec![3, 5, 6], 3));
        assert_eq!(rounds.take(|_| true), Some(1));
    }

    #[test]
    fn what_is_too_much_is_given_up_where_there_is_the_most_of_it() {
        let mut rounds = rounds();
        rounds.give_one_up();
        let order: Vec<u32> = std::iter::from_fn(|| rounds.take(|_| true)).collect();
        assert_eq!(order, [1, 3, 5, 2, 6]);
        rounds.push("a", 7);
        rounds.give_one_up();
        rounds.give_one_up();
        assert_eq!((rounds.take(|_| true), rounds.len()), (None, 0));
    }
}
