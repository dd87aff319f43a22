//! `simulator tune`: from recordings of a cluster to the policy that fits it.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Parser;
use pullstop_cluster::scenario::metric::Condition;

use super::fit;
use super::fit::args::FitArgs;
use super::options::Output;
use super::sweep;
use super::sweep::args::{SweepArgs, SweepOutput};
use crate::exit::{Exit, Failure};
use crate::runs::plan::parse_seeds;
use crate::sweep::knob::Knob;

/// Find the policy that fits a cluster: from its recordings to thresholds.
///
/// Does what `simulator fit` and `simulator sweep` do: writes scenarios that stand for the recorded cluster, runs many
/// policies on them, and writes the recommended one to DIR/results/policy.yaml.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  simulator tune monday.jsonl tuesday.jsonl --out tuned
  simulator tune recordings --seeds 1..20 --knob rules.definite.duration=1m,2m,5m,10m --out tuned")]
pub struct TuneArgs {
    /// Recordings of one cluster in the order of their times, or folders with them (*.jsonl, *.json)
    #[arg(required = true, value_name = "TRACE")]
    pub traces: Vec<PathBuf>,
    /// Folder for the scenarios and the results
    #[arg(long, value_name = "DIR", required = true)]
    pub out: PathBuf,
    /// Field of the policy to vary, and its values [default: thresholds of the built-in rules]
    #[arg(long = "knob", value_name = "PATH=VALUES", value_parser = Knob::parse)]
    pub knobs: Vec<Knob>,
    /// Policy whose fields are varied [default: the built-in policy]
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Seeds from A to B for each scenario, both included
    #[arg(long, value_name = "A..B", value_parser = parse_seeds, default_value = "1..5")]
    pub seeds: (u64, u64),
    /// What must hold before anything is traded; can be repeated [default: falseFailures == 0]
    #[arg(long = "constraint", value_name = "CONDITION", value_parser = Condition::parse)]
    pub constraints: Vec<Condition>,
    /// Number of parallel runs [default: the number of processors]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
}

/// Runs the command.
///
/// # Errors
/// On recordings that cannot be read, on invalid arguments, and when results cannot be written.
pub fn run(
    args: &TuneArgs,
    shows_progress: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit, Failure> {
    let scenarios = args.out.join("scenarios");
    let fit = FitArgs {
        traces: args.traces.clone(),
        out: Some(scenarios.clone()),
        output: Output::Human,
    };
    let fitted = fit::run(&fit, shows_progress, out, err)?;
    if fitted != Exit::Success {
        return Ok(fitted);
    }
    writeln!(out)?;
    let sweep = SweepArgs {
        paths: vec![scenarios],
        knobs: args.knobs.clone(),
        policy: args.policy.clone(),
        seeds: Some(args.seeds),
        only: None,
        constraints: args.constraints.clone(),
        trade: None,
        search: None,
        jobs: args.jobs,
        out: Some(args.out.join("results")),
        resume: None,
        shard: None,
        output: SweepOutput::Human,
    };
    sweep::run(&sweep, shows_progress, out, err)
}
