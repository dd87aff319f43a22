//! `simulator schema`: prints the JSON Schemas of scenarios and sweeps, for editors.

use std::io::Write;

use clap::{Parser, ValueEnum};

use crate::exit::{Exit, Failure};
use crate::sweep::spec;

/// Print the JSON Schema of scenarios or sweeps, for editors.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  simulator schema > scenario.schema.json
  simulator schema sweep > sweep.schema.json")]
pub struct SchemaArgs {
    /// Of which kind
    #[arg(value_enum, default_value_t = Kind::Scenario)]
    pub kind: Kind,
}

/// Kinds of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// What `simulator run` runs
    Scenario,
    /// What `simulator sweep` varies
    Sweep,
}

/// Runs the command.
///
/// # Errors
/// When the output cannot be written.
pub fn run(args: &SchemaArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let schema = match args.kind {
        Kind::Scenario => pullstop_cluster::scenario::json_schema(),
        Kind::Sweep => spec::schema(),
    };
    writeln!(out, "{schema:#}")?;
    Ok(Exit::Success)
}
