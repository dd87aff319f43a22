//! The table: what a policy and the rules of other projects measure.

use std::io::{self, Write};

use pullstop_cluster::scenario::metric::{Count, Figure, Figures, Statistic, Timing, Waste};
use pullstop_cluster::simulation::Decider;
use pullstop_cluster::world::enforcer::baselines::Baseline;
use serde_json::json;

use super::{CompareArgs, CompareOutput};
use crate::exit::{Exit, Failure};
use crate::output::json_line;
use crate::runs::plan::Plan;
use crate::runs::pool::{self, Options, Progress};

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

/// Runs everything under all of them, and prints the table.
pub(super) fn run(
    plan: &Plan,
    args: &CompareArgs,
    shows_progress: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit, Failure> {
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
        let figures = total(plan, &decider, args, &mut progress)?;
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
