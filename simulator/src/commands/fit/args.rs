//! Arguments of `simulator fit`.

use std::path::PathBuf;

use clap::Parser;

use crate::commands::options::Output;

/// Learn from recordings of a cluster, and write scenarios that stand for it.
///
/// Estimates how long failures lasted that healed, how often pulls fail, how many pods never got their image, how long
/// pulls take, and what arrives. Writes a typical day, and a scenario for each kind of long failure, and simulates the day
/// to show how well it matches the recordings.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  simulator fit monday.jsonl tuesday.jsonl --out fitted
  simulator compare fitted")]
pub struct FitArgs {
    /// Recordings of one cluster in the order of their times, or folders with them (*.jsonl, *.json); `-` for standard input
    #[arg(required = true, value_name = "TRACE")]
    pub traces: Vec<PathBuf>,
    /// Folder for the scenarios and fit.json [default: only the report is printed]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Output format
    #[arg(long, short, value_enum, default_value_t = Output::Human)]
    pub output: Output,
}
