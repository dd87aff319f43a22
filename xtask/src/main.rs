//! `cargo xtask`: what developers and CI do with the repository.

mod checks;
mod tasks;

use std::process::{Command, ExitCode};
use std::time::Instant;

const USAGE: &str = "\
cargo xtask TASK [ARGUMENT...]

  check   format, clippy, documentation, each crate alone, the dependencies of the core
  test    all tests, by cargo-nextest where it is installed; arguments go to it, or else to `cargo test`
  bless   rewrite the golden files and everything that is generated; then read the diff
  gen     rewrite only what is generated: schemas, CRDs, the pages and tables in the documentation
  browser the page of a sweep in Chromium: drawn, by pointer and by keyboard, with 10,000 points
  bench   the benchmarks; arguments go to `cargo bench`
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let done = match task.as_str() {
        "check" => checks::check(),
        "test" => tasks::test(&rest),
        "bless" => tasks::bless(),
        "gen" => tasks::generate(),
        "browser" => tasks::browser(),
        "bench" => tasks::bench(&rest),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Why a task has failed.
type Error = String;

/// Cargo with these arguments, separated by spaces; always by the versions of `Cargo.lock`.
fn cargo(arguments: &str) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments.split_whitespace());
    cargo
}

/// Runs a command to its end, and says which it was and how long it took.
///
/// # Errors
/// If it cannot be started, or does not succeed.
fn run(command: &mut Command) -> Result<(), Error> {
    let line = shown(command);
    println!("\n==> {line}");
    let start = Instant::now();
    let status = command
        .status()
        .map_err(|error| format!("{line}: {error}"))?;
    if !status.success() {
        return Err(format!("failed: {line}"));
    }
    println!("==> ok, {} s: {line}", start.elapsed().as_secs());
    Ok(())
}

/// What a command prints.
///
/// # Errors
/// If it cannot be started, or does not succeed.
fn output(command: &mut Command) -> Result<String, Error> {
    let line = shown(command);
    let ran = command
        .output()
        .map_err(|error| format!("{line}: {error}"))?;
    if !ran.status.success() {
        let said = String::from_utf8_lossy(&ran.stderr);
        return Err(format!("failed: {line}\n{said}"));
    }
    Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
}

/// A command as one would type it.
fn shown(command: &Command) -> String {
    let words = command.get_args().map(|word| word.to_string_lossy());
    let line = words.fold("cargo".to_owned(), |line, word| line + " " + &word);
    let variables = command.get_envs().filter_map(|(name, value)| {
        let value = value?.to_string_lossy();
        let quote = if value.contains(' ') { "\"" } else { "" };
        Some(format!("{}={quote}{value}{quote} ", name.to_string_lossy()))
    });
    variables.collect::<String>() + &line
}
