//! Arguments of `simulator baseline`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::report::{self, ReportTo};
use crate::runs::plan::parse_seeds;

/// Keep what scenarios measure in a file, and fail when it becomes worse.
///
/// `write` runs scenarios and writes what they measured: false failures, missed pods, times to fail, wasted hours, queue
/// waits, writes, pulls and simulated events, of each scenario and of all together. `check` runs the same again, with the
/// same policy and seeds, and compares.
///
/// Simulations are deterministic, so any difference has a cause. What is tolerated is what other seeds would do: `write`
/// measures that over the seeds and keeps a tolerance for each measure. More false failures, missed pods or broken invariants
/// are never tolerated, in no scenario. With a single seed nothing is.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  simulator baseline write baseline.yaml --seeds 1..5 scenarios
  simulator baseline write baseline.yaml --seeds 1..5 --policy policy.yaml scenarios
  simulator baseline check baseline.yaml
  simulator baseline check baseline.yaml -o human -o junit=gate.xml -o markdown=gate.md
  simulator baseline write baseline.yaml

The last one moves the baseline: it runs what the file says, and writes the new numbers.

Exit codes of `check`:
  0  nothing has become worse; what has become better is named
  1  something has become worse
  2  the file is invalid, or a scenario in it is gone")]
pub struct BaselineArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: BaselineCommand,
}

/// What to do with a baseline.
#[derive(Debug, Subcommand)]
#[expect(
    missing_docs,
    reason = "a comment here would replace the help of the command"
)]
pub enum BaselineCommand {
    Write(WriteArgs),
    Check(CheckArgs),
}

/// Run scenarios and write what they measure to a file.
///
/// Paths in the file are relative to it. Without PATH, what the file says is run again, and its numbers are replaced.
#[derive(Debug, Parser)]
pub struct WriteArgs {
    /// The baseline
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Scenarios, or folders with scenarios [default: those that the file names]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Policy file, `built-in`, or a baseline [default: each scenario's own policy, the built-in one where it has none]
    #[arg(long, value_name = "FILE|NAME")]
    pub policy: Option<String>,
    /// Seeds from A to B for each scenario, both included; tolerances need two or more [default: the scenario's own seed]
    #[arg(long, value_name = "A..B", value_parser = parse_seeds)]
    pub seeds: Option<(u64, u64)>,
    /// Number of parallel runs [default: the number of processors]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
}

/// Run what a baseline names, and fail if it has become worse.
///
/// Says by how much, which scenario shows it most, and which command shows why.
#[derive(Debug, Parser)]
pub struct CheckArgs {
    /// The baseline
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Scenarios, or folders with scenarios, in place of those that the file names: all in the file must be among them
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Number of parallel runs [default: the number of processors]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Report format: human, json, junit, github or markdown; FORMAT=FILE writes to a file. Can be repeated
    #[arg(long, short, value_name = "FORMAT[=FILE]", value_parser = report::parse, default_value = "human")]
    pub output: Vec<ReportTo>,
}
