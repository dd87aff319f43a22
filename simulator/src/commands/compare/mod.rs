//! `simulator compare`: runs the same scenarios under a policy and under the rules of other projects, or under two policies.
//!
//! The worlds are the same for all, down to each pull, until somebody fails a pod.

mod first;
mod paired;
mod report;
mod table;

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use pullstop_cluster::input_error::{InputError, STDIN};
use pullstop_cluster::scenario::kind;
use pullstop_core::policy::document::{CLUSTER_KIND, NAMESPACED_KIND};

use crate::exit::{Exit, Failure};
use crate::input;
use crate::runs::plan::parse_seeds;
use crate::runs::{is_policy_name, plan};

/// Compare policies over the same scenarios: one with the rules of other projects, or two with each other.
///
/// With scenarios only, prints for a policy and for each baseline how many pods it failed although they would have run, how
/// many it missed, how long it took to fail a pod, and how many CPU and GPU hours were wasted meanwhile. Each baseline is
/// named after the project whose rules and defaults it follows.
///
/// With two policies among the arguments, compares these: by how much each measure differs and whether that is more than
/// chance, in which scenarios they differ, and the first moment at which they do. A policy is a file, `built-in`, or the
/// name of a baseline, such as `oracle`, which knows the future.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  simulator compare scenarios
  simulator compare --policy policy.yaml --seeds 1..20 --output markdown scenarios
  simulator compare old.yaml new.yaml --seeds 1..20 scenarios
  simulator compare built-in oracle scenarios/outages")]
pub struct CompareArgs {
    /// Scenarios, or folders with scenarios, `-` for standard input; and two policies, to compare only these
    #[arg(required = true, value_name = "PATH|POLICY")]
    pub paths: Vec<PathBuf>,
    /// Policy to compare with the baselines [default: the built-in policy]
    #[arg(long, value_name = "FILE")]
    pub policy: Option<String>,
    /// Seeds from A to B for each scenario, both included [default: the scenario's own seed]
    #[arg(long, value_name = "A..B", value_parser = parse_seeds)]
    pub seeds: Option<(u64, u64)>,
    /// Only scenarios whose name or path matches; `*` stands for any text
    #[arg(long, value_name = "GLOB")]
    pub only: Option<String>,
    /// Number of parallel runs [default: the number of processors]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Output format
    #[arg(long, short, value_enum, default_value_t = CompareOutput::Human)]
    pub output: CompareOutput,
}

/// Output formats of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompareOutput {
    /// Table for people
    Human,
    /// Table for documents
    Markdown,
    /// One JSON object per line
    Json,
}

/// Runs the command.
///
/// # Errors
/// On scenarios and policies that cannot be read or are invalid.
pub fn run(
    args: &CompareArgs,
    shows_progress: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit, Failure> {
    let policy = args.policy.as_deref().map(Path::new);
    input::check_stdin(args.paths.iter().map(PathBuf::as_path).chain(policy))?;
    let (policies, paths): (Vec<PathBuf>, Vec<PathBuf>) =
        args.paths.iter().cloned().partition(|path| is_policy(path));
    let names: Vec<String> = policies
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let pair = match (&names[..], &args.policy) {
        ([], _) => None,
        ([first, second], None) => Some([first.as_str(), second.as_str()]),
        ([one, ..], _) => return Err(not_two(one, names.len(), args.policy.is_some()).into()),
    };
    let plan = plan::make(&paths, args.only.as_deref(), args.seeds);
    crate::runs::remark(&plan, err)?;
    if !plan.broken.is_empty() {
        // A table without some of them would look as if it told of all.
        return Err(plan.broken.into());
    }
    if plan.tasks.is_empty() {
        writeln!(err, "no scenario matches: nothing to run")?;
        return Ok(Exit::NothingMatched);
    }
    match pair {
        None => table::run(&plan, args, shows_progress, out, err),
        Some(pair) => {
            let compared = paired::run(&plan, pair, args.jobs, shows_progress, err)?;
            report::print(&compared, args.output, out)?;
            Ok(Exit::Success)
        }
    }
}

/// Whether the argument is a policy: the name of one, unless there is such a file, or a file that says that it is one.
fn is_policy(path: &Path) -> bool {
    if !path.exists() {
        return path.to_str().is_some_and(is_policy_name);
    }
    if path.is_dir() || path == Path::new(STDIN) {
        return false;
    }
    let kind = input::read(path)
        .ok()
        .and_then(|text| kind::other(&text)?.kind);
    kind.is_some_and(|kind| kind == CLUSTER_KIND || kind == NAMESPACED_KIND)
}

fn not_two(first: &str, count: usize, has_flag: bool) -> InputError {
    let what = match (count, has_flag) {
        (1, true) => "this is a policy, and `--policy` names another: name both without the flag".to_owned(),
        (_, true) => "with two policies among the arguments there is nothing for `--policy` to name".to_owned(),
        (1, false) => "this is a policy: name another to compare it with, or give it as `--policy` to compare it with \
                       the baselines"
            .to_owned(),
        (many, false) => format!("this is one of {many} policies: two can be compared"),
    };
    InputError::about(Path::new(first), what)
}
