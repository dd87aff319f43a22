//! The simulator: recordings and virtual time around the same brain that the enforcer has.

pub mod bridge;
pub mod commands;
pub mod exit;
mod github;
pub mod input;
mod output;
pub mod runs;
pub mod style;
pub mod trace;

use std::io::Write;

use commands::args::{Args, Command};
use commands::{classify, compare, fuzz, import, lint, new, replay, run, serve, timeline};
use exit::{Exit, Failure};
use output::Clean;

/// Does what the arguments ask for; results go to `out`, what went wrong on the way to `err`.
///
/// # Errors
/// On invalid input, and when `out` cannot be written to.
pub fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, Failure> {
    let (out, err): (&mut dyn Write, &mut dyn Write) = (&mut Clean(out), &mut Clean(err));
    let done = match &args.command {
        Command::Classify(args) => classify::run(args, out),
        Command::Replay(args) => replay::run(args, out, err),
        Command::Compare(these) => compare::run(these, args.shows_progress, out, err),
        Command::Import(these) => import::run(these, out, err),
        Command::Timeline(these) => timeline::run(these, out, err),
        Command::Fuzz(these) => fuzz::run(these, args.shows_progress, out, err),
        Command::New(these) => new::run(these, out),
        Command::Lint(these) => lint::run(these, out, err),
        Command::Schema => schema(out),
        Command::Serve(these) => serve::run(these, out),
        Command::Run(these) => run::run(these, args.shows_progress, out, err),
    };
    let done = done.and_then(|exit| Ok(out.flush().map(|()| exit)?));
    match done {
        // Whoever reads has seen enough.
        Err(failure) if failure.is_broken_pipe() => Ok(Exit::Success),
        done => done,
    }
}

fn schema(out: &mut dyn Write) -> Result<Exit, Failure> {
    writeln!(out, "{:#}", pullstop_cluster::scenario::json_schema())?;
    Ok(Exit::Success)
}
