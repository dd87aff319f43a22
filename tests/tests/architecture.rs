//! The tables of modules in ARCHITECTURE.md are what the modules say of themselves.

use std::fmt::Write as _;

use pullstop_tests::{files, golden_part, root};

#[test]
fn the_tables_of_modules_are_up_to_date() {
    let sources = files(&["rs"]);
    let mut text = String::new();
    for package in packages() {
        let folder = format!("{package}/src/");
        let inside = sources.iter().filter_map(|file| file.strip_prefix(&folder));
        let mut modules: Vec<Module> = inside.map(|file| Module::read(&folder, file)).collect();
        modules.sort();
        assert!(!modules.is_empty(), "{folder} has no modules");
        write!(
            text,
            "### `{package}/src`\n\n| module | what it is |\n|---|---|\n"
        )
        .unwrap();
        for module in modules {
            let Module { path, summary, .. } = module;
            writeln!(text, "| `{}` | {summary} |", path.join("/")).unwrap();
        }
        text.push('\n');
    }
    golden_part("ARCHITECTURE.md", &text);
}

#[test]
fn a_summary_is_the_first_sentence() {
    for (text, expected) in [
        ("//! One thing. Another.\nfn x() {}", Some("One thing")),
        (
            "//! One thing,\n//! and more.\n//!\n//! Details.",
            Some("One thing, and more"),
        ),
        ("//! Reads [`Pod`]s: a|b.", Some("Reads `Pod`s: a\\|b")),
        (
            "//! See [the docs](https://a.b/c.html).",
            Some("See the docs"),
        ),
        ("// A comment.\nfn x() {}", None),
        ("//!\n//! Late.", None),
    ] {
        assert_eq!(summary(text).as_deref(), expected, "{text}");
    }
}

/// A module, as it stands in the table. The crate's own front page comes first, and a module before what is in it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Module {
    is_inner: bool,
    path: Vec<String>,
    summary: String,
}

impl Module {
    fn read(folder: &str, file: &str) -> Self {
        let text = std::fs::read_to_string(root().join(folder).join(file)).unwrap();
        let summary = summary(&text);
        let path = file.strip_suffix(".rs").unwrap();
        let path = path.strip_suffix("/mod").unwrap_or(path);
        Self {
            is_inner: !["lib", "main"].contains(&path),
            path: path.split('/').map(str::to_owned).collect(),
            summary: summary.unwrap_or_else(|| panic!("{folder}{file} does not say what it is")),
        }
    }
}

/// The first sentence of a module's documentation, as a cell of a table.
fn summary(text: &str) -> Option<String> {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    let lines = lines.map(str::trim).take_while(|line| !line.is_empty());
    let paragraph = lines.collect::<Vec<_>>().join(" ");
    let sentence = paragraph.split(". ").next()?.trim_end_matches('.');
    (!sentence.is_empty()).then(|| without_links(sentence).replace('|', "\\|"))
}

/// Links lead to what they say.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once('[') {
        let Some((said, after)) = link.split_once(']') else {
            break;
        };
        plain.push_str(before);
        plain.push_str(said);
        rest = match after
            .strip_prefix('(')
            .and_then(|target| target.split_once(')'))
        {
            Some((_, after)) => after,
            None => after,
        };
    }
    plain + rest
}

/// The folders of the workspace's packages, as the workspace lists them.
fn packages() -> Vec<String> {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let members = manifest.split("members = [").nth(1).unwrap();
    let members = members.split(']').next().unwrap().split(',');
    let members = members.map(|member| member.trim().trim_matches('"').to_owned());
    members.filter(|member| !member.is_empty()).collect()
}
