//! `simulator classify`: prints the causes of error messages.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Parser;
use pullstop_cluster::input_error::{InputError, Place};
use pullstop_core::cause::Permanence;
use pullstop_core::classify::{Classification, Classifier};
use serde::{Deserialize, Serialize};

use super::options::Output;
use crate::exit::{Exit, Failure};
use crate::input::{self, without_place};
use crate::output::json_line;
use crate::style;

/// Say why image pulls failed, from their error messages.
///
/// Reads one message per line. A line is plain text, as in a pod's status, an event or a kubelet log, or a JSON object
/// {"reason": "…", "message": "…"}, where the reason is the container's waiting reason.
///
/// For each message, in order, prints the cause, the kind of failure and the text that decided it. A failure is
/// permanent (waiting cannot help), transient (waiting can help) or ambiguous (the text does not tell).
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  simulator classify messages.txt
  kubectl get pod mypod -o jsonpath='{range ..waiting}{.message}{\"\\n\"}{end}' | simulator classify")]
pub struct ClassifyArgs {
    /// File with messages, `-` for standard input
    #[arg(default_value = "-")]
    pub file: PathBuf,
    /// Policy whose own message patterns are tried first
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Output format
    #[arg(long, short, value_enum, default_value_t = Output::Human)]
    pub output: Output,
}

/// Runs the command.
///
/// # Errors
/// On input that cannot be read.
pub fn run(args: &ClassifyArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let files = [&args.file].into_iter().chain(&args.policy);
    input::check_stdin(files.map(PathBuf::as_path))?;
    let policy = input::policy(args.policy.as_deref())?;
    let classifier = Classifier::new(&policy.patterns)
        .map_err(|error| InputError::about(&args.file, error.to_string()))?;
    let text = input::read(&args.file)?;
    let text = text.trim_start_matches('\u{feff}');
    let messages = messages(&args.file, text)?;
    for Message { reason, message } in &messages {
        let classification = classifier.classify(reason, message);
        match args.output {
            Output::Human => print(&classification, out)?,
            Output::Json => print_json(&classification, out)?,
        }
    }
    Ok(if messages.is_empty() {
        Exit::NothingMatched
    } else {
        Exit::Success
    })
}

#[derive(Debug, PartialEq, Eq)]
struct Message {
    reason: String,
    message: String,
}

/// A line that is a JSON object; other members, of a container's state say, do no harm.
#[derive(Deserialize)]
struct MessageObject {
    reason: Option<String>,
    message: Option<String>,
}

#[derive(Serialize)]
struct Row<'a> {
    cause: &'a str,
    permanence: &'a str,
    matched: Option<&'a str>,
}

fn messages(file: &Path, text: &str) -> Result<Vec<Message>, InputError> {
    (1..)
        .zip(text.lines())
        .map(|(number, line)| message(file, number, line))
        .collect()
}

fn message(file: &Path, number: u64, line: &str) -> Result<Message, InputError> {
    if !line.trim_start().starts_with('{') {
        return Ok(Message {
            reason: String::new(),
            message: line.to_owned(),
        });
    }
    let object: MessageObject = serde_json::from_str(line).map_err(|error| {
        let place = Place {
            line: number,
            column: column(line, error.column()),
        };
        InputError::at(
            file,
            place,
            format!(
                "this line is not a valid JSON object ({}): expected text, or \
                 {{\"reason\": \"…\", \"message\": \"…\"}}",
                without_place(&error)
            ),
        )
    })?;
    if object.reason.is_none() && object.message.is_none() {
        let place = Place {
            line: number,
            column: 1,
        };
        return Err(InputError::at(
            file,
            place,
            "this object has neither `reason` nor `message`: expected at least one of them",
        ));
    }
    Ok(Message {
        reason: object.reason.unwrap_or_default(),
        message: object.message.unwrap_or_default(),
    })
}

/// The column in characters of what `serde_json` counts in bytes.
fn column(line: &str, bytes: usize) -> u64 {
    let before = line.get(..bytes.saturating_sub(1)).unwrap_or(line);
    1 + before.chars().count() as u64
}

fn print(classification: &Classification<'_>, out: &mut dyn Write) -> std::io::Result<()> {
    let Classification {
        cause,
        permanence,
        matched,
        ..
    } = classification;
    let style = match permanence {
        Permanence::Permanent => style::BAD,
        Permanence::Transient => style::GOOD,
        Permanence::Ambiguous => style::UNSURE,
    };
    write!(out, "{cause:<26}{style}{permanence:<11}{style:#}")?;
    if matched.is_empty() {
        writeln!(out, "{}no known pattern{:#}", style::DIM, style::DIM)
    } else {
        writeln!(out, "\"{}\"", style::one_line(matched))
    }
}

fn print_json(classification: &Classification<'_>, out: &mut dyn Write) -> std::io::Result<()> {
    let row = Row {
        cause: classification.cause.as_str(),
        permanence: classification.permanence.as_str(),
        matched: Some(classification.matched).filter(|matched| !matched.is_empty()),
    };
    json_line(out, &row)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Message>, String> {
        messages(Path::new("m.txt"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn text_and_objects_mix() {
        let both =
            read("boom: x\n{\"reason\": \"ErrImagePull\", \"message\": \"y\", \"more\": 1}\n");
        let expected = [("", "boom: x"), ("ErrImagePull", "y")].map(|(reason, message)| Message {
            reason: reason.into(),
            message: message.into(),
        });
        assert_eq!(both.unwrap(), expected);
    }

    #[test]
    fn what_is_no_object_has_its_place() {
        for (text, says) in [
            (
                "ok\n{\"message\": }",
                "m.txt:2:13: this line is not a valid JSON object (expected value)",
            ),
            ("{}", "m.txt:1:1: this object has neither"),
            ("{\"message\": 5}", "m.txt:1:13: this line is not"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(says), "{error}");
        }
    }
}
