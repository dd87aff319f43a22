//! Reports: their formats, where they go, and what several commands write in the same way.

pub(crate) mod junit;
pub(crate) mod markdown;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::ValueEnum;

use crate::exit::Failure;
use crate::input;

/// A report and its destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportTo {
    /// The format.
    pub format: ReportFormat,
    /// The file; standard output if `None`.
    pub file: Option<PathBuf>,
}

/// The formats of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// Text for people
    Human,
    /// One JSON object per line
    Json,
    /// Test results for CI systems
    Junit,
    /// Annotations for GitHub Actions
    Github,
    /// Table for a job summary or a pull request
    Markdown,
}

/// Reads `FORMAT` or `FORMAT=FILE`.
///
/// # Errors
/// If the format is unknown, or the file has no name.
pub(crate) fn parse(text: &str) -> Result<ReportTo, String> {
    let (format, file) = text
        .split_once('=')
        .map_or((text, None), |(format, file)| (format, Some(file)));
    let format = ReportFormat::from_str(format, false)
        .map_err(|_| format!("`{format}` is none of human, json, junit, github, markdown"))?;
    if file == Some("") {
        return Err(format!(
            "`{text}` names no file: write `{text}report.txt`, or leave the `=` out"
        ));
    }
    let file = file.map(PathBuf::from);
    Ok(ReportTo { format, file })
}

/// Writes a report to where it belongs: to `out`, or without colours to its file.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn write(
    to: &ReportTo,
    out: &mut dyn Write,
    print: &dyn Fn(ReportFormat, &mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    let Some(file) = &to.file else {
        return Ok(print(to.format, out)?);
    };
    let mut text = Vec::new();
    print(to.format, &mut text)?;
    let text = anstream::adapter::strip_bytes(&text).into_vec();
    input::write(file, &text)?;
    Ok(())
}
