//! Arguments of `simulator replay`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use pullstop_core::time::parse_duration;

use crate::commands::options::Output;

/// Show what a policy would have done with recorded pods.
///
/// Feeds recorded watch events to the engine in recorded time and prints, for each pod, its history and the verdict.
/// Writes to no cluster. If a pod later ran, the replay says so: the verdict would have been wrong.
///
/// A recording is a sequence of JSON objects, compact or pretty-printed, as `kubectl get pods --watch
/// --output-watch-events -o json` prints them. An extra member "received" (RFC 3339) says when an event arrived.
/// Without it the replay uses the times within the objects, which are accurate to the second and miss failures.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  simulator replay trace.jsonl
  simulator replay --policy policy.yaml --for 1h --output json *.jsonl")]
pub struct ReplayArgs {
    /// Recordings; `-` for standard input
    #[arg(required = true, value_name = "TRACE")]
    pub traces: Vec<PathBuf>,
    /// Policy to apply [default: the built-in policy]
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Let time pass for this long after the last event, such as 30m or 1h, so that rules can still fire
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration, default_value = "0s", allow_hyphen_values = true)]
    pub run_on: Duration,
    /// Merge all recordings into one cluster, in the order of their times
    #[arg(long)]
    pub merge: bool,
    /// Skip damaged events and report how many there were
    #[arg(long)]
    pub keep_going: bool,
    /// Add the trail of each decision: what each plugin said
    #[arg(long)]
    pub explain: bool,
    /// Output format
    #[arg(long, short, value_enum, default_value_t = Output::Human)]
    pub output: Output,
}
