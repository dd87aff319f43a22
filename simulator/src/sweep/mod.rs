//! Sweeps: many policies on the same scenarios and seeds, and what they cost.
//!
//! ```text
//! knobs ─ space ─▶ candidates ─ unit, for each scenario and seed ─▶ rows ─ totals ─▶ front ─ summary ─▶ reports
//! ```

mod course;
pub mod front;
pub mod knob;
pub mod page;
mod reasons;
pub mod results;
pub mod rows;
pub mod same_runs;
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

use self::course::Course;
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
        let mut course = Course::new(self);
        let known = read(results, &mut course)?;
        results.truncate(known)?;
        while !course.next_units().is_empty() {
            self.simulate(&mut course, jobs, results, step)?;
        }
        Ok(course.into_totals())
    }

    /// Runs the next units, up to where policies are dropped.
    fn simulate(
        &self,
        course: &mut Course<'_>,
        jobs: Option<NonZeroUsize>,
        results: &mut Results,
        step: &mut dyn FnMut(Step) -> Result<(), InputError>,
    ) -> Result<(), InputError> {
        let (units, policies) = (course.next_units(), course.survivors().to_vec());
        let run = |place: usize| {
            let Task { scenario, seed } = units[place];
            unit::run(&self.scenarios[scenario], seed, &self.candidates, &policies)
        };
        let mut take = |rows: Result<String, InputError>| {
            let rows = rows?;
            results.append(&rows)?;
            assert!(course.add(&rows), "rows are those of their unit");
            step(course.step())
        };
        let broken = in_order(units.len(), jobs, run, |_, rows| match take(rows) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        });
        broken.map_or(Ok(()), Err)
    }
}

/// Takes the units that the results have already. Returns their bytes, with the header's.
fn read(results: &Results, course: &mut Course<'_>) -> Result<usize, InputError> {
    let mut reader = results.reader()?;
    let mut known = reader.read;
    while !course.next_units().is_empty()
        && let Some(rows) = reader.lines(unit::FIXED_ROWS + course.survivors().len())?
        && course.add(&rows)
    {
        known = reader.read;
    }
    Ok(known)
}
