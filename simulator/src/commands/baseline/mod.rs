//! `simulator baseline`: keeps what scenarios measure in a file, and fails when it becomes worse.

pub mod args;
mod paths;
mod report;
mod why;

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use pullstop_cluster::input_error::{InputError, Place};
use pullstop_cluster::simulation::Decider;

use self::args::{BaselineArgs, BaselineCommand, CheckArgs, WriteArgs};
use self::paths::Home;
use self::report::Report;
use crate::baseline::compare::{Change, compare};
use crate::baseline::{Arguments, Baseline, Run, document};
use crate::exit::{Exit, Failure};
use crate::input;
use crate::runs::plan::parse_seeds;
use crate::runs::plan::{self, Plan};
use crate::runs::pool::{self, Options, Progress};
use crate::runs::{decider, is_policy_name, remark};

/// Runs the command.
///
/// # Errors
/// On baselines, scenarios and policies that cannot be read or are invalid, and when a file cannot be written.
pub fn run(
    args: &BaselineArgs,
    shows_progress: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit, Failure> {
    match &args.command {
        BaselineCommand::Write(args) => write(args, shows_progress, out, err),
        BaselineCommand::Check(args) => check(args, shows_progress, out, err),
    }
}

fn write(
    args: &WriteArgs,
    shows_progress: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit, Failure> {
    let home = Home::of(&args.file)?;
    let arguments = if args.paths.is_empty() {
        let (old, _) = read(&args.file)?;
        Arguments {
            seeds: args.seeds.or(old.arguments.seeds),
            policy: stored_policy(args.policy.as_deref(), &home)?.or(old.arguments.policy),
            ..old.arguments
        }
    } else {
        let paths = args.paths.iter().map(|path| home.stored(path));
        Arguments {
            paths: paths.collect::<Result<_, _>>()?,
            seeds: args.seeds,
            policy: stored_policy(args.policy.as_deref(), &home)?,
        }
    };
    let measured = measure(&arguments, &[], &home, args.jobs, shows_progress, err)?;
    if measured.runs.is_empty() {
        writeln!(err, "no scenario found: nothing to measure")?;
        return Ok(Exit::NothingMatched);
    }
    let baseline = Baseline::of(arguments, &measured.runs);
    input::write(&args.file, document::write(&baseline).as_bytes())?;
    let (scenarios, runs) = (baseline.scenarios.len(), measured.runs.len());
    writeln!(
        out,
        "wrote {}: {scenarios} scenarios, {runs} runs",
        args.file.display()
    )?;
    if baseline
        .arguments
        .seeds
        .is_none_or(|(first, last)| first == last)
    {
        writeln!(
            err,
            "note: one seed says nothing about chance, so that no tolerance is known: give --seeds 1..5"
        )?;
    }
    Ok(Exit::Success)
}

fn check(
    args: &CheckArgs,
    shows_progress: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit, Failure> {
    let (baseline, text) = read(&args.file)?;
    let home = Home::of(&args.file)?;
    let measured = measure(
        &baseline.arguments,
        &args.paths,
        &home,
        args.jobs,
        shows_progress,
        err,
    )?;
    let mut findings =
        compare(&baseline, &measured.runs).map_err(|gone| outdated(&args.file, &text, &gone))?;
    // From here on people read of files, who know them by the paths from where they are.
    let why = findings
        .worse
        .iter()
        .map(|change| measured.why(change, &home));
    let why = why.collect();
    let named = |file: &str| home.named(file).display().to_string();
    let lists = [
        &mut findings.worse,
        &mut findings.better,
        &mut findings.other,
        &mut findings.within,
    ];
    for most in lists
        .into_iter()
        .flatten()
        .filter_map(|change| change.most.as_mut())
    {
        most.file = named(&most.file);
    }
    findings.new.iter_mut().for_each(|file| *file = named(file));
    let report = Report {
        file: args.file.display().to_string(),
        scenarios: baseline.scenarios.len(),
        runs: measured.runs.len(),
        findings,
        why,
    };
    for to in &args.output {
        crate::report::write(to, out, &|format, out| report::print(&report, format, out))?;
    }
    Ok(if report.findings.worse.is_empty() {
        Exit::Success
    } else {
        Exit::ExpectationFailed
    })
}

/// What was run, and what it measured.
struct Measured {
    plan: Plan,
    decider: Decider,
    /// As the command line names it.
    policy: Option<String>,
    /// With the scenarios' files as the baseline has them, in the order of the plan's tasks.
    runs: Vec<Run>,
}

/// Runs what the arguments say; `paths` take the place of theirs, if there are any.
fn measure(
    arguments: &Arguments,
    paths: &[PathBuf],
    home: &Home,
    jobs: Option<NonZeroUsize>,
    shows_progress: bool,
    err: &mut dyn Write,
) -> Result<Measured, Failure> {
    let policy = arguments.policy.as_ref().map(|policy| {
        if is_policy_name(policy) {
            policy.clone()
        } else {
            home.named(policy).display().to_string()
        }
    });
    let decider = decider(policy.as_deref(), err)?;
    let own: Vec<PathBuf> = arguments
        .paths
        .iter()
        .map(|path| home.named(path))
        .collect();
    let paths = if paths.is_empty() { &own } else { paths };
    let plan = plan::make(paths, None, arguments.seeds);
    remark(&plan, err)?;
    if !plan.broken.is_empty() {
        // Without some of them the numbers would be others.
        return Err(plan.broken.into());
    }
    let options = Options {
        jobs,
        ..Options::default()
    };
    let mut progress = Progress::new(shows_progress, err);
    let ran = if plan.tasks.is_empty() {
        Vec::new()
    } else {
        pool::run_all(&plan, &decider, options, &mut progress)?
    };
    let files = plan
        .scenarios
        .iter()
        .map(|loaded| home.stored(&loaded.file));
    let files: Vec<String> = files.collect::<Result<_, _>>()?;
    let runs = plan.tasks.iter().zip(&ran);
    let runs = runs.map(|(task, ran)| Run::of(files[task.scenario].clone(), &ran.outcome));
    let runs = runs.collect();
    Ok(Measured {
        plan,
        decider,
        policy,
        runs,
    })
}

impl Measured {
    fn why(&self, change: &Change, home: &Home) -> Option<String> {
        let mut most = change.most.clone()?;
        let place = self.runs.iter().position(|run| run.file == most.file)?;
        let loaded = &self.plan.scenarios[self.plan.tasks[place].scenario];
        most.file = home.named(&most.file).display().to_string();
        let policy = self.policy.as_deref();
        Some(why::command(
            change.metric,
            &most,
            &loaded.scenario,
            &self.decider,
            policy,
        ))
    }
}

/// The policy as the file has it.
fn stored_policy(policy: Option<&str>, home: &Home) -> Result<Option<String>, InputError> {
    match policy {
        Some(policy) if !is_policy_name(policy) => home.stored(Path::new(policy)).map(Some),
        named => Ok(named.map(str::to_owned)),
    }
}

/// The baseline in a file, and its text.
fn read(file: &Path) -> Result<(Baseline, String), Failure> {
    let text = input::read(file)?;
    let baseline = document::read(&text, &parse_seeds).map_err(|errors| -> Failure {
        let located = |error| InputError::of_document(file, error);
        errors.into_iter().map(located).collect::<Vec<_>>().into()
    })?;
    Ok((baseline, text))
}

/// Scenarios of the baseline are gone.
fn outdated(file: &Path, text: &str, gone: &[String]) -> Failure {
    let name = file.display();
    let error = |scenario: &String| {
        let message = format!(
            "the scenario `{scenario}` is not there any more: if that is right, write the baseline again with \
             `simulator baseline write {name}`"
        );
        match document::line_of(text, scenario) {
            Some(line) => InputError::at(file, Place { line, column: 3 }, message),
            None => InputError::about(file, message),
        }
    };
    gone.iter().map(error).collect::<Vec<_>>().into()
}
