//! What the tests across the crates share: running the programs in-process, golden files, the repository's own files.

mod files;
mod golden;

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
pub use files::files;
pub use golden::{diff, golden, golden_part};
use pullstop_simulator::Args;

/// What a command printed, and the code it ended with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// The exit code.
    pub code: u8,
}

/// Runs `simulator` with these arguments; paths are relative to the repository's root.
///
/// # Panics
/// If the arguments are not understood.
#[expect(clippy::panic, reason = "called by tests only")]
pub fn simulator(args: &[&str]) -> Ran {
    let all = std::iter::once("simulator").chain(args.iter().copied());
    let args = Args::try_parse_from(all).unwrap_or_else(|error| panic!("{error}"));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = match pullstop_simulator::run(&args, &mut Plain(&mut out), &mut Plain(&mut err)) {
        Ok(exit) => exit.code(),
        Err(failure) => {
            err.extend_from_slice(failure.to_string().as_bytes());
            failure.exit().code()
        }
    };
    Ran {
        out: text(&out),
        err: text(&err),
        code,
    }
}

/// Runs `enforcer` with these arguments.
///
/// # Panics
/// If the arguments are not understood.
#[expect(clippy::panic, clippy::unwrap_used, reason = "called by tests only")]
pub fn enforcer(args: &[&str]) -> Ran {
    let all = std::iter::once("enforcer").chain(args.iter().copied());
    let args = pullstop_enforcer::Args::try_parse_from(all).unwrap_or_else(|e| panic!("{e}"));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = pullstop_enforcer::run(&args, &mut Plain(&mut out), &mut Plain(&mut err)).unwrap();
    Ran {
        out: text(&out),
        err: text(&err),
        code,
    }
}

/// Whether a program takes these arguments: the error that it prints if not.
///
/// # Errors
/// If the program or one of its arguments is unknown.
pub fn takes(program: &str, args: &[String]) -> Result<(), String> {
    let all = std::iter::once(program).chain(args.iter().map(String::as_str));
    match program {
        "simulator" => Args::try_parse_from(all).map(drop),
        "enforcer" => pullstop_enforcer::Args::try_parse_from(all).map(drop),
        other => return Err(format!("there is no program `{other}`")),
    }
    .map_err(|error| error.to_string())
}

/// Builds the programs, as `demo.sh` does; returns the folder in which they are.
///
/// # Panics
/// If they cannot be built.
#[expect(clippy::unwrap_used, reason = "called by tests only")]
pub fn programs() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    let built = outside_of_cargo(&mut cargo)
        .current_dir(root())
        .args(["build", "--quiet", "--locked", "--workspace", "--bins"])
        .args(["--profile", "test"])
        .status();
    assert!(built.unwrap().success(), "the programs cannot be built");
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join("debug")
}

/// Leaves the variables out that Cargo sets for a test about its package: some crates, such as ring, are compiled again
/// wherever they differ.
pub fn outside_of_cargo(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command
}

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A file's path as the simulator is to be told.
pub fn path(relative: &str) -> String {
    root().join(relative).display().to_string()
}

/// The recordings, sorted by name.
///
/// # Panics
/// If there is no folder of recordings.
#[expect(clippy::unwrap_used, reason = "called by tests only")]
pub fn traces() -> Vec<String> {
    let folder = std::fs::read_dir(root().join("tests/traces")).unwrap();
    let names = folder.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names
        .filter_map(|name| name.strip_suffix(".jsonl").map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// Takes the colours out, as a pipe or `NO_COLOR` does.
struct Plain<'a>(&'a mut Vec<u8>);

impl std::io::Write for Plain<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut escaped = false;
        for byte in bytes {
            match (escaped, byte) {
                (false, 0x1b) => escaped = true,
                (true, b'm') => escaped = false,
                (true, _) => {}
                (false, byte) => self.0.push(*byte),
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace(&format!("{}/", root().display()), "")
}
