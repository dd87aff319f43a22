//! Files: reading, finding and writing them, with errors that name the place.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use pullstop_cluster::input_error::{InputError, Place, STDIN};
use pullstop_core::policy::{Policy, document};

/// The text of `file`, `-` being standard input.
///
/// # Errors
/// If it cannot be read or is not UTF-8.
pub fn read(file: &Path) -> Result<String, InputError> {
    let bytes = read_bytes(file).map_err(|error| unreadable(file, &error))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
        let place = Place {
            line: text.split('\n').count() as u64,
            column: 1 + text.rsplit('\n').next().unwrap_or_default().chars().count() as u64,
        };
        InputError::at(
            file,
            place,
            "this is not UTF-8 text: is the file damaged or compressed?",
        )
    })
}

/// Opens `file`, `-` being standard input, for those who read it piece by piece.
///
/// # Errors
/// If it cannot be opened.
#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this is the place where files are read"
)]
pub(crate) fn open(file: &Path) -> Result<Box<dyn BufRead>, InputError> {
    if file == Path::new(STDIN) {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    let opened = check(file).and_then(|()| std::fs::File::open(file));
    match opened {
        Ok(opened) => Ok(Box::new(std::io::BufReader::new(opened))),
        Err(error) => Err(unreadable(file, &error)),
    }
}

/// Why a file could not be read.
pub(crate) fn unreadable(file: &Path, error: &std::io::Error) -> InputError {
    let what = match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        std::io::ErrorKind::IsADirectory => "this is a folder: name the files in it".to_owned(),
        _ => format!("cannot read the file: {error}"),
    };
    InputError::about(file, what)
}

/// What is wrong, without the place that `serde_json` appends: it is relative to the line.
pub(crate) fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ")
        .map_or(text.as_str(), |(what, _)| what)
        .to_owned()
}

/// Checks that no more than one of `files` is standard input, which can be read only once.
///
/// # Errors
/// If several are.
pub fn check_stdin<'a>(files: impl IntoIterator<Item = &'a Path>) -> Result<(), InputError> {
    let stdin = Path::new(STDIN);
    if files.into_iter().filter(|file| *file == stdin).count() < 2 {
        return Ok(());
    }
    let what = "only one input can be standard input: give files for the others";
    Err(InputError::about(stdin, what))
}

/// The policy in `file`, or the built-in one.
///
/// # Errors
/// All that is wrong with the file.
pub fn policy(file: Option<&Path>) -> Result<Policy, Vec<InputError>> {
    let Some(file) = file else {
        return Ok(Policy::default());
    };
    let text = read(file).map_err(|error| vec![error])?;
    document::parse(&text).map_err(|errors| {
        let located = |error| InputError::of_document(file, error);
        errors.into_iter().map(located).collect()
    })
}

/// The YAML files in a folder and in those within it. A folder to which several links lead counts once.
///
/// # Errors
/// If it cannot be read, or a link in it leads back to where it lies.
pub fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>, InputError> {
    files_in(folder, &["yaml", "yml"], &mut BTreeMap::new())
}

/// The recordings in a folder and in those within it: files whose names end in `.jsonl` or `.json`.
///
/// # Errors
/// As [`yaml_files`].
pub(crate) fn recordings(folder: &Path) -> Result<Vec<PathBuf>, InputError> {
    let mut files = files_in(folder, &["jsonl", "json"], &mut BTreeMap::new())?;
    files.sort();
    Ok(files)
}

/// Of the folders that were `seen`, those that are still being gone through are marked.
fn files_in(
    folder: &Path,
    extensions: &[&str],
    seen: &mut BTreeMap<PathBuf, bool>,
) -> Result<Vec<PathBuf>, InputError> {
    let unreadable = |error: std::io::Error| {
        InputError::about(folder, format!("cannot read the folder: {error}"))
    };
    let real = folder.canonicalize().map_err(unreadable)?;
    match seen.insert(real.clone(), true) {
        None => {}
        Some(true) => {
            let message = "this link leads back to a folder that contains it: remove the link";
            return Err(InputError::about(folder, message));
        }
        Some(false) => {
            seen.insert(real, false);
            return Ok(Vec::new());
        }
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            files.extend(files_in(&path, extensions, seen)?);
        } else if path
            .extension()
            .is_some_and(|end| extensions.iter().any(|one| end == *one))
        {
            files.push(path);
        }
    }
    seen.insert(real, false);
    Ok(files)
}

/// Writes a file, and the folders that it lies in.
///
/// # Errors
/// If that cannot be done.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the place where files are written"
)]
pub fn write(file: &Path, bytes: &[u8]) -> Result<(), InputError> {
    let folder = file.parent().map_or(Ok(()), std::fs::create_dir_all);
    folder
        .and_then(|()| std::fs::write(file, bytes))
        .map_err(|error| InputError::about(file, format!("cannot write the file: {error}")))
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the place where files are read"
)]
fn read_bytes(file: &Path) -> std::io::Result<Vec<u8>> {
    if file == Path::new(STDIN) {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    check(file)?;
    std::fs::read(file)
}

/// Whether the file can be read without waiting for somebody: a named pipe to which nobody writes, a terminal or a device
/// would be waited for without end. Of pipes those are read that the shell makes, as in `<(kubectl get …)`.
fn check(file: &Path) -> std::io::Result<()> {
    const DESCRIPTORS: [&str; 3] = ["/dev/fd", "/proc/self/fd", "/dev/stdin"];
    let what = std::fs::metadata(file)?.file_type();
    let is_shells = DESCRIPTORS.iter().any(|folder| file.starts_with(folder));
    let refusal = if what.is_fifo() && !is_shells {
        "it is a named pipe, which may never end: use a file"
    } else if what.is_char_device() || what.is_block_device() {
        "it is a device: use a file"
    } else if what.is_socket() {
        "it is a socket: use a file"
    } else {
        return Ok(());
    };
    Err(std::io::Error::other(refusal))
}
