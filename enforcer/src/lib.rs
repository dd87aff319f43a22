//! The enforcer: watches the pods of a cluster, and fails those that can never pull their image.

#![cfg_attr(
    test,
    allow(clippy::disallowed_methods, reason = "tests read files of their own")
)]

pub mod api;
pub mod clock;
pub mod connect;
pub mod crds;
pub mod drive;
mod exit;
pub mod http;
pub mod input;
pub mod lease;
pub mod metrics;
pub mod namespaces;
pub mod output;
pub mod overrides;
pub mod pods;
pub mod policies;
pub mod policy;
pub mod record;
pub mod reporter;
pub mod run;
pub mod scan;
pub mod stuck;

use std::io::{self, Write};

use clap::{Parser, Subcommand};

use self::output::{Clean, Form};

/// Fail pods that can never pull their image.
#[derive(Debug, Parser)]
#[command(name = "enforcer", version, max_term_width = 100)]
#[command(
    after_help = "Start with `enforcer scan`: it writes nothing, and shows which pods are stuck and what would happen to them.\n\nExit codes: 0 success, 2 invalid input, 3 internal error."
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch the cluster's pods, and fail those that can never pull their image
    Run(run::RunArgs),
    /// List pods that cannot pull an image: why, since when, and what would happen to them
    ///
    /// Reads the cluster once, or a file that `kubectl get pods` printed. Writes nothing.
    Scan(scan::ScanArgs),
    /// Explain the verdict on one pod
    Explain(scan::ExplainArgs),
    /// Record the cluster's pods for `simulator replay`
    ///
    /// Keeps only the fields that decisions need. Review a recording before you share it: error messages may contain
    /// private names, even with --pseudonyms.
    Record(record::RecordArgs),
    /// Print the CRDs of policies, for `kubectl apply`
    Crds,
    /// Check policies, or print the built-in one
    #[command(subcommand)]
    Policy(policy::Command),
}

/// Runs the command. Results go to `out`, errors to `err`. Returns the exit code.
///
/// # Errors
/// When `out` or `err` cannot be written to.
pub fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    let form = match &args.command {
        Command::Scan(args) if args.prints_json() => Form::Json,
        _ => Form::Text,
    };
    let (out, err) = (&mut Clean::new(out, form), &mut Clean::new(err, Form::Text));
    match &args.command {
        Command::Run(args) => run::run(args, err),
        Command::Scan(args) => scan::scan(args, out, err),
        Command::Explain(args) => scan::explain(args, out, err),
        Command::Record(args) => record::run(args, err),
        Command::Crds => crds::run(out),
        Command::Policy(command) => policy::run(command, out, err),
    }
}
