//! The report as `JUnit` XML, which CI systems show as test results.

use std::io::{self, Write};

use super::{Ran, Run};
use crate::report::junit::{self, Case, Suite};

pub(super) fn print(ran: &Ran<'_>, out: &mut dyn Write) -> io::Result<()> {
    let broken = ran.broken.iter().map(|error| Case {
        name: error.file.clone(),
        file: error.file.clone(),
        error: Some(error.to_string()),
        ..Case::default()
    });
    let suite = Suite {
        cases: ran.runs.iter().map(case).chain(broken).collect(),
        out: ran.mistakes().any().then(|| ran.mistakes().to_string()),
    };
    junit::print(&suite, out)
}

fn case(run: &Run<'_>) -> Case {
    let mistakes = run.outcome.mistakes();
    Case {
        name: format!("{} (seed {})", run.scenario.name, run.outcome.seed),
        file: run.file.clone(),
        ms: run.wall_ms,
        failure: failure(run),
        error: None,
        out: mistakes.any().then(|| mistakes.to_string()),
    }
}

fn failure(run: &Run<'_>) -> Option<(String, Vec<String>)> {
    let first = run.problems.first()?;
    let message = format!("expected {}, got {}", first.expected, first.got);
    let problems = run.problems.iter().map(|problem| {
        let place = problem
            .place
            .map_or_else(String::new, |(line, column)| format!(":{line}:{column}"));
        let (file, expected, got) = (&run.file, &problem.expected, &problem.got);
        format!("{file}{place}: expected {expected}, got {got}")
    });
    let repeat = format!("repeat with: {}", run.repeat);
    Some((message, problems.chain([repeat]).collect()))
}
