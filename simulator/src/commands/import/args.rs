//! Arguments of `simulator import`.

use std::path::PathBuf;

use clap::Parser;

/// Turn recorded pods into a scenario with the same faults.
///
/// Reads recordings as `simulator replay` does, and also uses Jobs and Events in them. Several recordings become one
/// cluster. Comments in the scenario mark what the recording does not show and the import guessed.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  simulator import trace.jsonl --out scenario.yaml
  simulator run --policy policy.yaml scenario.yaml")]
pub struct ImportArgs {
    /// Recordings; `-` for standard input
    #[arg(required = true, value_name = "TRACE")]
    pub traces: Vec<PathBuf>,
    /// File for the scenario; `-` for standard output [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}
