//! The report for people: one line per run, and what went wrong.

use std::io::{self, Write};

use pullstop_cluster::world::enforcer::coverage::Coverage;
use pullstop_core::time::Human;

use super::details::{details, remark, sign};
use super::{Ran, Run, seeds};
use crate::runs::mistakes::Mark;
use crate::style::{self, BAD, DIM, GOOD, UNSURE};

pub(super) fn print(ran: &Ran<'_>, out: &mut dyn Write) -> io::Result<()> {
    let width = ran
        .runs
        .iter()
        .map(|run| run.scenario.name.chars().count())
        .max()
        .unwrap_or(0);
    if ran.by_scenario {
        seeds::print(ran, width, out)?;
        return summary(ran, out);
    }
    for run in &ran.runs {
        if ran.quiet && run.outcome.mark() == Mark::Good {
            continue;
        }
        headline(run, width, out)?;
        details(run, ran.explains, out)?;
    }
    summary(ran, out)
}

fn headline(run: &Run<'_>, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let sign = sign(run.outcome.mark());
    let name = style::one_line(&run.scenario.name);
    let simulated = Human(run.outcome.simulated).to_string();
    writeln!(
        out,
        "{sign} {name:<width$}  {DIM}seed {:<4} {simulated:>8} in {} ms{DIM:#}{}",
        run.outcome.seed,
        run.wall_ms,
        remark(run.outcome.mistakes()),
    )
}

fn summary(ran: &Ran<'_>, out: &mut dyn Write) -> io::Result<()> {
    let is_good = ran.failed() == 0 && ran.broken.is_empty();
    let style = if is_good { GOOD } else { BAD };
    let simulated = Human(ran.runs.iter().map(|run| run.outcome.simulated).sum());
    let (coverage, mistakes) = (&ran.coverage, ran.mistakes());
    write!(out, "{style}{}{style:#}; ", ran.tally())?;
    if mistakes.any() {
        write!(out, "{UNSURE}{mistakes}{UNSURE:#}; ")?;
    }
    writeln!(
        out,
        "{simulated} of virtual time; {} of {} transitions and causes seen",
        coverage.count(),
        Coverage::TOTAL,
    )
}
