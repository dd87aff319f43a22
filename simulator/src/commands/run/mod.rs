//! `simulator run`: runs scenarios and checks what they expect.
//!
//! ```text
//! paths ─ plan ─▶ runs ─ pool ─▶ outcomes ─ report ─▶ out
//! ```

pub mod args;
mod report;

use std::io::Write;
use std::path::{Path, PathBuf};

use pullstop_cluster::world::enforcer::coverage::Coverage;

use self::args::RunArgs;
use crate::exit::{Exit, Failure};
use crate::input;
use crate::runs::plan::{self, Plan, Task};
use crate::runs::pool::{self, Options, Progress, Ran};
use crate::runs::{decider, remark};

/// Runs the command.
///
/// # Errors
/// On scenarios that cannot be read or are invalid, and when a report cannot be written.
pub fn run(
    args: &RunArgs,
    shows_progress: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit, Failure> {
    let policy = args.policy.as_deref().map(Path::new);
    input::check_stdin(args.paths.iter().map(PathBuf::as_path).chain(policy))?;
    let decider = decider(args.policy.as_deref(), err)?;
    let seeds = args.seeds.or_else(|| args.seed.map(|seed| (seed, seed)));
    let plan = plan::make(&args.paths, args.only.as_deref(), seeds);
    remark(&plan, err)?;
    if !plan.broken.is_empty() && (args.fail_fast || plan.tasks.is_empty()) {
        return Err(plan.broken.into());
    }
    if plan.tasks.is_empty() {
        writeln!(err, "no scenario matches: nothing to run")?;
        return Ok(Exit::NothingMatched);
    }
    let options = Options {
        jobs: args.jobs,
        twice: args.check_determinism,
        fail_fast: args.fail_fast,
        tells: true,
        explain: args.explain.as_deref(),
    };
    let ran = pool::run_all(
        &plan,
        &decider,
        options,
        &mut Progress::new(shows_progress && !args.quiet, err),
    )?;
    let all = report::Ran::new(args, &plan, &decider, &ran);
    for to in &args.output {
        report::write(&all, to, out)?;
    }
    out.flush()?;
    if let Some(pattern) = &args.explain
        && ran.iter().all(|ran| ran.stories.is_empty())
    {
        writeln!(err, "note: no pod matches `{pattern}`")?;
    }
    judge(args, &plan, &ran, err)
}

/// The exit code, and why it is not 0 where the reports do not say so.
fn judge(args: &RunArgs, plan: &Plan, ran: &[Ran], err: &mut dyn Write) -> Result<Exit, Failure> {
    for (task, ran) in plan
        .tasks
        .iter()
        .zip(ran)
        .filter(|(_, ran)| ran.is_nondeterministic)
    {
        let Task { scenario, .. } = task;
        let name = &plan.scenarios[*scenario].scenario.name;
        writeln!(
            err,
            "error: `{name}` with seed {} is not deterministic: the second run differed",
            ran.outcome.seed
        )?;
    }
    for error in &plan.broken {
        writeln!(err, "error: {error}")?;
    }
    if ran.iter().any(|ran| ran.is_nondeterministic) {
        return Ok(Exit::Internal);
    }
    if !plan.broken.is_empty() {
        return Ok(Exit::InvalidInput);
    }
    let mut coverage = Coverage::default();
    for ran in ran {
        coverage.add(&ran.outcome.coverage);
    }
    let wanted = args.coverage_threshold.map_or(0, usize::from);
    if coverage.percent() < wanted {
        let missing: Vec<_> = coverage.missing().collect();
        let percent = coverage.percent();
        writeln!(
            err,
            "error: the runs cover {percent} % of the engine's transitions and causes, less than {wanted} %; missing: {}",
            missing.join(", ")
        )?;
        return Ok(Exit::ExpectationFailed);
    }
    Ok(if ran.iter().all(|ran| ran.outcome.passed()) {
        Exit::Success
    } else {
        Exit::ExpectationFailed
    })
}
