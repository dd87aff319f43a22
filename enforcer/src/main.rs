//! `enforcer`: see `enforcer --help`.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use pullstop_enforcer::Args;

/// An error of the program or its surroundings.
const INTERNAL: u8 = 3;

fn main() -> ExitCode {
    let mut out = anstream::stdout();
    let done = pullstop_enforcer::run(&Args::parse(), &mut out, &mut anstream::stderr());
    match done.and_then(|code| out.flush().map(|()| code)) {
        Ok(code) => code.into(),
        Err(error) => {
            anstream::eprintln!("error: cannot write the output: {error}");
            INTERNAL.into()
        }
    }
}
