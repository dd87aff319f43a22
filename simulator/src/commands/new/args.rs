//! Arguments of `simulator new`.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use pullstop_core::yaml::is_label;

/// Write a first scenario to start from.
///
/// The scenario is small, has comments, and passes as it is. Run it with `simulator run`, then change it.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  simulator new
  simulator new registry-move --template outage --out scenarios/registry-move.yaml")]
pub struct NewArgs {
    /// Name of the scenario [default: the name of the template]
    #[arg(value_parser = parse_name)]
    pub name: Option<String>,
    /// File for the scenario; `-` for standard output [default: NAME.yaml]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Fault that the scenario is about
    #[arg(long, value_enum, default_value_t = Template::Typo)]
    pub template: Template,
    /// Overwrite an existing file
    #[arg(long)]
    pub force: bool,
}

/// The fault that a first scenario is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Template {
    /// An image with a mistyped tag
    Typo,
    /// A registry that is down for a while
    Outage,
    /// A pull secret that arrives late
    Secret,
    /// A Job that blocks a queue
    Queue,
}

fn parse_name(text: &str) -> Result<String, String> {
    if is_label(text) {
        Ok(text.to_owned())
    } else {
        Err("use at most 63 of a–z, 0–9 and `-`, with no `-` at the ends".to_owned())
    }
}
