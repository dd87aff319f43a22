//! `enforcer`: see `enforcer --help`.

mod policy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Fail pods that can never pull their image.
///
/// Watching a cluster is still to come; a policy can be checked today.
#[derive(Debug, Parser)]
#[command(name = "enforcer", version, max_term_width = 100)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Work with policies
    #[command(subcommand)]
    Policy(policy::Command),
}

fn main() -> ExitCode {
    match Args::parse().command {
        Command::Policy(command) => policy::run(&command),
    }
}
