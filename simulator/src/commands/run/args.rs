//! Arguments of `simulator run`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Parser;

use crate::report::{self, ReportTo};
use crate::runs::plan::parse_seeds;

/// Run scenarios in simulated clusters and check what they expect.
///
/// A scenario describes a cluster, its faults, and what the policy must do. It runs in virtual time, so that hours take
/// milliseconds, and gives the same result on every machine. Every run also checks the invariants: the policy fails no
/// pod before its thresholds, during a pull, or after the pod has its image.
///
/// docs/scenarios.md describes the format. `simulator new` writes a first scenario.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  simulator run scenarios
  simulator run --policy policy.yaml --seeds 1..100 scenarios/outages/*.yaml
  simulator run --seeds 1..100 --quiet scenarios
  simulator run --output human --output junit=report.xml scenarios
  simulator run --explain 'default/train-0' scenario.yaml")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct RunArgs {
    /// Scenarios, or folders with scenarios; `-` for standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Policy file, `built-in`, or a baseline: nothing, first-sight, tekton, tekton-5m, prow, kueue, jenkins, receptor, armada, oracle
    /// [default: the scenario's own policy]
    #[arg(long, value_name = "FILE|BASELINE")]
    pub policy: Option<String>,
    /// Seed for all scenarios [default: the scenario's own seed]
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    pub seed: Option<u64>,
    /// Seeds from A to B for each scenario, both included
    #[arg(long, value_name = "A..B", value_parser = parse_seeds)]
    pub seeds: Option<(u64, u64)>,
    /// Only scenarios whose name or path matches; `*` stands for any text
    #[arg(long, value_name = "GLOB")]
    pub only: Option<String>,
    /// Number of parallel runs [default: the number of processors]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Stop at the first failed run
    #[arg(long)]
    pub fail_fast: bool,
    /// Print only failed and doubtful runs (human output)
    #[arg(long, short, conflicts_with_all = ["verbose", "explain"])]
    pub quiet: bool,
    /// Print every run, not only one line per scenario, with --seeds (human output)
    #[arg(long, short)]
    pub verbose: bool,
    /// Print the history of matching pods: NAME or NAMESPACE/NAME; `*` stands for any text
    #[arg(long, value_name = "POD")]
    pub explain: Option<String>,
    /// Report format: human, json, junit, github or markdown; FORMAT=FILE writes to a file. Can be repeated
    #[arg(long, short, value_name = "FORMAT[=FILE]", value_parser = report::parse, default_value = "human")]
    pub output: Vec<ReportTo>,
    /// Run everything twice and fail if the two runs differ
    #[arg(long)]
    pub check_determinism: bool,
    /// Fail if the runs cover less than this percentage of the engine's transitions and causes
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub coverage_threshold: Option<u8>,
}
