//! Files of tests, in the folder that Cargo has for them: nothing is left behind elsewhere.

use std::path::{Path, PathBuf};

/// An empty folder of the running test.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = own().join(name);
    // From an earlier run.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A file of the running test; returns its path.
pub(crate) fn file(name: &str, text: impl AsRef<[u8]>) -> String {
    std::fs::create_dir_all(own()).unwrap();
    let file = own().join(name);
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

/// Tests run at the same time, each on a thread that has its name.
fn own() -> PathBuf {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("main").replace("::", "-");
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(test)
}
