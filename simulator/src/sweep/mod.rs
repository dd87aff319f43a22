//! Sweeps: many policies on the same scenarios and seeds, and what they cost.
//!
//! ```text
//! knobs ─ space ─▶ candidates ─ unit, for each scenario and seed ─▶ rows ─ totals ─▶ front ─ summary ─▶ reports
//! ```

pub mod front;
pub mod knob;
pub mod page;
pub mod results;
pub mod rows;
pub mod score;
pub mod space;
pub mod spec;
pub mod summarize;
pub mod summary;
pub mod totals;
pub mod unit;

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use pullstop_cluster::input_error::InputError;
use pullstop_cluster::scenario::metric::{Condition, Figure};
use pullstop_core::policy::Policy;

use self::knob::Knob;
use self::results::Results;
use self::space::Candidate;
use self::totals::Totals;
use crate::runs::parallel::in_order;
use crate::runs::plan::{Loaded, Task};

/// What to sweep over.
#[derive(Debug)]
pub struct Sweep {
    /// The policy whose fields are varied.
    pub base: Policy,
    /// The fields.
    pub knobs: Vec<Knob>,
    /// The policies.
    pub candidates: Vec<Candidate>,
    /// What must hold, before anything is traded.
    pub constraints: Vec<Condition>,
    /// What is traded: x and y of the picture. Less is better in both.
    pub axes: (Figure, Figure),
    /// Whether the worse half of the policies is dropped again and again.
    pub halves: bool,
    /// The first and the last seed of all scenarios; none if each has its own.
    pub seeds: Option<(u64, u64)>,
    pub(crate) scenarios: Vec<Loaded>,
    /// Scenarios and seeds, all scenarios of one seed before those of the next.
    pub(crate) tasks: Vec<Task>,
}

/// How far a sweep has come.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Units that are done.
    pub done: usize,
    /// Units in all.
    pub of: usize,
}

impl Sweep {
    /// Runs what `results` do not have yet, and adds it there. Returns what all of it comes to. `step` is told of each unit
    /// that was run.
    ///
    /// # Errors
    /// If results cannot be read or written, or a policy has too many patterns.
    pub fn run(
        &self,
        results: &mut Results,
        jobs: Option<NonZeroUsize>,
        step: &mut dyn FnMut(Step) -> Result<(), InputError>,
    ) -> Result<Totals, InputError> {
        let mut totals = Totals::new(self.candidates.len());
        let mut known = 0;
        let mut at_end = false;
        let mut before = 0;
        let mut survivors: Vec<usize> = (0..self.candidates.len()).collect();
        for rung in self.rungs() {
            let rest = if at_end {
                rung
            } else {
                let read = self.read(rung, &survivors, known, results, &mut totals)?;
                known += read.bytes;
                &rung[read.units..]
            };
            if !rest.is_empty() {
                if !at_end {
                    results.truncate(known)?;
                    at_end = true;
                }
                let begun = before + rung.len() - rest.len();
                self.simulate(
                    rest,
                    &survivors,
                    jobs,
                    results,
                    &mut totals,
                    &mut |step_done| {
                        let (done, of) = (begun + step_done, self.tasks.len());
                        step(Step { done, of })
                    },
                )?;
            }
            before += rung.len();
            // What was run with all seeds is reported.
            if self.halves && before < self.tasks.len() {
                survivors = self.better_half(&survivors, &totals);
            }
        }
        totals.survivors = survivors;
        if !at_end {
            results.truncate(known)?;
        }
        Ok(totals)
    }

    /// What is run before policies are dropped: everything at once, or one seed, then two, then four and so on
    /// (successive halving; Jamieson & Talwalkar, 2016).
    fn rungs(&self) -> Vec<&[Task]> {
        if !self.halves {
            return vec![&self.tasks];
        }
        let mut rungs = Vec::new();
        let (mut rest, mut seeds) = (&self.tasks[..], 1);
        while !rest.is_empty() {
            let (rung, others) = rest.split_at(rest.len().min(seeds * self.scenarios.len()));
            rungs.push(rung);
            (rest, seeds) = (others, seeds * 2);
        }
        rungs
    }

    /// The units of a rung that the results have already, from byte `from` on behind the header.
    fn read(
        &self,
        rung: &[Task],
        survivors: &[usize],
        from: usize,
        results: &Results,
        totals: &mut Totals,
    ) -> Result<Known, InputError> {
        let mut reader = results.reader()?;
        let mut known = Known {
            units: 0,
            bytes: if from == 0 { reader.read } else { 0 },
        };
        reader.skip(from.saturating_sub(reader.read))?;
        for task in rung {
            let Some(unit) = reader.lines(unit::FIXED_ROWS + survivors.len())? else {
                break;
            };
            if !totals.add_unit(
                &unit,
                &self.scenarios[task.scenario].scenario.name,
                task.seed,
            ) {
                break;
            }
            known.units += 1;
            known.bytes += unit.len();
        }
        Ok(known)
    }

    fn simulate(
        &self,
        tasks: &[Task],
        survivors: &[usize],
        jobs: Option<NonZeroUsize>,
        results: &mut Results,
        totals: &mut Totals,
        step: &mut dyn FnMut(usize) -> Result<(), InputError>,
    ) -> Result<(), InputError> {
        let run = |place: usize| {
            let Task { scenario, seed } = tasks[place];
            unit::run(&self.scenarios[scenario], seed, &self.candidates, survivors)
        };
        let mut take = |place: usize, unit: Result<String, InputError>| {
            let unit = unit?;
            results.append(&unit)?;
            let Task { scenario, seed } = tasks[place];
            totals.add_unit(&unit, &self.scenarios[scenario].scenario.name, seed);
            step(place + 1)
        };
        let broken = in_order(tasks.len(), jobs, run, |place, unit| {
            match take(place, unit) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => ControlFlow::Break(error),
            }
        });
        broken.map_or(Ok(()), Err)
    }

    /// The better half, in the order of their numbers: by what they violate, then by what is traded.
    fn better_half(&self, survivors: &[usize], totals: &Totals) -> Vec<usize> {
        let mut ranked = survivors.to_vec();
        ranked.sort_by_key(|number| {
            let measured = totals.of_candidate(*number);
            (front::rank(measured, &self.constraints, self.axes), *number)
        });
        ranked.truncate(survivors.len().div_ceil(2));
        ranked.sort_unstable();
        ranked
    }
}

/// What the results have of a rung.
struct Known {
    units: usize,
    bytes: usize,
}
