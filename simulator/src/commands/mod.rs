//! The command line: one module per command, each with its arguments beside it.

pub mod baseline;
pub mod classify;
pub mod compare;
pub mod fit;
pub mod fuzz;
pub mod import;
pub mod lint;
pub mod new;
pub mod options;
pub mod record;
pub mod replay;
pub mod run;
pub mod schema;
pub mod serve;
pub mod sweep;
pub mod timeline;
pub mod tune;

use std::io::Write;

use clap::{Parser, Subcommand};

use self::baseline::args::BaselineArgs;
use self::classify::ClassifyArgs;
use self::compare::CompareArgs;
use self::fit::args::FitArgs;
use self::fuzz::args::FuzzArgs;
use self::import::args::ImportArgs;
use self::lint::args::LintArgs;
use self::new::args::NewArgs;
use self::record::RecordArgs;
use self::replay::args::ReplayArgs;
use self::run::args::RunArgs;
use self::schema::SchemaArgs;
use self::serve::args::ServeArgs;
use self::sweep::args::{MergeArgs, SweepArgs};
use self::timeline::args::TimelineArgs;
use self::tune::TuneArgs;
use crate::exit::{Exit, Failure};

/// Test image-pull policies on simulated clusters and recorded pods before they fail a real one.
///
/// Everything runs in virtual or recorded time and needs no cluster. The same input gives the same result on every
/// machine.
#[derive(Debug, Parser)]
#[command(name = "simulator", version, max_term_width = 100)]
#[command(after_help = "\
Examples:
  simulator run scenarios
  simulator timeline scenarios/demo.yaml --out demo.html
  simulator replay tests/traces/missing-tag.jsonl

Exit codes:
  0  success
  1  an expectation or an invariant failed, or `lint` found something
  2  invalid input or arguments
  3  internal error, or a run that was not deterministic
  4  nothing to work on")]
pub struct Args {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
    /// Whether to show progress on standard error. The caller sets it if that is a terminal.
    #[arg(skip)]
    pub shows_progress: bool,
}

/// The commands. Each is described beside its arguments.
#[derive(Debug, Subcommand)]
#[expect(
    missing_docs,
    reason = "a comment here would replace the help of the command"
)]
pub enum Command {
    Run(RunArgs),
    Compare(CompareArgs),
    Sweep(SweepArgs),
    Merge(MergeArgs),
    Tune(TuneArgs),
    Baseline(BaselineArgs),
    Timeline(TimelineArgs),
    Fuzz(FuzzArgs),
    Record(RecordArgs),
    Replay(ReplayArgs),
    Import(ImportArgs),
    Fit(FitArgs),
    Classify(ClassifyArgs),
    New(NewArgs),
    Lint(LintArgs),
    Schema(SchemaArgs),
    Serve(ServeArgs),
}

impl Args {
    /// Runs the command. Results go to `out`, progress, warnings and errors to `err`.
    ///
    /// # Errors
    /// On invalid input, and when `out` cannot be written to.
    pub fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, Failure> {
        match &self.command {
            Command::Run(args) => run::run(args, self.shows_progress, out, err),
            Command::Compare(args) => compare::run(args, self.shows_progress, out, err),
            Command::Sweep(args) => sweep::run(args, self.shows_progress, out, err),
            Command::Merge(args) => sweep::merge::run(args, err),
            Command::Tune(args) => tune::run(args, self.shows_progress, out, err),
            Command::Baseline(args) => baseline::run(args, self.shows_progress, out, err),
            Command::Timeline(args) => timeline::run(args, out, err),
            Command::Fuzz(args) => fuzz::run(args, self.shows_progress, out, err),
            Command::Record(args) => record::run(args, out, err),
            Command::Replay(args) => replay::run(args, out, err),
            Command::Import(args) => import::run(args, out, err),
            Command::Fit(args) => fit::run(args, self.shows_progress, out, err),
            Command::Classify(args) => classify::run(args, out),
            Command::New(args) => new::run(args, out),
            Command::Lint(args) => lint::run(args, out, err),
            Command::Schema(args) => schema::run(args, out),
            Command::Serve(args) => serve::run(args, out, err),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use pullstop_cluster::world::enforcer::baselines::Baseline;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_examples_of_the_help_are_understood() {
        let program = Args::command();
        let mut examples = 0;
        for command in std::iter::once(&program).chain(program.get_subcommands()) {
            let help = command.get_after_help().unwrap().to_string();
            for line in help.lines().filter(|line| line.starts_with("  simulator ")) {
                let line = line.split(" > ").next().unwrap().replace('\'', "");
                Args::try_parse_from(line.split_whitespace())
                    .unwrap_or_else(|error| panic!("{line}: {error}"));
                examples += 1;
            }
        }
        assert!(examples > 20, "{examples}");
    }

    #[test]
    fn the_help_of_run_names_every_baseline() {
        let program = Args::command();
        let run = program.find_subcommand("run").unwrap();
        let policy = run.get_arguments().find(|arg| arg.get_id() == "policy");
        let help = policy.unwrap().get_help().unwrap().to_string();
        let (_, names) = help.split_once("a baseline: ").unwrap();
        let (names, _) = names.split_once(" [").unwrap();
        let all = Baseline::ALL.map(|(_, name)| name);
        assert_eq!(names.split(", ").collect::<Vec<_>>(), all);
    }
}
