//! The repository's own style, as far as no other tool checks it.

use std::path::Path;

use pullstop_tests::{files, root};

/// A file with more lines has two subjects.
const LINES_MAX: usize = 500;

#[test]
fn source_files_have_one_subject() {
    for file in some(&["rs", "js", "css"], 400) {
        let lines = std::fs::read_to_string(root().join(&file))
            .unwrap()
            .lines()
            .count();
        let tables = ["core/src/classify/table.rs"];
        assert!(
            lines <= LINES_MAX || tables.contains(&file.as_str()),
            "{file} has {lines} lines"
        );
    }
}

#[test]
fn nothing_is_left_unfinished() {
    for file in some(&["rs"], 400) {
        let text = std::fs::read_to_string(root().join(&file)).unwrap();
        for word in [
            "todo!(",
            "unimplemented!(",
            concat!("FIX", "ME"),
            concat!("XX", "X:"),
            concat!("#[ign", "ore"),
        ] {
            assert!(
                !text.contains(word) || file.ends_with("tidy.rs"),
                "{file} has `{word}`"
            );
        }
    }
}

/// Links in the documentation lead somewhere.
#[test]
fn links_lead_somewhere() {
    for file in some(&["md"], 15) {
        let text = std::fs::read_to_string(root().join(&file)).unwrap();
        let folder = Path::new(&file).parent().unwrap();
        for (_, rest) in text
            .match_indices("](")
            .map(|(at, _)| text.split_at(at + 2))
        {
            let target = rest.split([')', '#', ' ']).next().unwrap();
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            assert!(
                root().join(folder).join(target).exists(),
                "{file} links to {target}"
            );
        }
    }
}

/// The files with these extensions; not fewer than there are, or the rules above would hold of nothing.
fn some(extensions: &[&str], at_least: usize) -> Vec<String> {
    let found = files(extensions);
    assert!(found.len() >= at_least, "only {} files", found.len());
    found
}
