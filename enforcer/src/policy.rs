//! `enforcer policy`: policies before they are applied.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use pullstop_core::cause::Cause;
use pullstop_core::policy::{Policy, Rule, document};
use pullstop_core::time::Human;

/// What can be done with policies.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say what a policy does, or what is wrong with it
    ///
    /// Exit codes: 0 the policy is valid, 2 it is not.
    Check {
        /// The policy
        file: PathBuf,
    },
}

/// Invalid input.
const INVALID: u8 = 2;

pub(crate) fn run(command: &Command) -> ExitCode {
    let Command::Check { file } = command;
    match read(file) {
        Ok(policy) => {
            // Nobody to tell if standard output is gone.
            let _ = describe(&policy, &mut anstream::stdout().lock());
            ExitCode::SUCCESS
        }
        Err(errors) => {
            for error in errors {
                anstream::eprintln!("error: {error}");
            }
            ExitCode::from(INVALID)
        }
    }
}

fn read(file: &Path) -> Result<Policy, Vec<String>> {
    let name = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| vec![format!("{name}: cannot be read: {error}")])?;
    document::parse(&text).map_err(|errors| {
        errors
            .into_iter()
            .map(|error| match error.place {
                Some(_) => format!("{name}:{error}"),
                None => format!("{name}: {error}"),
            })
            .collect()
    })
}

fn describe(policy: &Policy, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "mode {:?}, pull timeout {}",
        policy.mode,
        Human(policy.pull_timeout)
    )?;
    for rule in policy.rules() {
        let Rule {
            name,
            causes,
            attempts,
            duration,
            action,
        } = rule;
        let action = format!("{action:?}");
        writeln!(
            out,
            "{name:<20} {action:<6} after {attempts:>3} failures and {}",
            Human(*duration)
        )?;
        for cause in Cause::ALL
            .into_iter()
            .filter(|cause| causes.contains(*cause))
        {
            writeln!(out, "    {cause}")?;
        }
    }
    Ok(())
}
