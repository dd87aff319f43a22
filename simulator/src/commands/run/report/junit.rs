//! The report as `JUnit` XML, which CI systems show as test results.

use std::borrow::Cow;
use std::io::{self, Write};

use super::{Ran, Run};

pub(super) fn print(ran: &Ran<'_>, out: &mut dyn Write) -> io::Result<()> {
    let (failed, errors) = (ran.failed(), ran.broken.len());
    let all = ran.runs.len() + errors;
    let total_ms = ran.runs.iter().map(|run| run.wall_ms).sum();
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    let time = seconds(total_ms);
    writeln!(
        out,
        r#"<testsuites tests="{all}" failures="{failed}" errors="{errors}" time="{time}">"#
    )?;
    writeln!(
        out,
        r#"  <testsuite name="simulator" tests="{all}" failures="{failed}" errors="{errors}" time="{time}">"#
    )?;
    for run in &ran.runs {
        case(run, out)?;
    }
    for error in ran.broken {
        let (file, text) = (escape(&error.file), error.to_string());
        writeln!(
            out,
            "    <testcase name=\"{file}\" classname=\"{file}\" file=\"{file}\" time=\"0.000\">\n      \
             <error message=\"{}\"/>\n    </testcase>",
            escape(&text)
        )?;
    }
    if ran.mistakes().any() {
        writeln!(out, "    <system-out>{}</system-out>", ran.mistakes())?;
    }
    writeln!(out, "  </testsuite>\n</testsuites>")
}

fn case(run: &Run<'_>, out: &mut dyn Write) -> io::Result<()> {
    let name = escape(&run.scenario.name);
    let (seed, file, time) = (run.outcome.seed, escape(&run.file), seconds(run.wall_ms));
    write!(
        out,
        r#"    <testcase name="{name} (seed {seed})" classname="{file}" file="{file}" time="{time}""#
    )?;
    let mistakes = run.outcome.mistakes();
    if run.problems.is_empty() && !mistakes.any() {
        return writeln!(out, "/>");
    }
    writeln!(out, ">")?;
    failure(run, out)?;
    if mistakes.any() {
        writeln!(out, "      <system-out>{mistakes}</system-out>")?;
    }
    writeln!(out, "    </testcase>")
}

fn failure(run: &Run<'_>, out: &mut dyn Write) -> io::Result<()> {
    let Some(first) = run.problems.first() else {
        return Ok(());
    };
    let message = escape(&format!("expected {}, got {}", first.expected, first.got)).into_owned();
    writeln!(out, "      <failure message=\"{message}\">")?;
    for problem in &run.problems {
        let place = problem
            .place
            .map_or_else(String::new, |(line, column)| format!(":{line}:{column}"));
        let text = format!(
            "{}{place}: expected {}, got {}",
            run.file, problem.expected, problem.got
        );
        writeln!(out, "{}", escape(&text))?;
    }
    writeln!(out, "repeat with: {}", escape(&run.repeat))?;
    writeln!(out, "      </failure>")
}

fn seconds(ms: u128) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['<', '>', '&', '"', '\'']) && !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}
