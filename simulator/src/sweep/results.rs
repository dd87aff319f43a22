//! Where a sweep's rows go: a folder that outlives the program, or memory.
//!
//! The folder has the sweep's plan and its rows. Rows are only ever appended, unit by unit, so what is there after a
//! kill is a beginning of the whole, and perhaps a torn unit behind it, which is cut off and done again.

#![expect(
    clippy::disallowed_types,
    reason = "rows are appended to a file that stays open"
)]

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use pullstop_cluster::input_error::InputError;

use super::rows::HEADER;
use crate::input;

/// The file with the rows.
pub const ROWS: &str = "rows.csv";
/// The file that says which sweep it is.
pub const PLAN: &str = "sweep.json";

/// The rows of a sweep, as far as they are known.
#[derive(Debug)]
pub enum Results {
    /// In memory.
    Memory(Vec<u8>),
    /// In a folder.
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Its file of rows, open at its end.
        rows: File,
    },
}

impl Results {
    /// Rows that are kept in memory.
    pub fn memory() -> Self {
        Self::Memory(HEADER.as_bytes().to_vec())
    }

    /// Begins a new sweep in a folder.
    ///
    /// # Errors
    /// If there is another sweep already, or the folder cannot be written to.
    pub fn create(folder: &Path, plan: &str) -> Result<Self, InputError> {
        let file = folder.join(PLAN);
        if file.exists() {
            let what = "this folder has the results of a sweep: name another one, or go on with `--resume`";
            return Err(InputError::about(folder, what));
        }
        // Rows of a sweep whose plan is missing were never begun.
        input::write(&folder.join(ROWS), HEADER.as_bytes())?;
        input::write(&file, plan.as_bytes())?;
        Self::open(folder)
    }

    /// Goes on with the sweep in a folder.
    ///
    /// # Errors
    /// If there is none, or it is not this one.
    pub fn resume(folder: &Path, plan: &str) -> Result<Self, InputError> {
        let file = folder.join(PLAN);
        if !file.exists() {
            // The program was killed before it had begun.
            return Self::create(folder, plan);
        }
        if input::read(&file)? != plan {
            let what = "this is another sweep: its policies, scenarios, seeds or version differ; \
                        begin a new one with `--out`";
            return Err(InputError::about(&file, what));
        }
        Self::open(folder)
    }

    fn open(folder: &Path) -> Result<Self, InputError> {
        let path = folder.join(ROWS);
        let rows = OpenOptions::new().read(true).append(true).open(&path);
        let rows = rows.map_err(|error| {
            InputError::about(&path, format!("cannot open the results: {error}"))
        })?;
        let folder = folder.to_owned();
        Ok(Self::Folder { folder, rows })
    }

    /// Reads the rows from their beginning, behind the header.
    ///
    /// # Errors
    /// If they cannot be read, or are no rows of a sweep.
    pub fn reader(&self) -> Result<Reader<'_>, InputError> {
        let reader = match self {
            Self::Memory(bytes) => Reader::new(Box::new(&bytes[..]), Path::new(ROWS)),
            Self::Folder { folder, rows } => {
                let rows = rows.try_clone().and_then(|mut rows| {
                    rows.seek(SeekFrom::Start(0))?;
                    Ok(rows)
                });
                let rows = rows.map_err(|error| unreadable(folder, &error))?;
                Reader::new(Box::new(BufReader::new(rows)), &folder.join(ROWS))
            }
        };
        reader.behind_header()
    }

    /// Forgets what is behind the first `length` bytes.
    ///
    /// # Errors
    /// If that cannot be done.
    pub fn truncate(&mut self, length: usize) -> Result<(), InputError> {
        match self {
            Self::Memory(bytes) => bytes.truncate(length),
            Self::Folder { folder, rows } => rows
                .set_len(length as u64)
                .map_err(|error| unreadable(folder, &error))?,
        }
        Ok(())
    }

    /// Adds rows.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn append(&mut self, text: &str) -> Result<(), InputError> {
        match self {
            Self::Memory(bytes) => bytes.extend_from_slice(text.as_bytes()),
            Self::Folder { folder, rows } => {
                let written = rows.write_all(text.as_bytes());
                written.map_err(|error| {
                    let what = format!("cannot write the results: {error}");
                    InputError::about(&folder.join(ROWS), what)
                })?;
            }
        }
        Ok(())
    }
}

/// Reads rows, whole lines at a time.
pub struct Reader<'a> {
    from: Box<dyn BufRead + 'a>,
    file: PathBuf,
    /// How many bytes were read.
    pub read: usize,
}

impl Reader<'static> {
    /// The rows in a folder.
    ///
    /// # Errors
    /// If they cannot be read, or are no rows of a sweep.
    pub fn open(folder: &Path) -> Result<Self, InputError> {
        let rows = File::open(folder.join(ROWS)).map_err(|error| unreadable(folder, &error))?;
        Self::new(Box::new(BufReader::new(rows)), &folder.join(ROWS)).behind_header()
    }
}

impl<'a> Reader<'a> {
    fn new(from: Box<dyn BufRead + 'a>, file: &Path) -> Self {
        let file = file.to_owned();
        Self {
            from,
            file,
            read: 0,
        }
    }

    fn behind_header(mut self) -> Result<Self, InputError> {
        match self.lines(1)? {
            Some(header) if header == HEADER => Ok(self),
            _ => {
                let what = "these are no results of this version's sweeps";
                Err(InputError::about(&self.file, what))
            }
        }
    }

    /// The next so many lines with their ends; `None` if there are fewer.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn lines(&mut self, count: usize) -> Result<Option<String>, InputError> {
        let mut text = String::new();
        for _ in 0..count {
            let read = self.from.read_line(&mut text);
            let read = read.map_err(|error| {
                InputError::about(&self.file, format!("cannot read the results: {error}"))
            })?;
            if read == 0 || !text.ends_with('\n') {
                return Ok(None);
            }
        }
        self.read += text.len();
        Ok(Some(text))
    }
}

fn unreadable(folder: &Path, error: &io::Error) -> InputError {
    InputError::about(
        &folder.join(ROWS),
        format!("cannot read the results: {error}"),
    )
}
