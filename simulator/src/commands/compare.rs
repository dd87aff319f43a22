//! `simulator compare`: runs the same scenarios under a policy and under the rules of other projects.
//!
//! The worlds are the same for all, down to each pull, until somebody fails a pod.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use pullstop_cluster::scenario::metric::{Count, Figure, Figures, Statistic, Timing, Waste};
use pullstop_cluster::simulation::Decider;
use pullstop_cluster::world::enforcer::baselines::Baseline;
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::input;
use crate::output::json_line;
use crate::runs::plan::parse_seeds;
use crate::runs::plan::{self, Plan};
use crate::runs::pool::{self, Options, Progress};

/// Compare a policy with the rules of other projects over the same scenarios.
///
/// For each policy, prints how many pods it failed although they would have run, how many it missed, how long it took
/// to fail a pod, and how many CPU and GPU hours were wasted meanwhile. Each baseline is named after the project whose
/// rules and defaults it follows.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  simulator compare scenarios
  simulator compare --policy policy.yaml --seeds 1..20 --output markdown scenarios")]
pub struct CompareArgs {
    /// Scenarios, or folders with scenarios; `-` for standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Policy to compare [default: the built-in policy]
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

/// One line of the table.
#[derive(Clone, Debug)]
struct Row {
    name: String,
    figures: Figures,
}

/// The columns: heading and figure.
const COLUMNS: [(&str, Figure); 7] = [
    ("false failures", Figure::Count(Count::FalseFailures)),
    ("missed", Figure::Count(Count::Missed)),
    ("failed rightly", Figure::Count(Count::Verdicts)),
    (
        "time to fail, p50",
        Figure::Timing(Timing::TimeToFail, Statistic::P50),
    ),
    (
        "time to fail, p95",
        Figure::Timing(Timing::TimeToFail, Statistic::P95),
    ),
    ("wasted CPU-hours", Figure::Waste(Waste::WastedCpuHours)),
    ("wasted GPU-hours", Figure::Waste(Waste::WastedGpuHours)),
];

/// Runs the command.
///
/// # Errors
/// On scenarios that cannot be read or are invalid.
pub fn run(
    args: &CompareArgs,
    shows_progress: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit, Failure> {
    let policy = args.policy.as_deref().map(Path::new);
    input::check_stdin(args.paths.iter().map(PathBuf::as_path).chain(policy))?;
    let seeds = args.seeds;
    let plan = plan::make(&args.paths, args.only.as_deref(), seeds);
    crate::runs::remark(&plan, err)?;
    if !plan.broken.is_empty() {
        // A table without some of them would look as if it told of all.
        return Err(plan.broken.into());
    }
    if plan.tasks.is_empty() {
        writeln!(err, "no scenario matches: nothing to run")?;
        return Ok(Exit::NothingMatched);
    }
    let ours = match &args.policy {
        None => Decider::Policy(Box::default()),
        some => crate::runs::decider(some.as_deref(), err)?,
    };
    let mut rows = Vec::new();
    let ours_name = args.policy.clone().unwrap_or_else(|| "pullstop".to_owned());
    let baselines =
        Baseline::ALL.map(|(baseline, name)| (name.to_owned(), Decider::Baseline(baseline)));
    for (name, decider) in [(ours_name, ours)].into_iter().chain(baselines) {
        let mut progress = Progress::new(shows_progress, err);
        let figures = total(&plan, &decider, args, &mut progress)?;
        rows.push(Row { name, figures });
    }
    match args.output {
        CompareOutput::Human => human(&rows, plan.tasks.len(), out)?,
        CompareOutput::Markdown => markdown(&rows, out)?,
        CompareOutput::Json => json_lines(&rows, out)?,
    }
    Ok(Exit::Success)
}

fn total(
    plan: &Plan,
    decider: &Decider,
    args: &CompareArgs,
    progress: &mut Progress<'_>,
) -> Result<Figures, Failure> {
    let options = Options {
        jobs: args.jobs,
        ..Options::default()
    };
    let mut figures = Figures::default();
    for ran in pool::run_all(plan, decider, options, progress)? {
        figures.add(&ran.outcome.figures);
    }
    // What was failed falsely is counted by itself.
    let falsely = figures.counts[Count::FalseFailures as usize];
    figures.counts[Count::Verdicts as usize] -= falsely;
    Ok(figures)
}

fn cell(figures: &Figures, figure: Figure) -> String {
    match (figures.get(figure), figure) {
        (None, _) => "–".to_owned(),
        // To the second and to the tenth of an hour: more is noise.
        (Some(ms), Figure::Timing(..)) => {
            pullstop_core::time::Human(std::time::Duration::from_secs(ms.div_ceil(1000)))
                .to_string()
        }
        (Some(milli), Figure::Waste(_)) => format!("{}.{}", milli / 1000, milli % 1000 / 100),
        (Some(count), Figure::Count(_)) => count.to_string(),
    }
}

fn human(rows: &[Row], runs: usize, out: &mut dyn Write) -> io::Result<()> {
    let names = rows
        .iter()
        .map(|row| row.name.chars().count())
        .max()
        .unwrap_or(0);
    write!(out, "{:<names$}", "")?;
    for (title, _) in COLUMNS {
        write!(out, "  {title:>17}")?;
    }
    writeln!(out)?;
    for row in rows {
        write!(out, "{:<names$}", row.name)?;
        for (_, figure) in COLUMNS {
            write!(out, "  {:>17}", cell(&row.figures, figure))?;
        }
        writeln!(out)?;
    }
    writeln!(out, "over {runs} runs each")
}

fn markdown(rows: &[Row], out: &mut dyn Write) -> io::Result<()> {
    let titles = COLUMNS.map(|(title, _)| title);
    writeln!(out, "| policy | {} |", titles.join(" | "))?;
    writeln!(out, "|---|{}", "--:|".repeat(COLUMNS.len()))?;
    for row in rows {
        let cells = COLUMNS.map(|(_, figure)| cell(&row.figures, figure));
        writeln!(out, "| `{}` | {} |", row.name, cells.join(" | "))?;
    }
    Ok(())
}

fn json_lines(rows: &[Row], out: &mut dyn Write) -> io::Result<()> {
    for row in rows {
        let ms = |statistic| {
            row.figures
                .get(Figure::Timing(Timing::TimeToFail, statistic))
        };
        let object = json!({
            "policy": row.name,
            "falseFailures": row.figures.get(Figure::Count(Count::FalseFailures)),
            "missed": row.figures.get(Figure::Count(Count::Missed)),
            "failedRightly": row.figures.get(Figure::Count(Count::Verdicts)),
            "timeToFailMilliseconds": {"p50": ms(Statistic::P50), "p95": ms(Statistic::P95)},
            "wastedCpuMillihours": row.figures.get(Figure::Waste(Waste::WastedCpuHours)),
            "wastedGpuMillihours": row.figures.get(Figure::Waste(Waste::WastedGpuHours)),
            "wastedPodMillihours": row.figures.get(Figure::Waste(Waste::WastedPodHours)),
        });
        json_line(out, &object)?;
    }
    Ok(())
}
