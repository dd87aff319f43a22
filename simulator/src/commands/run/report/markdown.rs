//! The report as a Markdown table, for a job summary or a pull request.

use std::io::{self, Write};

use pullstop_cluster::scenario::metric::{Count, Figure, Statistic, Timing};
use pullstop_core::time::Human;

use super::Ran;
use crate::report::markdown::cell;

pub(super) fn print(ran: &Ran<'_>, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "**{}", ran.tally())?;
    if ran.mistakes().any() {
        write!(out, "; {}", ran.mistakes())?;
    }
    writeln!(out, "**\n")?;
    writeln!(
        out,
        "| | scenario | seed | simulated | verdicts | false | missed | time to fail, p95 |"
    )?;
    writeln!(out, "|---|---|--:|--:|--:|--:|--:|--:|")?;
    for run in &ran.runs {
        let sign = run.outcome.mark().sign();
        let figures = &run.outcome.figures;
        let count = |what| figures.in_words(Figure::Count(what));
        let p95 = Figure::Timing(Timing::TimeToFail, Statistic::P95);
        let time = figures
            .get(p95)
            .map_or_else(|| "–".to_owned(), |_| figures.in_words(p95));
        writeln!(
            out,
            "| {sign} | {} | {} | {} | {} | {} | {} | {time} |",
            cell(&run.scenario.name),
            run.outcome.seed,
            Human(run.outcome.simulated),
            count(Count::Verdicts),
            count(Count::FalseFailures),
            count(Count::Missed),
        )?;
    }
    for run in ran.runs.iter().filter(|run| !run.outcome.passed()) {
        writeln!(out, "\n**{}**", cell(&run.scenario.name))?;
        for problem in &run.problems {
            writeln!(
                out,
                "- expected {}, got {}",
                cell(&problem.expected),
                cell(&problem.got)
            )?;
        }
        writeln!(out, "- repeat with `{}`", run.repeat)?;
    }
    if !ran.broken.is_empty() {
        writeln!(out, "\n**Invalid files**")?;
    }
    for error in ran.broken {
        writeln!(out, "- {}", cell(&error.to_string()))?;
    }
    Ok(())
}
