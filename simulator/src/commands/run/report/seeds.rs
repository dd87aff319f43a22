//! The report for people over many seeds: one line per scenario, and the first failed run.

use std::io::{self, Write};

use super::details::{details, remark, sign};
use super::{Ran, Run, total};
use crate::runs::mistakes::Mark;
use crate::style::{self, BOLD, DIM};

/// So many seeds are named; the rest is counted.
const SEEDS_MAX: usize = 10;

pub(super) fn print(ran: &Ran<'_>, width: usize, out: &mut dyn Write) -> io::Result<()> {
    for runs in ran.runs.chunk_by(|a, b| a.file == b.file) {
        let marks = runs.iter().map(|run| run.outcome.mark());
        let worst = marks.max().unwrap_or(Mark::Good);
        if ran.quiet && worst == Mark::Good {
            continue;
        }
        headline(runs, worst, width, out)?;
        if let Some(first) = runs.iter().find(|run| !run.outcome.passed()) {
            writeln!(out, "    {BOLD}with seed {}{BOLD:#}", first.outcome.seed)?;
            details(first, ran.explains, out)?;
        }
    }
    Ok(())
}

fn headline(runs: &[Run<'_>], worst: Mark, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let Some(first) = runs.first() else {
        return Ok(());
    };
    let name = style::one_line(&first.scenario.name);
    let (sign, count) = (sign(worst), runs.len());
    let what = if count == 1 { "run" } else { "runs" };
    write!(out, "{sign} {name:<width$}  {DIM}{count:>4} {what}{DIM:#}")?;
    let failed: Vec<u64> = runs
        .iter()
        .filter(|run| !run.outcome.passed())
        .map(|run| run.outcome.seed)
        .collect();
    if !failed.is_empty() {
        write!(out, ", {} failed: {}", failed.len(), seeds(&failed))?;
    }
    writeln!(out, "{}", remark(total(runs)))
}

/// `seeds 4, 17 and 12 more`.
fn seeds(all: &[u64]) -> String {
    let named = all.iter().take(SEEDS_MAX).map(u64::to_string);
    let named = named.collect::<Vec<_>>().join(", ");
    let what = if all.len() == 1 { "seed" } else { "seeds" };
    match all.len().saturating_sub(SEEDS_MAX) {
        0 => format!("{what} {named}"),
        more => format!("{what} {named} and {more} more"),
    }
}
