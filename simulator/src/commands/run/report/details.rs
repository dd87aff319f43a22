//! One run for people: its sign, its problems, and the history of a pod.

use std::io::{self, Write};

use super::Run;
use crate::runs::mistakes::{Mark, Mistakes};
use crate::runs::story::{self, Story};
use crate::style::{self, BAD, BOLD, DIM, GOOD, UNSURE};

/// So many problems of one run are told; the rest is counted.
const PROBLEMS_MAX: usize = 10;
/// So many lines before things went wrong are told.
const LINES_MAX: usize = 24;

/// What went wrong, and what happened until then.
pub(super) fn details(run: &Run<'_>, explains: bool, out: &mut dyn Write) -> io::Result<()> {
    problems(run, out)?;
    for story in run.stories {
        tell(story, explains, out)?;
    }
    if run.outcome.passed() {
        return Ok(());
    }
    writeln!(out, "    {DIM}repeat with:{DIM:#} {}", run.repeat)
}

/// The sign, in its colour.
pub(super) fn sign(mark: Mark) -> String {
    let style = match mark {
        Mark::Good => GOOD,
        Mark::Doubtful => UNSURE,
        Mark::Bad => BAD,
    };
    format!("{style}{}{style:#}", mark.sign())
}

/// What is added to a line on runs with mistakes.
pub(super) fn remark(mistakes: Mistakes) -> String {
    if mistakes.any() {
        format!("  {UNSURE}{mistakes}{UNSURE:#}")
    } else {
        String::new()
    }
}

fn problems(run: &Run<'_>, out: &mut dyn Write) -> io::Result<()> {
    for problem in run.problems.iter().take(PROBLEMS_MAX) {
        let place = problem
            .place
            .map_or_else(String::new, |(line, column)| format!(":{line}:{column}"));
        writeln!(out, "    {BOLD}{}{place}{BOLD:#}", run.file)?;
        writeln!(out, "      expected {}", problem.expected)?;
        writeln!(out, "      got      {}", problem.got)?;
    }
    match run.problems.len().saturating_sub(PROBLEMS_MAX) {
        0 => Ok(()),
        more => writeln!(out, "    and {more} more"),
    }
}

fn tell(story: &Story, explains: bool, out: &mut dyn Write) -> io::Result<()> {
    let skipped = if explains {
        0
    } else {
        story.lines.len().saturating_sub(LINES_MAX)
    };
    let until = if explains {
        ""
    } else {
        ", until the first problem"
    };
    writeln!(out, "    {BOLD}{}{BOLD:#}{until}:", story.pod)?;
    if skipped > 0 {
        writeln!(out, "    {DIM}{:>12}  {skipped} lines before{DIM:#}", "…")?;
    }
    for line in &story.lines[skipped..] {
        writeln!(out, "    {}", style::one_line(&story::print(line)))?;
        for said in line.trail.iter().filter(|_| explains) {
            writeln!(
                out,
                "    {DIM}{:>12}  {}{DIM:#}",
                "",
                style::one_line(&said.to_string())
            )?;
        }
    }
    Ok(())
}
