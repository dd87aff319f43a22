//! Paths in a baseline: relative to its file, so that it means the same wherever the command is run.

use std::path::{Component, Path, PathBuf};

use pullstop_cluster::input_error::{InputError, STDIN};

/// Where a baseline lies.
#[derive(Debug)]
pub(super) struct Home {
    /// As it was named.
    named: PathBuf,
    real: PathBuf,
}

impl Home {
    /// Of the baseline in this file.
    ///
    /// # Errors
    /// If there is no such folder.
    pub(super) fn of(file: &Path) -> Result<Self, InputError> {
        let named = folder(file);
        let real = real(named)?;
        Ok(Self {
            named: named.to_owned(),
            real,
        })
    }

    /// A path as the file has it.
    ///
    /// # Errors
    /// If its folder cannot be found, or it is standard input, which cannot be read again.
    pub(super) fn stored(&self, path: &Path) -> Result<String, InputError> {
        if path == Path::new(STDIN) {
            let what = "a baseline is checked again and again: give a file or a folder";
            return Err(InputError::about(path, what));
        }
        // Links are followed to the folder, and not to the file: two links to one file are two files.
        let path = match path.file_name() {
            Some(name) => real(folder(path))?.join(name),
            None => real(path)?,
        };
        let mut from = self.real.components().peekable();
        let mut to = path.components().peekable();
        while from.peek().is_some() && from.peek() == to.peek() {
            from.next();
            to.next();
        }
        let up = from.map(|_| Component::ParentDir);
        let relative: PathBuf = up.chain(to).collect();
        Ok(if relative.as_os_str().is_empty() {
            ".".to_owned()
        } else {
            relative.display().to_string()
        })
    }

    /// A path of the file as it is named from here.
    pub(super) fn named(&self, stored: &str) -> PathBuf {
        let mut path = PathBuf::new();
        for part in self.named.join(stored).components() {
            match (part, path.components().next_back()) {
                (Component::CurDir, _) => {}
                (Component::ParentDir, Some(Component::Normal(_))) => {
                    path.pop();
                }
                (part, _) => path.push(part),
            }
        }
        if path.as_os_str().is_empty() {
            path.push(".");
        }
        path
    }
}

fn folder(file: &Path) -> &Path {
    let parent = file.parent().unwrap_or_else(|| Path::new(""));
    if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    }
}

fn real(folder: &Path) -> Result<PathBuf, InputError> {
    folder
        .canonicalize()
        .map_err(|error| InputError::about(folder, format!("cannot find the folder: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_the_same_when_stored_and_named_again() {
        // The tests run in the folder of the crate.
        let home = Home::of(Path::new("src/baseline/no-such-file.yaml")).unwrap();
        for (path, stored) in [
            ("src/lib.rs", "../lib.rs"),
            ("src/baseline", "."),
            ("src/baseline/mod.rs", "mod.rs"),
            ("Cargo.toml", "../../Cargo.toml"),
            ("../scenarios", "../../../scenarios"),
        ] {
            assert_eq!(home.stored(Path::new(path)).unwrap(), stored);
            assert_eq!(home.named(stored), Path::new(path), "{stored}");
        }
        let here = Home::of(Path::new("baseline.yaml")).unwrap();
        assert_eq!(here.stored(Path::new("src/lib.rs")).unwrap(), "src/lib.rs");
        assert_eq!(here.named("src/lib.rs"), Path::new("src/lib.rs"));
        assert!(here.stored(Path::new("-")).is_err());
    }
}
