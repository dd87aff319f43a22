//! The program `simulator`. `simulator --help` describes it.

use std::io::{BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use pullstop_simulator::Args;

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that knows the process's streams"
)]
fn main() -> ExitCode {
    let mut args = Args::parse();
    args.shows_progress = std::io::stderr().is_terminal();
    let mut out = BufWriter::new(anstream::AutoStream::auto(std::io::stdout()));
    let mut err = anstream::AutoStream::auto(std::io::stderr());
    let done = pullstop_simulator::run(&args, &mut out, &mut err);
    match done {
        Ok(exit) => exit.into(),
        Err(failure) => {
            // Nobody to tell if standard error is gone.
            let _ = write!(err, "{failure}");
            failure.exit().into()
        }
    }
}
