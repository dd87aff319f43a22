//! Runs scenarios in parallel and shows progress.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use pullstop_cluster::input_error::InputError;
use pullstop_cluster::scenario::Scenario;
use pullstop_cluster::simulation::{self, Decider};
use pullstop_cluster::world::RunOptions;
use pullstop_core::classify::TooManyPatterns;

use super::outcome::Outcome;
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
    let next = AtomicUsize::new(0);
    let is_over = AtomicBool::new(false);
    let (sender, receiver) = mpsc::channel();
    let jobs = options
        .jobs
        .or_else(|| std::thread::available_parallelism().ok());
    let jobs = jobs.map_or(1, NonZeroUsize::get).min(plan.tasks.len());
    let work = |sender: mpsc::Sender<(usize, Result<Ran, InputError>)>| {
        // Tasks are begun in their order: all before the first bad one are done.
        while !is_over.load(Ordering::Relaxed) {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(task) = plan.tasks.get(place) else {
                break;
            };
            let ran = run_one(plan, *task, decider, options);
            if options.fail_fast && ran.as_ref().map_or(true, Ran::is_bad) {
                is_over.store(true, Ordering::Relaxed);
            }
            // Nobody listens any more if another task could not be run.
            let _ = sender.send((place, ran));
        }
    };
    let mut results: Vec<Option<Ran>> = Vec::new();
    results.resize_with(plan.tasks.len(), || None);
    let collected = std::thread::scope(|scope| {
        for _ in 0..jobs {
            let sender = sender.clone();
            scope.spawn(|| work(sender));
        }
        drop(sender);
        collect(&receiver, &mut results, progress)
    });
    collected?;
    let mut ran: Vec<Ran> = results.into_iter().map_while(|ran| ran).collect();
    if let (true, Some(first_bad)) = (options.fail_fast, ran.iter().position(Ran::is_bad)) {
        ran.truncate(first_bad + 1);
    }
    Ok(ran)
}

fn collect(
    receiver: &mpsc::Receiver<(usize, Result<Ran, InputError>)>,
    results: &mut [Option<Ran>],
    progress: &mut Progress<'_>,
) -> Result<(), Failure> {
    let total = results.len();
    let mut failed = 0;
    for (done, (place, ran)) in receiver.iter().enumerate() {
        let ran = ran?;
        failed += usize::from(!ran.outcome.passed());
        results[place] = Some(ran);
        progress.show(format_args!(
            "{} of {total} runs, {failed} failed",
            done + 1
        ))?;
    }
    progress.clear()?;
    Ok(())
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
