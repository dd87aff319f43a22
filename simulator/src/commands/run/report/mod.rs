//! Reports on runs, in all output formats.

mod details;
mod github;
mod human;
mod json;
mod junit;
mod markdown;
mod seeds;

use std::collections::BTreeSet;
use std::io::Write;

use pullstop_cluster::input_error::InputError;
use pullstop_cluster::scenario::Scenario;
use pullstop_cluster::world::enforcer::coverage::Coverage;

use crate::commands::run::args::RunArgs;
use crate::exit::Failure;
use crate::report::{ReportFormat, ReportTo};
use crate::runs::mistakes::Mistakes;
use crate::runs::outcome::Outcome;
use crate::runs::plan::{Plan, Task};
use crate::runs::pool;
use crate::runs::story::{Story, first_divergence};
use crate::runs::verify::clock;
use pullstop_cluster::simulation::Decider;

/// All runs.
#[derive(Debug)]
pub(super) struct Ran<'a> {
    pub(super) runs: Vec<Run<'a>>,
    /// What is wrong with files that were to be run.
    pub(super) broken: &'a [InputError],
    /// How many runs there were to be.
    pub(super) planned: usize,
    pub(super) explains: bool,
    /// Whether people are told of scenarios and not of each run.
    pub(super) by_scenario: bool,
    pub(super) quiet: bool,
    pub(super) coverage: Coverage,
}

/// One run.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) scenario: &'a Scenario,
    /// As it was named.
    pub(super) file: String,
    pub(super) outcome: &'a Outcome,
    pub(super) wall_ms: u128,
    pub(super) stories: &'a [Story],
    /// What did not come or hold: where, and what.
    pub(super) problems: Vec<Problem>,
    /// The command that runs just this again.
    pub(super) repeat: String,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// Line and column in the scenario's file; none if the scenario does not speak of it.
    pub(super) place: Option<(u64, u64)>,
    pub(super) expected: String,
    pub(super) got: String,
}

impl<'a> Ran<'a> {
    pub(super) fn new(
        args: &RunArgs,
        plan: &'a Plan,
        decider: &Decider,
        ran: &'a [pool::Ran],
    ) -> Self {
        let mut coverage = Coverage::default();
        for ran in ran {
            coverage.add(&ran.outcome.coverage);
        }
        let runs = plan
            .tasks
            .iter()
            .zip(ran)
            .map(|(task, ran)| Run::new(args, plan, *task, decider, ran));
        Self {
            runs: runs.collect(),
            broken: &plan.broken,
            planned: plan.tasks.len(),
            explains: args.explain.is_some(),
            by_scenario: args.seeds.is_some_and(|(first, last)| first < last)
                && !args.verbose
                && args.explain.is_none(),
            quiet: args.quiet,
            coverage,
        }
    }

    pub(super) fn failed(&self) -> usize {
        self.runs.iter().filter(|run| !run.outcome.passed()).count()
    }

    pub(super) fn mistakes(&self) -> Mistakes {
        total(&self.runs)
    }

    /// `92 runs, 90 passed, 2 failed`, and what else went wrong.
    pub(super) fn tally(&self) -> String {
        let (all, failed) = (self.runs.len(), self.failed());
        let what = if all == 1 { "run" } else { "runs" };
        let broken = match self.broken_files() {
            0 => String::new(),
            1 => ", 1 file invalid".to_owned(),
            many => format!(", {many} files invalid"),
        };
        let left = match self.planned.saturating_sub(all) {
            0 => String::new(),
            left => format!(", {left} not run after the first failure"),
        };
        let passed = all - failed;
        format!("{all} {what}, {passed} passed, {failed} failed{broken}{left}")
    }

    fn broken_files(&self) -> usize {
        let files: BTreeSet<&str> = self.broken.iter().map(|e| e.file.as_str()).collect();
        files.len()
    }
}

/// The mistakes of several runs.
fn total(runs: &[Run<'_>]) -> Mistakes {
    let all = runs.iter().map(|run| run.outcome.mistakes());
    all.fold(Mistakes::default(), Mistakes::plus)
}

impl<'a> Run<'a> {
    fn new(
        args: &RunArgs,
        plan: &'a Plan,
        task: Task,
        decider: &Decider,
        ran: &'a pool::Ran,
    ) -> Self {
        let loaded = &plan.scenarios[task.scenario];
        let file = loaded.file.display().to_string();
        let mut repeat = format!("simulator run {file} --seed {}", task.seed);
        if let (Some(policy), false) = (&args.policy, matches!(decider, Decider::Scenario)) {
            repeat = format!("{repeat} --policy {policy}");
        }
        if let Some(story) = ran
            .stories
            .first()
            .filter(|_| first_divergence(&ran.outcome).is_some())
        {
            repeat = format!("{repeat} --explain {}", story.pod);
        }
        Self {
            scenario: &loaded.scenario,
            file,
            outcome: &ran.outcome,
            wall_ms: ran.wall.as_millis(),
            stories: &ran.stories,
            problems: problems(&ran.outcome),
            repeat,
        }
    }
}

fn problems(outcome: &Outcome) -> Vec<Problem> {
    let broken = outcome.broken.iter().map(|broken| Problem {
        place: None,
        expected: format!("invariant {} to hold", broken.invariant),
        got: format!("at {}, {}", clock(broken.at), broken.what),
    });
    let unmet = outcome.unmet.iter().map(|unmet| Problem {
        place: Some(unmet.place),
        expected: unmet.expected.clone(),
        got: unmet.got.clone(),
    });
    let unforeseen = (outcome.unforeseen_failures() > 0).then(|| Problem {
        place: None,
        expected: "no pod to fail that would have run, unless an expectation allows it, such as \
                   `falseFailures <= 3`"
            .to_owned(),
        got: format!("{} of them", outcome.unforeseen_failures()),
    });
    broken.chain(unmet).chain(unforeseen).collect()
}

/// Writes a report to where it belongs.
pub(super) fn write(ran: &Ran<'_>, to: &ReportTo, out: &mut dyn Write) -> Result<(), Failure> {
    crate::report::write(to, out, &|format, out| print(ran, format, out))
}

fn print(ran: &Ran<'_>, format: ReportFormat, out: &mut dyn Write) -> std::io::Result<()> {
    match format {
        ReportFormat::Human => human::print(ran, out),
        ReportFormat::Json => json::print(ran, out),
        ReportFormat::Junit => junit::print(ran, out),
        ReportFormat::Github => github::print(ran, out),
        ReportFormat::Markdown => markdown::print(ran, out),
    }
}
