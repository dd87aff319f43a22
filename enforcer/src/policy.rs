//! `enforcer policy`: policies before they are applied.

mod print;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use pullstop_core::cause::Cause;
use pullstop_core::policy::{Mode, Policy, Rule, document};
use pullstop_core::time::Human;

/// What can be done with policies.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say what a policy does, or what is wrong with it
    ///
    /// Exit codes: 0 all are valid, 2 one is not.
    Check {
        /// The policies, each by itself
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Print the built-in policy, to be changed
    ///
    /// `enforcer policy check` accepts what is printed, and it means the same.
    Print,
}

pub(crate) fn run(command: &Command, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    match command {
        Command::Check { files } => check(files, out, err),
        Command::Print => print::built_in(out).map(|()| crate::SUCCESS),
    }
}

fn check(files: &[PathBuf], out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    let mut code = crate::SUCCESS;
    for (place, file) in files.iter().enumerate() {
        match read(file) {
            Ok(policy) => {
                if files.len() > 1 {
                    let gap = if place > 0 { "\n" } else { "" };
                    write!(out, "{gap}{}: ", file.display())?;
                }
                describe(&policy, out)?;
            }
            Err(errors) => {
                for error in errors {
                    writeln!(err, "error: {error}")?;
                }
                code = crate::INVALID;
            }
        }
    }
    Ok(code)
}

/// Reads the policy in `file`.
///
/// # Errors
/// All that is wrong with it, each with its place.
pub fn read(file: &Path) -> Result<Policy, Vec<String>> {
    let name = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| {
        let what = match error.kind() {
            io::ErrorKind::NotFound => "no such file".to_owned(),
            _ => format!("cannot be read: {error}"),
        };
        vec![format!("{name}: {what}")]
    })?;
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

/// A mode as policies write it.
pub const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Enforce => "Enforce",
        Mode::Warn => "Warn",
        Mode::DryRun => "DryRun",
        Mode::Off => "Disabled",
    }
}

fn describe(policy: &Policy, out: &mut dyn Write) -> io::Result<()> {
    let scope = &policy.scope;
    let names = |names: &[String]| names.join(", ");
    writeln!(out, "valid")?;
    writeln!(out, "mode          {}", mode_name(policy.mode))?;
    let phases: Vec<&str> = scope.phases.iter().map(|phase| phase.as_str()).collect();
    writeln!(out, "phases        {}", phases.join(", "))?;
    writeln!(out, "owners        {}", names(&scope.owners))?;
    let bare: Vec<&str> = scope
        .bare_pods
        .iter()
        .map(|restart| restart.as_str())
        .collect();
    writeln!(out, "bare pods     {}", bare.join(", "))?;
    if !scope.include_namespaces.is_empty() {
        writeln!(out, "namespaces    {}", names(&scope.include_namespaces))?;
    }
    if !scope.exclude_namespaces.is_empty() {
        writeln!(out, "not in        {}", names(&scope.exclude_namespaces))?;
    }
    writeln!(out, "pull timeout  {}", Human(policy.pull_timeout))?;
    writeln!(out, "own patterns  {}", policy.patterns.len())?;
    for rule in policy.rules() {
        let Rule {
            name,
            causes,
            attempts,
            duration,
            action,
        } = rule;
        let duration = Human(*duration);
        let failures = if attempts.get() == 1 {
            "failure"
        } else {
            "failures"
        };
        writeln!(
            out,
            "\n{name}: {action:?} after {attempts} {failures} and {duration}, for"
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
