//! Errors in files that people write, with file, line and column.

use std::fmt;
use std::path::Path;

use pullstop_core::text::printable;
use pullstop_core::yaml::DocumentError;

/// What stands for standard input on the command line.
pub const STDIN: &str = "-";

/// Something wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputError {
    /// The file, as it was named.
    pub file: String,
    /// Line and column, both from 1, where there is one.
    pub place: Option<Place>,
    /// What is wrong and what to do.
    pub message: String,
}

impl InputError {
    /// An error at `place` of `file`.
    pub fn at(file: &Path, place: Place, message: impl Into<String>) -> Self {
        Self {
            file: name(file),
            place: Some(place),
            message: message.into(),
        }
    }

    /// An error about `file` as a whole.
    pub fn about(file: &Path, message: impl Into<String>) -> Self {
        Self {
            file: name(file),
            place: None,
            message: message.into(),
        }
    }

    /// An error in the document that stands in `file`.
    pub fn of_document(file: &Path, error: DocumentError) -> Self {
        match error.place {
            Some((line, column)) => Self::at(file, Place { line, column }, error.message),
            None => Self::about(file, error.message),
        }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.file))?;
        if let Some(place) = self.place {
            write!(f, ":{place}")?;
        }
        let message = printable(&self.message);
        match message.char_indices().nth(LENGTH_MAX) {
            Some((end, _)) => write!(f, ": {}…", &message[..end]),
            None => write!(f, ": {message}"),
        }
    }
}

impl std::error::Error for InputError {}

/// What stands in a file may be long; a list of all causes fits.
const LENGTH_MAX: usize = 600;

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// From 1.
    pub line: u64,
    /// From 1, in characters.
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

fn name(file: &Path) -> String {
    if file == Path::new(STDIN) {
        "<stdin>".to_owned()
    } else {
        file.display().to_string()
    }
}
