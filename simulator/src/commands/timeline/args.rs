//! Arguments of `simulator timeline`.

use std::path::PathBuf;

use clap::Parser;

/// Draw one run as an HTML page: pods, pulls, back-offs, faults and verdicts over virtual time.
///
/// The page is one self-contained file that loads nothing from the network. Rows are grouped by Job or Deployment.
/// Select a bar with the pointer or the arrow keys to read what happened.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  simulator timeline scenario.yaml --out timeline.html
  simulator timeline scenario.yaml --policy tekton --pods 'train-*' --out tekton.html")]
pub struct TimelineArgs {
    /// Scenario; `-` for standard input
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// File for the page; `-` for standard output
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Seed [default: the scenario's own seed]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Policy file, or a baseline as in `simulator run` [default: the scenario's own policy]
    #[arg(long, value_name = "FILE|BASELINE")]
    pub policy: Option<String>,
    /// Only matching pods: NAME or NAMESPACE/NAME; `*` stands for any text
    #[arg(long, value_name = "GLOB")]
    pub pods: Option<String>,
}
