//! `JUnit` XML, which CI systems show as test results.

use std::borrow::Cow;
use std::io::{self, Write};

/// All cases of a report.
#[derive(Debug, Default)]
pub(crate) struct Suite {
    pub(crate) cases: Vec<Case>,
    /// What is said of all of them.
    pub(crate) out: Option<String>,
}

/// One test.
#[derive(Debug, Default)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) ms: u128,
    /// In one line, and in several.
    pub(crate) failure: Option<(String, Vec<String>)>,
    /// Why it could not be run.
    pub(crate) error: Option<String>,
    /// What else is said of it.
    pub(crate) out: Option<String>,
}

/// Writes the report.
pub(crate) fn print(suite: &Suite, out: &mut dyn Write) -> io::Result<()> {
    let all = suite.cases.len();
    let count = |is: fn(&Case) -> bool| suite.cases.iter().filter(|case| is(case)).count();
    let failed = count(|case| case.failure.is_some());
    let errors = count(|case| case.error.is_some());
    let time = seconds(suite.cases.iter().map(|case| case.ms).sum());
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    let counts = format!(r#"tests="{all}" failures="{failed}" errors="{errors}" time="{time}""#);
    writeln!(out, "<testsuites {counts}>")?;
    writeln!(out, r#"  <testsuite name="simulator" {counts}>"#)?;
    for case in &suite.cases {
        print_case(case, out)?;
    }
    if let Some(said) = &suite.out {
        writeln!(out, "    <system-out>{}</system-out>", escape(said))?;
    }
    writeln!(out, "  </testsuite>\n</testsuites>")
}

fn print_case(case: &Case, out: &mut dyn Write) -> io::Result<()> {
    let (name, file, time) = (escape(&case.name), escape(&case.file), seconds(case.ms));
    write!(
        out,
        r#"    <testcase name="{name}" classname="{file}" file="{file}" time="{time}""#
    )?;
    if case.failure.is_none() && case.error.is_none() && case.out.is_none() {
        return writeln!(out, "/>");
    }
    writeln!(out, ">")?;
    if let Some(error) = &case.error {
        writeln!(out, "      <error message=\"{}\"/>", escape(error))?;
    }
    if let Some((message, lines)) = &case.failure {
        writeln!(out, "      <failure message=\"{}\">", escape(message))?;
        for line in lines {
            writeln!(out, "{}", escape(line))?;
        }
        writeln!(out, "      </failure>")?;
    }
    if let Some(said) = &case.out {
        writeln!(out, "      <system-out>{}</system-out>", escape(said))?;
    }
    writeln!(out, "    </testcase>")
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
