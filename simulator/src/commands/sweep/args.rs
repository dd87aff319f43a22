//! Arguments of `simulator sweep` and `simulator merge`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use pullstop_cluster::scenario::metric::{Condition, Figure};

use crate::runs::plan::parse_seeds;
use crate::sweep::knob::Knob;
use crate::sweep::spec;

/// Find the thresholds that fit: run many policies on the same scenarios.
///
/// Varies fields of a policy, runs every combination on every scenario and seed, and recommends the policy that wastes
/// least among those that meet the constraints. Shows the trade, what each field matters, the built-in policy, other
/// tools' rules, and the limit that no policy can pass. Results are the same on every machine and with any --jobs.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  simulator sweep scenarios
  simulator sweep --knob rules.definite.attempts=2..5 --knob rules.definite.duration=30s,2m,5m scenarios
  simulator sweep docs/examples/sweep.yaml scenarios --seeds 1..20 --out results
  simulator sweep docs/examples/sweep.yaml scenarios --seeds 1..20 --resume results
  simulator sweep docs/examples/sweep.yaml scenarios --shard 0/16 --out part-0")]
pub struct SweepArgs {
    /// Scenarios, or folders with scenarios; and at most one file of kind Sweep
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Field of the policy to vary, and its values: such as rules.definite.attempts=2..6, pullTimeout=15m,30m
    /// [default: thresholds of the built-in rules]
    #[arg(long = "knob", value_name = "PATH=VALUES", value_parser = Knob::parse)]
    pub knobs: Vec<Knob>,
    /// Policy whose fields are varied [default: the built-in policy]
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Seeds from A to B for each scenario, both included [default: the scenario's own seed]
    #[arg(long, value_name = "A..B", value_parser = parse_seeds)]
    pub seeds: Option<(u64, u64)>,
    /// Only scenarios whose name or path matches; `*` stands for any text
    #[arg(long, value_name = "GLOB")]
    pub only: Option<String>,
    /// What must hold before anything is traded; can be repeated [default: falseFailures == 0]
    #[arg(long = "constraint", value_name = "CONDITION", value_parser = Condition::parse)]
    pub constraints: Vec<Condition>,
    /// The two figures that are traded: x and y of the picture [default: falseFailures,wastedCpuHours]
    #[arg(long, value_name = "X,Y", value_parser = parse_trade)]
    pub trade: Option<(Figure, Figure)>,
    /// Instead of the whole grid try N policies by chance, and drop the worse half after 1, 2, 4 … seeds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(spec::SEARCH_MIN as i64..=spec::SEARCH_MAX as i64))]
    pub search: Option<u32>,
    /// Number of parallel runs [default: the number of processors]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Folder for the results: rows.csv, policies.csv, report.json, report.html and policy.yaml
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    pub out: Option<PathBuf>,
    /// Go on with the same sweep in this folder, after it was killed or merged
    #[arg(long, value_name = "DIR")]
    pub resume: Option<PathBuf>,
    /// Run only part K of N, from 0 on; `simulator merge` joins the parts
    #[arg(long, value_name = "K/N", value_parser = parse_shard, conflicts_with = "search")]
    pub shard: Option<(usize, usize)>,
    /// Output format
    #[arg(long, short, value_enum, default_value_t = SweepOutput::Human)]
    pub output: SweepOutput,
}

/// Join the parts of a sweep.
///
/// The result is byte for byte that of one machine. `simulator sweep --resume DIR`, with the arguments of the sweep, then
/// reports on it.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  simulator merge part-0 part-1 part-2 --out results")]
pub struct MergeArgs {
    /// Folders with the parts, in any order
    #[arg(required = true, value_name = "DIR")]
    pub parts: Vec<PathBuf>,
    /// Folder for the whole
    #[arg(long, value_name = "DIR", required = true)]
    pub out: PathBuf,
}

/// Output formats of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SweepOutput {
    /// Table for people
    Human,
    /// One JSON object with everything
    Json,
    /// Self-contained page
    Html,
    /// The recommended policy
    Policy,
}

fn parse_trade(text: &str) -> Result<(Figure, Figure), String> {
    let (x, y) = text
        .split_once(',')
        .ok_or("expected two figures, such as falseFailures,wastedCpuHours")?;
    Ok((spec::axis(x.trim())?, spec::axis(y.trim())?))
}

fn parse_shard(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once('/');
    let parts = parts.and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
    match parts {
        Some((part, of)) if part < of => Ok((part, of)),
        Some((_, of)) if of > 0 => Err(format!("parts are numbered from 0 to {}", of - 1)),
        _ => Err("expected a part and their number, such as 0/16".to_owned()),
    }
}
