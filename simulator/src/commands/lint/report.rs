//! Prints findings as text, JSON or GitHub annotations.

use std::io::{self, Write};

use serde_json::json;

use super::Finding;
use super::args::LintOutput;
use crate::github::{data, property};
use crate::output::json_line;
use crate::style::{self, BAD, BOLD, DIM, GOOD, UNSURE};

/// Prints what was found in so many files.
pub(super) fn print(
    output: LintOutput,
    findings: &[Finding],
    files: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    match output {
        LintOutput::Human => human(findings, files, out),
        LintOutput::Json => json_lines(findings, out),
        LintOutput::Github => github(findings, files, out),
    }
}

fn human(findings: &[Finding], files: usize, out: &mut dyn Write) -> io::Result<()> {
    for finding in findings {
        let style = if finding.is_denied { BAD } else { UNSURE };
        let (rule, message) = (finding.rule, style::one_line(&finding.message));
        writeln!(
            out,
            "{BOLD}{}{BOLD:#}: {style}{} {}{style:#}: {message}",
            where_it_is(finding),
            rule.code,
            rule.name,
        )?;
        writeln!(out, "    {DIM}{}{DIM:#}", rule.help)?;
    }
    let style = if findings.is_empty() { GOOD } else { UNSURE };
    writeln!(out, "{style}{}{style:#}", summary(findings, files))?;
    if let Some(first) = findings.first() {
        let code = first.rule.code;
        writeln!(
            out,
            "{DIM}`simulator lint --explain {code}` explains the rule; `# lint: allow {code} because …` in the file allows it{DIM:#}"
        )?;
    }
    Ok(())
}

fn json_lines(findings: &[Finding], out: &mut dyn Write) -> io::Result<()> {
    for finding in findings {
        let object = json!({
            "file": finding.file.display().to_string(),
            "line": finding.place.map(|(line, _)| line),
            "column": finding.place.map(|(_, column)| column),
            "code": finding.rule.code,
            "name": finding.rule.name,
            "message": finding.message,
            "help": finding.rule.help,
            "denied": finding.is_denied,
        });
        json_line(out, &object)?;
    }
    Ok(())
}

fn github(findings: &[Finding], files: usize, out: &mut dyn Write) -> io::Result<()> {
    for finding in findings {
        let level = if finding.is_denied {
            "error"
        } else {
            "warning"
        };
        let (line, column) = finding.place.unwrap_or((1, 1));
        writeln!(
            out,
            "::{level} file={},line={line},col={column},title={}::{}",
            property(&finding.file.display().to_string()),
            property(&format!("{} {}", finding.rule.code, finding.rule.name)),
            data(&format!("{}\n{}", finding.message, finding.rule.help)),
        )?;
    }
    let text = data(&summary(findings, files));
    writeln!(out, "::notice title=simulator lint::{text}")
}

fn where_it_is(finding: &Finding) -> String {
    let file = finding.file.display().to_string();
    let file = style::one_line(&file);
    match finding.place {
        Some((line, column)) => format!("{file}:{line}:{column}"),
        None => file.into_owned(),
    }
}

/// Such as `3 findings in 2 of 5 scenarios`.
fn summary(findings: &[Finding], files: usize) -> String {
    let mut in_files: Vec<_> = findings.iter().map(|finding| &finding.file).collect();
    in_files.dedup();
    let scenarios = if files == 1 { "scenario" } else { "scenarios" };
    match findings.len() {
        0 => format!("no findings in {files} {scenarios}"),
        1 => format!("1 finding in 1 of {files} {scenarios}"),
        many => format!(
            "{many} findings in {} of {files} {scenarios}",
            in_files.len()
        ),
    }
}
