//! The scenarios of the repository: all of them pass, each says what it is about, and none passes whatever the policy.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use pullstop_simulator::input;
use pullstop_tests::{golden, path, root, simulator};
use serde_json::Value;

/// What stands in the list of scenarios before their names.
const LIST: &str = "\n## The scenarios\n";

#[test]
fn all_pass_and_run_the_same_way_twice() {
    let ran = simulator(&["run", "--check-determinism", &path("scenarios")]);
    golden("tests/golden/scenarios.txt", &without_wall_times(&ran.out));
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
}

/// What cannot fail proves nothing: doing nothing, or failing pods at first sight, is never good enough.
#[test]
fn each_fails_under_a_bad_policy() {
    let passed = [passed_under("nothing"), passed_under("first-sight")];
    let both: Vec<_> = passed[0].intersection(&passed[1]).collect();
    assert!(
        both.is_empty(),
        "these pass whatever the policy does: {both:?}"
    );
}

#[test]
fn each_begins_with_its_incident_and_is_called_like_its_file() {
    let mut names = BTreeMap::new();
    for Scenario {
        file,
        name,
        comment,
        ..
    } in scenarios()
    {
        let lines = comment.len();
        assert!(
            (2..=6).contains(&lines),
            "{file} begins with {lines} lines of comment"
        );
        assert!(
            comment[0].ends_with('.'),
            "{file}: the first line is to be a sentence, for the list"
        );
        assert_eq!(
            file.rsplit('/').next(),
            Some(format!("{name}.yaml").as_str()),
            "{file}"
        );
        if let Some(other) = names.insert(name, file.clone()) {
            panic!("{file} and {other} have the same name");
        }
    }
    assert!(names.len() >= 45, "only {} scenarios", names.len());
}

#[test]
fn the_list_of_scenarios_is_up_to_date() {
    let readme = std::fs::read_to_string(root().join("scenarios/README.md")).unwrap();
    let head = readme.split(LIST).next().unwrap();
    let mut text = format!("{head}{LIST}");
    let mut folder = None;
    for Scenario {
        file,
        name,
        comment,
        ..
    } in scenarios()
    {
        let inside = file
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder)
            .to_owned();
        if folder.as_ref() != Some(&inside) {
            if !inside.is_empty() {
                write!(text, "\n### {inside}\n").unwrap();
            }
            text.push_str("\n| scenario | what happens |\n|---|---|\n");
            folder = Some(inside);
        }
        let what = comment[0].trim_end_matches('.');
        writeln!(text, "| [{name}]({file}) | {what} |").unwrap();
    }
    golden("scenarios/README.md", &text);
}

/// A scenario's file, as people read it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Scenario {
    /// How many folders it lies in: those directly in `scenarios/` come first.
    depth: usize,
    /// Its path below `scenarios/`.
    file: String,
    name: String,
    /// The lines of the comment with which it begins.
    comment: Vec<String>,
}

fn scenarios() -> BTreeSet<Scenario> {
    let folder = root().join("scenarios");
    let files = input::yaml_files(&folder).unwrap();
    files.into_iter().map(|file| read(&folder, &file)).collect()
}

fn read(folder: &Path, file: &Path) -> Scenario {
    let text = std::fs::read_to_string(file).unwrap();
    let comment = text
        .lines()
        .map_while(|line| line.strip_prefix("# "))
        .map(str::to_owned);
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("metadata: {name: ")?.strip_suffix('}'));
    let file = file
        .strip_prefix(folder)
        .unwrap()
        .to_str()
        .unwrap()
        .replace('\\', "/");
    Scenario {
        depth: file.matches('/').count(),
        name: name
            .unwrap_or_else(|| panic!("{file} has no line `metadata: {{name: …}}`"))
            .to_owned(),
        comment: comment.collect(),
        file,
    }
}

/// The names of the scenarios that pass under this baseline.
fn passed_under(baseline: &str) -> BTreeSet<String> {
    let ran = simulator(&[
        "run",
        "--policy",
        baseline,
        "--output",
        "json",
        &path("scenarios"),
    ]);
    let rows = ran
        .out
        .lines()
        .map(|row| serde_json::from_str::<Value>(row).unwrap());
    rows.filter(|row| row["passed"] == Value::Bool(true))
        .map(|row| row["scenario"].as_str().unwrap().to_owned())
        .collect()
}

/// How long a run took differs from machine to machine.
fn without_wall_times(report: &str) -> String {
    report.lines().fold(String::new(), |mut text, line| {
        let masked = match (line.starts_with(['✓', '!']), line.rsplit_once(" in ")) {
            (true, Some((start, end))) => {
                let (_, remark) = end.split_once(" ms").unwrap_or_default();
                format!("{start} in … ms{remark}")
            }
            _ => line.to_owned(),
        };
        writeln!(text, "{masked}").unwrap();
        text
    })
}
