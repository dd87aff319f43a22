//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use pullstop_core::time::parse_duration;

/// Find out what Pullstop makes of image pulls, before it may fail a pod.
///
/// Everything runs on recorded or virtual time, needs no cluster, and gives the same result on every machine.
#[derive(Debug, Parser)]
#[command(name = "simulator", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 success, 2 invalid input, 3 internal error, 4 nothing to work on."
)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say why pulls failed, from their error messages.
    ///
    /// Reads one message a line: text as it stands in a pod's status, in an event or in a kubelet's log; or a JSON object
    /// such as {"reason": "…", "message": "…"}, whose reason is the container's waiting reason. Prints for
    /// each, in the same order, the cause, whether waiting can help (permanent, transient, or ambiguous where the text
    /// cannot tell), and the part of the message that decided it.
    Classify(ClassifyArgs),
    /// Tell the story of recorded pods, and the verdict on each.
    ///
    /// Feeds recorded watch streams to the engine in recorded time: one JSON object a watch event, compact or
    /// pretty-printed, as `kubectl get pods --watch --output-watch-events -o json` prints them. An additional member
    /// "received" says when an event arrived (RFC 3339); without it the times within the objects must do, which are
    /// coarse and miss much.
    ///
    /// Nothing is written anywhere: the verdict is what the policy would have done. What the recording shows
    /// afterwards is told too, so that a pod that would have run is seen.
    Replay(ReplayArgs),
}

/// What `simulator classify` is told.
#[derive(Debug, Parser)]
#[command(
    after_help = "Example:\n  kubectl get pod mypod -o jsonpath='{range ..waiting}{.message}{\"\\n\"}{end}' | simulator classify"
)]
pub struct ClassifyArgs {
    /// File of messages; standard input if left out or `-`
    #[arg(default_value = "-", hide_default_value = true)]
    pub file: PathBuf,
    /// Policy whose own message patterns come first
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// How to print
    #[arg(long, short, value_enum, default_value_t = Output::Human)]
    pub output: Output,
}

/// What `simulator replay` is told.
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  simulator replay trace.jsonl\n  simulator replay --policy policy.yaml --for 1h --output json *.jsonl"
)]
pub struct ReplayArgs {
    /// Recordings; `-` is standard input
    #[arg(required = true, value_name = "TRACE")]
    pub traces: Vec<PathBuf>,
    /// Policy to judge by instead of the built-in one
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// How long time runs on after the last event, so that rules can still fire, such as 1h
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration, default_value = "0s", allow_hyphen_values = true)]
    pub run_on: Duration,
    /// Read all recordings as one cluster, in the order of their times
    #[arg(long)]
    pub merge: bool,
    /// Skip damaged events, and say how many
    #[arg(long)]
    pub keep_going: bool,
    /// Add what each plugin said on the way to a decision
    #[arg(long)]
    pub explain: bool,
    /// How to print
    #[arg(long, short, value_enum, default_value_t = Output::Human)]
    pub output: Output,
}

/// For whom to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Human,
    /// For programs: one JSON object a line
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
