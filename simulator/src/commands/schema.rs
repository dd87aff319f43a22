//! `simulator schema`: prints the JSON Schema of scenarios, for editors.

use std::io::Write;

use clap::Parser;

use crate::exit::{Exit, Failure};

/// Print the JSON Schema of scenarios, for editors.
#[derive(Debug, Parser)]
#[command(after_help = "Example:\n  simulator schema > scenario.schema.json")]
pub struct SchemaArgs {}

/// Runs the command.
///
/// # Errors
/// When the output cannot be written.
pub fn run(_: &SchemaArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    writeln!(out, "{:#}", pullstop_cluster::scenario::json_schema())?;
    Ok(Exit::Success)
}
