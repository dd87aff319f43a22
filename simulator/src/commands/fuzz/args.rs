//! Arguments of `simulator fuzz`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use pullstop_core::time::parse_duration;

/// Check the engine's invariants in random clusters.
///
/// Draws random clusters, workloads and faults, and runs them. Also compares runs that must agree: with every event
/// doubled, with higher thresholds, and with restarts of the enforcer. If an invariant breaks, shrinks the world as far
/// as possible and prints it as a scenario.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  simulator fuzz --seeds 1000
  simulator fuzz --time 60s --out broken.yaml
  simulator fuzz --scenario broken.yaml")]
pub struct FuzzArgs {
    /// Number of worlds [default: 100, or with --time as many as fit]
    #[arg(long, value_name = "N")]
    pub seeds: Option<u64>,
    /// First seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub first_seed: u64,
    /// Stop after this time, such as 60s or 10m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub time: Option<Duration>,
    /// Policy to check [default: the built-in policy]
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Check this scenario instead of random worlds
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "first_seed", "time"])]
    pub scenario: Option<PathBuf>,
    /// File for the smallest world in which an invariant breaks [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Number of parallel runs [default: the number of processors]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
}
