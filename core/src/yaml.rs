//! Shared code of all readers and writers of YAML: places, clear errors, and suggestions for mistyped names.
//!
//! A document is read into raw types whose values are [`Spanned`], and checked by hand from there: so all that is
//! wrong with its values is said at once, each with its place.

mod write;

use std::fmt;
use std::time::Duration;

use erased_serde::Deserializer;
use serde::de::{DeserializeOwned, Error};
use serde_saphyr::{Location, Spanned};

pub use self::write::{duration, list, quoted};
use crate::suggest;
use crate::time::parse_duration;

/// Something wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentError {
    /// Line and column, both from 1, where they are known.
    pub place: Option<(u64, u64)>,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.place {
            write!(f, "{line}:{column}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for DocumentError {}

/// Reads the raw types of a document; `noun` is what errors call it, such as `policy`. No error suggests a name of `old_names`,
/// which are read for the sake of older documents.
///
/// # Errors
/// The first thing that is wrong with its structure.
#[expect(
    clippy::missing_panics_doc,
    reason = "only if the parser calls nothing"
)]
pub fn read<T: DeserializeOwned>(
    noun: &str,
    text: &str,
    old_names: &[&str],
) -> Result<T, DocumentError> {
    let mut value = None;
    with_deserializer(text, &mut |deserializer| {
        value = Some(erased_serde::deserialize(deserializer)?);
        Ok(())
    })
    .map_err(|error| of_yaml(noun, &error, old_names))?;
    Ok(value.expect("what is read without an error has a value"))
}

/// What reads a type, of which this does not know which.
type Reader<'a> = dyn FnMut(&mut dyn Deserializer<'_>) -> Result<(), erased_serde::Error> + 'a;

/// The parser is large, and generic over what it reads: so it is compiled once, and not for every type of a document.
fn with_deserializer(text: &str, read: &mut Reader<'_>) -> Result<(), serde_saphyr::Error> {
    serde_saphyr::with_deserializer_from_str(text, |deserializer| {
        let mut erased = <dyn Deserializer<'_>>::erase(deserializer);
        read(&mut erased).map_err(Error::custom)
    })
}

/// Collects what is wrong while a document is gone through.
#[derive(Debug, Default)]
pub struct Check {
    errors: Vec<DocumentError>,
}

impl Check {
    /// Nothing was wrong so far.
    pub const fn is_fine(&self) -> bool {
        self.errors.is_empty()
    }

    /// Something is wrong with this value.
    pub fn error<T>(&mut self, at: &Spanned<T>, message: impl Into<String>) {
        self.add(place_of(at.referenced), message);
    }

    /// Something is wrong at this place.
    pub fn add(&mut self, place: Option<(u64, u64)>, message: impl Into<String>) {
        let message = message.into();
        self.errors.push(DocumentError { place, message });
    }

    /// The text must be one of these names.
    pub fn one_of(&mut self, what: &str, text: &Spanned<String>, names: &[&str]) {
        let choices: Vec<(&str, ())> = names.iter().map(|name| (*name, ())).collect();
        let _ = self.choice(what, text, &choices);
    }

    /// What the name stands for.
    pub fn choice<T: Copy>(
        &mut self,
        what: &str,
        text: &Spanned<String>,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let found = choices
            .iter()
            .find(|(name, _)| *name == text.value)
            .map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let hint = suggest::hint(&text.value, &names);
            self.error(text, format!("unknown {what} `{}`: {hint}", text.value));
        }
        found
    }

    /// The text must be a duration.
    pub fn duration(&mut self, text: &Spanned<String>) -> Option<Duration> {
        parse_duration(&text.value)
            .map_err(|error| self.error(text, error.to_string()))
            .ok()
    }

    /// The value, if nothing was wrong.
    ///
    /// # Errors
    /// All that was wrong, in the order of the text.
    pub fn finish<T>(mut self, value: T) -> Result<T, Vec<DocumentError>> {
        if self.errors.is_empty() {
            return Ok(value);
        }
        self.errors.sort_by_key(|error| error.place);
        Err(self.errors)
    }
}

/// Line and column, if they are known.
pub fn place_of(location: Location) -> Option<(u64, u64)> {
    (location != Location::UNKNOWN).then(|| (location.line(), location.column()))
}

/// A DNS label, which is what Kubernetes wants many names to be.
pub fn is_label(name: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=63).contains(&name.len())
        && name.bytes().all(|b| word(b) || b == b'-')
        && name.bytes().next().is_some_and(word)
        && name.bytes().last().is_some_and(word)
}

fn of_yaml(noun: &str, error: &serde_saphyr::Error, old_names: &[&str]) -> DocumentError {
    let plain = serde_saphyr::render_options! { snippets: serde_saphyr::SnippetMode::Off };
    let message = error.render_with_options(plain);
    DocumentError {
        place: first_place(&message).or_else(|| error.location().and_then(place_of)),
        message: in_plain_words(noun, &message, old_names),
    }
}

/// The place that is named first: an error that has passed an erased type is only a text, to which all that the value
/// stands in adds its own place.
fn first_place(message: &str) -> Option<(u64, u64)> {
    let (_, rest) = message.split_once(" at line ")?;
    let (line, rest) = rest.split_once(", column ")?;
    let column = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

/// The parser's words, without the place that is given anyway and without advice for programmers.
fn in_plain_words(noun: &str, message: &str, old_names: &[&str]) -> String {
    const WORDS: [(&str, &str); 13] = [
        (
            "multiple YAML documents",
            "a {noun} is one document: remove what follows the line `---`",
        ),
        (
            "unexpected end of input",
            "the {noun} is empty or ends too early",
        ),
        (
            "expected mapping start",
            "expected members, as in `name: value`",
        ),
        (
            "expected sequence start",
            "expected a list, as in `[one, two]`",
        ),
        (
            "expected string scalar",
            "expected a single value, not a list or members",
        ),
        ("invalid u32", "expected a whole number, 1 or more"),
        ("invalid u8", "expected a whole number from 1 to 255"),
        (
            "cannot deserialize null",
            "expected a text, and there is none",
        ),
        (
            "recursive references",
            "an alias cannot stand for what it stands in",
        ),
        (
            "budget breached",
            "the {noun} is too large or repeats itself too often",
        ),
        (
            "tabs disallowed",
            "a tab, where YAML allows spaces only: indent with spaces",
        ),
        (
            "span-aware newtype wrapper",
            "expected a plain value: take the tag that begins with `!` away",
        ),
        (
            "unknown anchor",
            "an alias of an anchor that was not set before: write `&name` at the value that `*name` is to repeat",
        ),
    ];
    if let Some((_, plain)) = WORDS.iter().find(|(begin, _)| message.contains(begin)) {
        return plain.replace("{noun}", noun);
    }
    let message = message.split(" at line ").next().unwrap_or(message);
    if let Some((field, known)) = message
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split_once("`, expected one of "))
    {
        let known = known.split(", ");
        let known: Vec<&str> = known
            .filter(|name| !old_names.contains(&name.trim_matches('`')))
            .collect();
        return format!("unknown field `{field}`: {}", suggest::hint(field, &known));
    }
    if let Some((_, expected)) = message
        .strip_prefix("invalid type: ")
        .and_then(|rest| rest.split_once(", expected "))
    {
        return format!("expected {expected}");
    }
    match message.split_once(", set DuplicateKeyPolicy") {
        Some((twice, _)) => format!("{twice}: remove one of the two"),
        None => message.to_owned(),
    }
}
