//! GitHub's workflow commands: annotations on the lines of the scenarios.

use std::io::{self, Write};

use super::Ran;
use crate::github::{data, property};

pub(super) fn print(ran: &Ran<'_>, out: &mut dyn Write) -> io::Result<()> {
    for run in &ran.runs {
        for problem in &run.problems {
            let (line, column) = problem.place.unwrap_or((1, 1));
            let title = property(&format!(
                "{} (seed {})",
                run.scenario.name, run.outcome.seed
            ));
            let text = data(&format!(
                "expected {}\ngot {}\nrepeat with: {}",
                problem.expected, problem.got, run.repeat
            ));
            writeln!(
                out,
                "::error file={},line={line},col={column},title={title}::{text}",
                property(&run.file)
            )?;
        }
    }
    let (all, failed) = (ran.runs.len(), ran.failed());
    writeln!(
        out,
        "::notice title=simulator::{all} runs, {} passed, {failed} failed",
        all - failed
    )
}
