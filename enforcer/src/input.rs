//! The only module that opens files, and refuses those that could block the program.
//!
//! Reading a named pipe without a writer, a terminal or a device could block forever. What a path leads to is
//! looked at first: nothing but files is opened, and of pipes those that the shell makes, as in `<(kubectl get …)`, whose
//! other end is there. (The simulator has the same rule in its own `input`: the core, which they share, opens no files.)

use std::fs::{self, FileType};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use pullstop_core::text::printable;

/// What stands for standard input on the command line.
pub const STDIN: &str = "-";

/// No input is larger: 20 times the pods of a cluster as large as Kubernetes supports would be.
const BYTES_MAX: u64 = 4 << 30;

/// Where the shell's pipes are.
const DESCRIPTORS: [&str; 3] = ["/dev/fd", "/proc/self/fd", "/dev/stdin"];

/// What errors call `file`.
pub fn name(file: &Path) -> String {
    if file == Path::new(STDIN) {
        "<stdin>".to_owned()
    } else {
        printable(&file.to_string_lossy()).into_owned()
    }
}

/// The bytes of `file`, `-` being standard input.
///
/// # Errors
/// Says why it cannot be read, without its name.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the place where files are read"
)]
pub fn read(file: &Path) -> Result<Vec<u8>, String> {
    if file == Path::new(STDIN) {
        return all_of(io::stdin().lock());
    }
    let what = fs::metadata(file).map_err(|error| of_io(&error))?;
    let is_shells = DESCRIPTORS.iter().any(|folder| file.starts_with(folder));
    if !(what.is_file() || what.file_type().is_fifo() && is_shells) {
        return Err(refusal(what.file_type()));
    }
    open(file)
}

/// The text of `file`, `-` being standard input.
///
/// # Errors
/// Says why it cannot be read, without its name.
pub fn read_text(file: &Path) -> Result<String, String> {
    text(read(file)?)
}

/// The text of a file that is read again and again, and so can be no pipe.
///
/// # Errors
/// Says why it cannot be read, without its name.
pub fn read_again(file: &Path) -> Result<String, String> {
    if file == Path::new(STDIN) {
        return Err("standard input can be read only once: name a file".to_owned());
    }
    check_regular(file)?;
    text(open(file)?)
}

/// Whether a file can be read, repeatedly, without blocking.
///
/// # Errors
/// Says why it cannot, without its name.
pub fn check_regular(file: &Path) -> Result<(), String> {
    let what = fs::metadata(file).map_err(|error| of_io(&error))?;
    if what.is_file() {
        Ok(())
    } else {
        Err(refusal(what.file_type()))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the place where files are read"
)]
fn open(file: &Path) -> Result<Vec<u8>, String> {
    all_of(fs::File::open(file).map_err(|error| of_io(&error))?)
}

fn all_of(from: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = from.take(BYTES_MAX + 1).read_to_end(&mut bytes);
    match read {
        Ok(length) if length as u64 > BYTES_MAX => {
            Err(format!("it is larger than {} GiB", BYTES_MAX >> 30))
        }
        Ok(_) => Ok(bytes),
        Err(error) => Err(of_io(&error)),
    }
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes)
        .map_err(|_| "this is not UTF-8 text: is the file damaged or compressed?".to_owned())
}

fn of_io(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

/// Why something is not read that is no file.
fn refusal(what: FileType) -> String {
    let what = if what.is_dir() {
        "a directory: name a file in it"
    } else if what.is_fifo() {
        "a named pipe, which may never end: name a file"
    } else if what.is_char_device() || what.is_block_device() {
        "a device: name a file"
    } else {
        "no file"
    };
    format!("this is {what}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    /// A folder of its own with a file, as a `ConfigMap` mounts it: through two links.
    fn folder(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("pullstop-input-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("..1")).unwrap();
        fs::write(folder.join("..1/policy.yaml"), "a: b\n").unwrap();
        symlink("..1", folder.join("..data")).unwrap();
        symlink("..data/policy.yaml", folder.join("policy.yaml")).unwrap();
        folder
    }

    #[test]
    fn links_to_files_are_files() {
        let file = folder("links").join("policy.yaml");
        assert_eq!(read_text(&file).unwrap(), "a: b\n");
        assert_eq!(read_again(&file).unwrap(), "a: b\n");
    }

    #[test]
    fn what_would_be_waited_for_is_refused() {
        let folder = folder("pipes");
        let pipe = folder.join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        symlink("loop", folder.join("loop")).unwrap();
        let socket = folder.join("socket");
        let _bound = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for (file, expected) in [
            (
                pipe,
                "this is a named pipe, which may never end: name a file",
            ),
            ("/dev/zero".into(), "this is a device: name a file"),
            (socket, "this is no file"),
            (folder.clone(), "this is a directory: name a file in it"),
            (folder.join("absent"), "no such file"),
        ] {
            assert_eq!(read(&file).unwrap_err(), expected);
            assert_eq!(read_again(&file).unwrap_err(), expected);
        }
        let error = read(&folder.join("loop")).unwrap_err();
        assert!(error.starts_with("cannot be read: "), "{error}");
    }
}
