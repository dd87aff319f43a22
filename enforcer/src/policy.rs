//! `enforcer policy`: checks policy files, and prints the built-in policy.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use pullstop_core::cause::Cause;
use pullstop_core::policy::{Mode, Policy, Rule, document};
use pullstop_core::text::printable;
use pullstop_core::time::Human;

use crate::input;

/// The subcommands of `enforcer policy`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check policies, and describe what they do
    ///
    /// Exit codes: 0 all are valid, 2 one is not.
    Check {
        /// Policies to check, each by itself; `-` is standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Print the built-in policy, as a starting point
    ///
    /// The output is a valid policy with the same meaning.
    Print,
}

pub(crate) fn run(command: &Command, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    match command {
        Command::Check { files } => check(files, out, err),
        Command::Print => print(out).map(|()| crate::exit::SUCCESS),
    }
}

/// Prints the built-in policy, with every field.
fn print(out: &mut dyn Write) -> io::Result<()> {
    let policy = document::to_explained_yaml(&Policy::default(), "default");
    write!(
        out,
        "# The built-in policy. A field that a policy leaves out has the value shown here; a list replaces the list shown here.\n\
         # docs/policy.md describes all fields.\n{policy}"
    )
}

fn check(files: &[PathBuf], out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    let mut code = crate::exit::SUCCESS;
    for (place, file) in files.iter().enumerate() {
        match read(file) {
            Ok(policy) => {
                if files.len() > 1 {
                    let gap = if place > 0 { "\n" } else { "" };
                    write!(out, "{gap}{}: ", input::name(file))?;
                }
                describe(&policy, out)?;
            }
            Err(errors) => {
                for error in errors {
                    writeln!(err, "error: {error}")?;
                }
                code = crate::exit::INVALID;
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
    of_text(file, input::read_text(file))
}

/// Reads a policy that is followed: its file is read again and again.
///
/// # Errors
/// As [`read`].
pub fn read_again(file: &Path) -> Result<Policy, Vec<String>> {
    of_text(file, input::read_again(file))
}

fn of_text(file: &Path, text: Result<String, String>) -> Result<Policy, Vec<String>> {
    let name = input::name(file);
    let text = text.map_err(|error| vec![format!("{name}: {error}")])?;
    document::parse(&text).map_err(|errors| {
        errors
            .into_iter()
            .map(|mut error| {
                error.message = printable(&error.message).into_owned();
                match error.place {
                    Some(_) => format!("{name}:{error}"),
                    None => format!("{name}: {error}"),
                }
            })
            .collect()
    })
}

fn describe(policy: &Policy, out: &mut dyn Write) -> io::Result<()> {
    let scope = &policy.scope;
    let names = |names: &[String]| printable(&names.join(", ")).into_owned();
    writeln!(out, "valid")?;
    let hint = match policy.mode {
        Mode::DryRun => ": nothing is written. To fail pods, set `mode: Enforce` under `spec`",
        Mode::Enforce | Mode::Warn | Mode::Off => "",
    };
    writeln!(out, "mode          {}{hint}", policy.mode.as_str())?;
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
            "\n{}: {action:?} after {attempts} {failures} and {duration}, for",
            printable(name)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn described(spec: &str) -> String {
        let head = "apiVersion: pullstop.dev/v1alpha1\nkind: ClusterPullFailurePolicy\nmetadata: {name: p}\n";
        let policy = document::parse(&format!("{head}spec: {spec}\n")).unwrap();
        let mut out = Vec::new();
        describe(&policy, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_policy_that_names_no_mode_is_plainly_a_dry_run() {
        let dry = "mode          DryRun: nothing is written. To fail pods, set `mode: Enforce` under `spec`\n";
        for spec in ["{}", "{mode: DryRun}"] {
            assert!(described(spec).contains(dry), "{}", described(spec));
        }
        let enforces = described("{mode: Enforce}");
        assert!(enforces.contains("mode          Enforce\n"), "{enforces}");
    }
}
