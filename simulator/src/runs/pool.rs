//! Runs scenarios in parallel and shows progress.

use std::io::Write;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use pullstop_cluster::input_error::InputError;
use pullstop_cluster::scenario::Scenario;
use pullstop_cluster::simulation::{self, Decider};
use pullstop_cluster::world::RunOptions;
use pullstop_core::classify::TooManyPatterns;

use super::outcome::Outcome;
use super::parallel::in_order;
use super::plan::{Plan, Task};
use super::story;
use crate::exit::Failure;

/// How to run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options<'a> {
    /// Number of parallel runs; the number of processors if `None`.
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Run everything twice.
    pub(crate) twice: bool,
    /// Stop after the first run that fails.
    pub(crate) fail_fast: bool,
    /// Tell the history of the first pod that went wrong.
    pub(crate) tells: bool,
    /// Tell the histories of matching pods in any case.
    pub(crate) explain: Option<&'a str>,
}

/// The result of a task.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) outcome: Outcome,
    pub(crate) wall: Duration,
    pub(crate) is_nondeterministic: bool,
    /// Histories of the matching pods, or of the first pod that went wrong.
    pub(crate) stories: Vec<story::Story>,
}

impl Ran {
    /// Whether the run failed or was not deterministic.
    pub(crate) fn is_bad(&self) -> bool {
        self.is_nondeterministic || !self.outcome.passed()
    }
}

/// Runs every task. Results are in the order of the tasks; with `fail_fast` they end with the first failed run.
pub(crate) fn run_all(
    plan: &Plan,
    decider: &Decider,
    options: Options<'_>,
    progress: &mut Progress<'_>,
) -> Result<Vec<Ran>, Failure> {
    let total = plan.tasks.len();
    let mut ran = Vec::new();
    let mut failed = 0;
    let mut take = |one: Result<Ran, InputError>| -> Result<bool, Failure> {
        let one = one?;
        failed += usize::from(!one.outcome.passed());
        let is_over = options.fail_fast && one.is_bad();
        ran.push(one);
        let done = ran.len();
        progress.show(format_args!("{done} of {total} runs, {failed} failed"))?;
        Ok(is_over)
    };
    let run = |place: usize| run_one(plan, plan.tasks[place], decider, options);
    let broken = in_order(total, options.jobs, run, |_, one| match take(one) {
        Ok(false) => ControlFlow::Continue(()),
        Ok(true) => ControlFlow::Break(Ok(())),
        Err(error) => ControlFlow::Break(Err(error)),
    });
    broken.unwrap_or(Ok(()))?;
    progress.clear()?;
    Ok(ran)
}

/// A progress line on a terminal.
pub(crate) struct Progress<'a> {
    terminal: Option<&'a mut dyn Write>,
}

impl<'a> Progress<'a> {
    /// Writes to `terminal` if `is_shown`.
    pub(crate) fn new(is_shown: bool, terminal: &'a mut dyn Write) -> Self {
        Self {
            terminal: is_shown.then_some(terminal),
        }
    }

    /// Replaces the line.
    pub(crate) fn show(&mut self, what: std::fmt::Arguments<'_>) -> std::io::Result<()> {
        let Some(terminal) = &mut self.terminal else {
            return Ok(());
        };
        write!(terminal, "\r\x1b[2K{what}")?;
        terminal.flush()
    }

    /// Removes the line.
    pub(crate) fn clear(&mut self) -> std::io::Result<()> {
        self.show(format_args!(""))
    }
}

#[expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "how long a run takes is told to people and decides nothing"
)]
fn run_one(
    plan: &Plan,
    task: Task,
    decider: &Decider,
    options: Options<'_>,
) -> Result<Ran, InputError> {
    let loaded = &plan.scenarios[task.scenario];
    let scenario = &loaded.scenario;
    let started = std::time::Instant::now();
    let outcome = simulate(&loaded.file, scenario, task.seed, decider)?;
    let wall = started.elapsed();
    let is_nondeterministic = options.twice
        && simulate(&loaded.file, scenario, task.seed, decider)?.fingerprint != outcome.fingerprint;
    let wants_story = options.explain.is_some() || (options.tells && !outcome.passed());
    let stories = if wants_story {
        let keep = RunOptions {
            journal: true,
            events: false,
        };
        let mut world = simulation::world(scenario, task.seed, decider, keep)
            .map_err(|e| bad_policy(&loaded.file, e))?;
        world.run();
        story::of(&world, &outcome, options.explain)
    } else {
        Vec::new()
    };
    Ok(Ran {
        outcome,
        wall,
        is_nondeterministic,
        stories,
    })
}

fn simulate(
    file: &Path,
    scenario: &Scenario,
    seed: u64,
    decider: &Decider,
) -> Result<Outcome, InputError> {
    let world = simulation::world(scenario, seed, decider, RunOptions::default());
    let mut world = world.map_err(|error| bad_policy(file, error))?;
    world.run();
    Ok(Outcome::of(&world, scenario, seed))
}

fn bad_policy(file: &Path, error: TooManyPatterns) -> InputError {
    InputError::about(file, error.to_string())
}
