//! The files of the repository, without asking git: a copy without its history is tested as well.

use std::path::Path;

use crate::root;

/// The paths of all files with one of these extensions, below the root and sorted; without what `.gitignore` names.
///
/// # Panics
/// If a folder cannot be read, or if `.gitignore` has a pattern that is not understood here.
#[expect(clippy::unwrap_used, reason = "called by tests only")]
pub fn files(extensions: &[&str]) -> Vec<String> {
    let ignored = Ignored::read(&std::fs::read_to_string(root().join(".gitignore")).unwrap());
    let mut found = Vec::new();
    walk(&root(), "", &ignored, &mut |file| {
        let extension = Path::new(&file).extension().unwrap_or_default();
        if extensions.iter().any(|wanted| extension == *wanted) {
            found.push(file);
        }
    });
    found.sort();
    found
}

#[expect(clippy::unwrap_used, reason = "called by tests only")]
fn walk(folder: &Path, below: &str, ignored: &Ignored, found: &mut impl FnMut(String)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = format!("{below}{name}");
        // Links are not followed.
        let is_folder = entry.file_type().unwrap().is_dir();
        if name == ".git" || ignored.names(&path, is_folder) {
            continue;
        }
        if is_folder {
            walk(&entry.path(), &format!("{path}/"), ignored, found);
        } else {
            found(path);
        }
    }
}

/// The patterns of a `.gitignore` that are about names, with `*`, or about what lies in the root.
#[derive(Debug)]
struct Ignored(Vec<String>);

impl Ignored {
    fn read(text: &str) -> Self {
        let lines = text.lines().map(str::trim);
        let patterns = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let patterns: Vec<String> = patterns
            .map(|pattern| pattern.trim_start_matches("**/").to_owned())
            .collect();
        for pattern in &patterns {
            let name = pattern.strip_prefix('/').unwrap_or(pattern);
            let name = name.strip_suffix('/').unwrap_or(name);
            assert!(
                !name.contains(['/', '!', '?', '[', '\\']) && !name.contains("**"),
                ".gitignore: `{pattern}` is not understood by tests/src/files.rs"
            );
        }
        Self(patterns)
    }

    fn names(&self, path: &str, is_folder: bool) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.0.iter().any(|pattern| {
            let (pattern, of_folders) = match pattern.strip_suffix('/') {
                Some(pattern) => (pattern, true),
                None => (pattern.as_str(), false),
            };
            let fits = match pattern.strip_prefix('/') {
                Some(in_root) => matches(in_root, path),
                None => matches(pattern, name),
            };
            fits && (is_folder || !of_folders)
        })
    }
}

/// Whether a text fits a pattern, in which `*` stands for anything but a slash.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let ends = (0..=text.len()).filter(|end| text.is_char_boundary(*end));
            ends.take_while(|end| !text[..*end].contains('/'))
                .any(|end| matches(rest, &text[end..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_not_listed() {
        let ignored = Ignored::read("# results\n/target/\n**/*.rs.bk\n*~\nperf.data*\n.idea/\n");
        for (path, is_folder, expected) in [
            ("target", true, true),
            ("target", false, false),
            ("core/target", true, false),
            ("core/src/lib.rs.bk", false, true),
            ("core/src/lib.rs", false, false),
            ("notes~", false, true),
            ("perf.data.old", false, true),
            ("core/.idea", true, true),
        ] {
            assert_eq!(ignored.names(path, is_folder), expected, "{path}");
        }
    }

    #[test]
    #[should_panic(expected = "is not understood")]
    fn a_pattern_that_is_not_understood_is_told() {
        Ignored::read("a/b\n");
    }

    #[test]
    fn the_folder_is_walked() {
        let all = files(&["rs", "md"]);
        assert!(all.contains(&"tests/src/files.rs".to_owned()));
        assert!(all.contains(&"README.md".to_owned()));
        assert!(all.iter().all(|file| !file.starts_with("target/")));
    }
}
