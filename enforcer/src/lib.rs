//! Pullstop in a cluster. Watching one is still to come; a policy can be checked today.

pub mod api;
pub mod clock;
pub mod drive;
pub mod engines;
pub mod lease;
pub mod metrics;
pub mod pods;
pub mod policy;
pub mod telling;

use std::io::{self, Write};

use clap::{Parser, Subcommand};

/// Fail pods that can never pull their image.
///
/// Watching a cluster is still to come; a policy can be checked today.
#[derive(Debug, Parser)]
#[command(name = "enforcer", version, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 success, 2 invalid input, 3 internal error.")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Work with policies
    #[command(subcommand)]
    Policy(policy::Command),
}

/// Does what the arguments ask for; results go to `out`, what is wrong to `err`. Returns the exit code.
///
/// # Errors
/// When `out` or `err` cannot be written to.
pub fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    match &args.command {
        Command::Policy(command) => policy::run(command, out, err),
    }
}
