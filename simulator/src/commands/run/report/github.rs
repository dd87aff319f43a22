//! The report as annotations for GitHub Actions.

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
    for run in ran.runs.iter().filter(|run| run.outcome.mistakes().any()) {
        let mistakes = run.outcome.mistakes();
        let title = format!("{} (seed {})", run.scenario.name, run.outcome.seed);
        let (file, title) = (property(&run.file), property(&title));
        writeln!(out, "::warning file={file},title={title}::{mistakes}")?;
    }
    for error in ran.broken {
        let file = property(&error.file);
        let place = error.place.map_or_else(String::new, |place| {
            format!(",line={},col={}", place.line, place.column)
        });
        let text = data(&error.message);
        writeln!(
            out,
            "::error file={file}{place},title=invalid scenario::{text}"
        )?;
    }
    write!(out, "::notice title=simulator::{}", ran.tally())?;
    if ran.mistakes().any() {
        write!(out, "; {}", ran.mistakes())?;
    }
    writeln!(out)
}
