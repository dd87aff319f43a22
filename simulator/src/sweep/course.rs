//! How far a sweep has come: what was measured so far, which policies are still in it, and which unit is next.

use super::totals::Totals;
use super::{Step, Sweep, front};
use crate::runs::plan::Task;

/// A sweep at some unit. It depends on nothing but the units before, whether they were read or simulated.
pub(super) struct Course<'a> {
    sweep: &'a Sweep,
    totals: Totals,
    /// The policies of the next unit.
    survivors: Vec<usize>,
    done: usize,
}

impl<'a> Course<'a> {
    pub(super) fn new(sweep: &'a Sweep) -> Self {
        let policies = sweep.candidates.len();
        Self {
            sweep,
            totals: Totals::new(policies),
            survivors: (0..policies).collect(),
            done: 0,
        }
    }

    pub(super) fn survivors(&self) -> &[usize] {
        &self.survivors
    }

    /// The units that follow, up to the one after which policies are dropped; none at the end.
    pub(super) fn next_units(&self) -> &'a [Task] {
        &self.sweep.tasks[self.done..self.next_drop()]
    }

    /// Adds the rows of the next unit. Returns whether they are such: if not, nothing has changed.
    pub(super) fn add(&mut self, rows: &str) -> bool {
        let Some(task) = self.next_units().first() else {
            return false;
        };
        let scenario = &self.sweep.scenarios[task.scenario].scenario;
        if !self.totals.add_unit(rows, &scenario.name, task.seed) {
            return false;
        }
        let drops_at = self.next_drop();
        self.done += 1;
        // What was run with all seeds is reported.
        if self.done == drops_at && self.done < self.sweep.tasks.len() {
            self.survivors = self.better_half();
        }
        true
    }

    pub(super) fn step(&self) -> Step {
        Step {
            done: self.done,
            of: self.sweep.tasks.len(),
        }
    }

    pub(super) fn into_totals(mut self) -> Totals {
        self.totals.survivors = self.survivors;
        self.totals
    }

    /// The unit before which the worse half is dropped: after one seed, after two more, after four more and so on
    /// (successive halving; Jamieson & Talwalkar, 2016). The end if all policies stay.
    fn next_drop(&self) -> usize {
        let end = self.sweep.tasks.len();
        if !self.sweep.halves {
            return end;
        }
        let (mut at, mut seeds) = (0, 1);
        while at <= self.done && at < end {
            at += seeds * self.sweep.scenarios.len();
            seeds *= 2;
        }
        at.min(end)
    }

    /// The better half, in the order of their numbers: by what they violate, then by what is traded.
    fn better_half(&self) -> Vec<usize> {
        let mut ranked = self.survivors.clone();
        ranked.sort_by_key(|number| {
            let measured = self.totals.of_candidate(*number);
            let rank = front::rank(measured, &self.sweep.constraints, self.sweep.axes);
            (rank, *number)
        });
        ranked.truncate(self.survivors.len().div_ceil(2));
        ranked.sort_unstable();
        ranked
    }
}
