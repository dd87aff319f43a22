//! The simulator: drives the engine of the enforcer with simulated clusters and recorded pods.

pub mod baseline;
pub mod bridge;
pub mod commands;
pub mod exit;
pub mod fit;
mod github;
mod html;
pub mod input;
mod output;
mod recorded;
pub mod report;
pub mod runs;
pub mod stats;
pub mod style;
pub mod sweep;
pub mod trace;
pub mod transition;

use std::io::Write;

pub use commands::Args;
use exit::{Exit, Failure};
use output::Clean;

/// Runs the command. Results go to `out`, progress, warnings and errors to `err`, both fit for a terminal.
///
/// # Errors
/// On invalid input, and when `out` cannot be written to.
pub fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, Failure> {
    let (out, err): (&mut dyn Write, &mut dyn Write) = (&mut Clean(out), &mut Clean(err));
    let done = args.execute(out, err);
    let done = done.and_then(|exit| Ok(out.flush().map(|()| exit)?));
    match done {
        // The reader of a pipe has seen enough.
        Err(failure) if failure.is_broken_pipe() => Ok(Exit::Success),
        done => done,
    }
}
