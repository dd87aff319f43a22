//! `simulator sweep`: finds the thresholds that fit a set of scenarios.

pub mod args;
mod human;
pub mod merge;
mod plan;

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use pullstop_cluster::input_error::InputError;
use pullstop_core::policy::document;

use self::args::{SweepArgs, SweepOutput};
use crate::exit::{Exit, Failure};
use crate::input;
use crate::output::json_line;
use crate::runs::pool::Progress;
use crate::sweep::results::Results;
use crate::sweep::summarize::summarize;
use crate::sweep::summary::Summary;
use crate::sweep::{Step, Sweep, rows, same_runs};

/// Runs the command.
///
/// # Errors
/// On invalid arguments, scenarios that cannot be read, and results that cannot be written.
pub fn run(
    args: &SweepArgs,
    shows_progress: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit, Failure> {
    let Some(sweep) = plan::sweep(args, err)? else {
        writeln!(err, "no scenario matches: nothing to run")?;
        return Ok(Exit::NothingMatched);
    };
    let mut results = open(args, &sweep)?;
    let totals = {
        let mut progress = Progress::new(shows_progress, err);
        let mut clock = Clock::default();
        let mut step = |step: Step| {
            let left = clock.left(step);
            progress
                .show(format_args!("{} of {} units, {left}", step.done, step.of))
                .map_err(|error| InputError::about(Path::new("-"), error.to_string()))
        };
        let totals = sweep.run(&mut results, args.jobs, &mut step)?;
        progress.clear()?;
        totals
    };
    if args.shard.is_some() {
        writeln!(err, "this part is done: `simulator merge` joins the parts")?;
        return Ok(Exit::Success);
    }
    let command = command(args);
    let (mut summary, recommended) = summarize(&sweep, &totals, &results, command)?;
    if let Some(number) = recommended {
        summary.same_runs = same_runs::of(&sweep, number, args.jobs)?;
    }
    let policy = recommended.map(|number| policy_text(&sweep, &summary, number));
    if let Some(folder) = args.out.as_ref().or(args.resume.as_ref()) {
        write_reports(folder, &sweep, &summary, policy.as_deref())?;
    }
    match args.output {
        SweepOutput::Human => human::write(&sweep, &summary, out)?,
        SweepOutput::Json => json_line(out, &summary)?,
        SweepOutput::Html => out.write_all(page(&summary).as_bytes())?,
        SweepOutput::Policy => out.write_all(policy.unwrap_or_default().as_bytes())?,
    }
    Ok(Exit::Success)
}

fn open(args: &SweepArgs, sweep: &Sweep) -> Result<Results, InputError> {
    let plan = plan::describe(sweep, args.shard);
    match (&args.out, &args.resume) {
        (Some(folder), _) => Results::create(folder, &plan),
        (None, Some(folder)) => Results::resume(folder, &plan),
        (None, None) => Ok(Results::memory()),
    }
}

/// The command that gives the same result again.
fn command(args: &SweepArgs) -> String {
    let mut command = "simulator sweep".to_owned();
    let mut add = |flag: &str, value: &str| {
        let quote = if value.contains([' ', '*']) { "'" } else { "" };
        let _ = write!(command, "{flag} {quote}{value}{quote}");
    };
    for path in &args.paths {
        add("", &path.display().to_string());
    }
    for knob in &args.knobs {
        let values: Vec<String> = (0..knob.values.len())
            .map(|value| knob.label(value))
            .collect();
        add(" --knob", &format!("{}={}", knob.path, values.join(",")));
    }
    if let Some(policy) = &args.policy {
        add(" --policy", &policy.display().to_string());
    }
    if let Some((first, last)) = args.seeds {
        add(" --seeds", &format!("{first}..{last}"));
    }
    if let Some(only) = &args.only {
        add(" --only", only);
    }
    for constraint in &args.constraints {
        add(" --constraint", &constraint.text);
    }
    if let Some((x, y)) = args.trade {
        add(" --trade", &format!("{x},{y}"));
    }
    if let Some(search) = args.search {
        add(" --search", &search.to_string());
    }
    command
}

/// The recommended policy as a file.
fn policy_text(sweep: &Sweep, summary: &Summary, number: usize) -> String {
    let candidate = &sweep.candidates[number];
    let mut comment = vec![
        format!("Found by {}", summary.command),
        format!(
            "(version {}), as policy {number} of {}.",
            summary.version,
            sweep.candidates.len()
        ),
    ];
    comment.extend(summary.reasons.iter().cloned());
    comment.push("A policy is enforced only with `mode: Enforce`.".to_owned());
    let comment = format!("# {}\n", comment.join("\n# "));
    comment + &document::to_yaml(&candidate.policy, "recommended")
}

fn write_reports(
    folder: &Path,
    sweep: &Sweep,
    summary: &Summary,
    policy: Option<&str>,
) -> Result<(), Failure> {
    let mut json = Vec::new();
    json_line(&mut json, summary)?;
    input::write(&folder.join("report.json"), &json)?;
    input::write(&folder.join("report.html"), page(summary).as_bytes())?;
    input::write(&folder.join("policies.csv"), policies(sweep).as_bytes())?;
    if let Some(policy) = policy {
        input::write(&folder.join("policy.yaml"), policy.as_bytes())?;
    }
    Ok(())
}

/// Which number in `rows.csv` is which policy.
fn policies(sweep: &Sweep) -> String {
    let mut text = "policy".to_owned();
    for knob in &sweep.knobs {
        let _ = write!(text, ",{}", rows::field(&knob.path));
    }
    for (number, candidate) in sweep.candidates.iter().enumerate() {
        let _ = write!(text, "\n{number}");
        for (knob, value) in sweep.knobs.iter().zip(&candidate.values) {
            let _ = write!(text, ",{}", rows::field(&knob.label(*value)));
        }
    }
    text.push('\n');
    text
}

fn page(summary: &Summary) -> String {
    crate::sweep::page::render(summary)
}

/// How long the rest may take.
#[derive(Default)]
#[expect(
    clippy::disallowed_types,
    reason = "the time left is told to people and decides nothing"
)]
struct Clock(Option<(std::time::Instant, usize)>);

#[expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the time left is told to people and decides nothing"
)]
impl Clock {
    fn left(&mut self, step: Step) -> String {
        let now = std::time::Instant::now();
        let (began, first) = *self.0.get_or_insert((now, step.done));
        let done = u32::try_from(step.done - first).unwrap_or(u32::MAX);
        let rest = u32::try_from(step.of - step.done).unwrap_or(u32::MAX);
        match now.duration_since(began).checked_div(done) {
            None => "just begun".to_owned(),
            Some(each) => format!("{} s left", (each * rest).as_secs()),
        }
    }
}
