//! `simulator run` over folders and many seeds: what is broken or no scenario, and how much is printed.

use std::path::Path;

use pullstop_tests::{Ran, path, simulator};

use crate::scratch;

const POLICY: &str = "apiVersion: pullstop.dev/v1alpha1\nkind: PullFailurePolicy\nmetadata: {name: p, namespace: n}\n";
const POD: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers: [{name: c, image: i}]\n";
const BROKEN: &str = "apiVersion: pullstop.dev/v1alpha1\nkind: Scenario\nmetadata: {name: out-of-order}\nspec:\n  \
                      duration: 5 minutes\n  workloads: [{pod: p, image: i}]\n";

/// A folder with two good scenarios, and these files.
fn folder(name: &str, files: &[(&str, &str)]) -> String {
    let folder = scratch::folder(name);
    for good in ["demo.yaml", "stuck-pod-holds-gpus.yaml"] {
        std::fs::copy(path(&format!("scenarios/{good}")), folder.join(good)).unwrap();
    }
    for (file, text) in files {
        std::fs::write(folder.join(file), text).unwrap();
    }
    folder.display().to_string()
}

fn run(folder: &str, more: &[&str]) -> Ran {
    let mut args = vec!["run"];
    args.extend(more);
    args.push(folder);
    let mut ran = simulator(&args);
    for text in [&mut ran.out, &mut ran.err] {
        *text = text.replace(&format!("{folder}/"), "");
    }
    ran
}

#[test]
fn one_broken_file_does_not_stop_the_others() {
    let folder = folder("broken", &[("broken.yaml", BROKEN)]);
    let ran = run(&folder, &[]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.out
            .contains("2 runs, 2 passed, 0 failed, 1 file invalid"),
        "{}",
        ran.out
    );
    assert_eq!(
        ran.err,
        "error: broken.yaml:5:13: `5 minutes` is not a duration: write `5m`\n"
    );
    for (format, expected) in [
        ("json", "{\"error\":{\"column\":13,\"line\":5,\"message\":"),
        (
            "junit",
            "<error message=\"broken.yaml:5:13: `5 minutes` is not",
        ),
        (
            "github",
            "::error file=broken.yaml,line=5,col=13,title=invalid scenario::`5 minutes`",
        ),
        (
            "markdown",
            "**Invalid files**\n- broken.yaml:5:13: `5 minutes` is not",
        ),
    ] {
        let ran = run(&folder, &["--output", format]);
        assert_eq!(ran.code, 2);
        assert!(ran.out.contains(expected), "{}", ran.out);
    }
    let stopped = run(&folder, &["--fail-fast"]);
    assert_eq!((stopped.code, stopped.out.as_str()), (2, ""));
    let linted = simulator(&["lint", &folder]);
    assert_eq!(linted.code, 2);
    assert!(linted.out.contains("in 2 scenarios"), "{}", linted.out);
}

#[test]
fn a_broken_file_that_is_not_asked_for_does_not_matter() {
    let folder = folder(
        "unwanted",
        &[("broken.yaml", BROKEN), ("torn.yaml", "spec: [\n")],
    );
    let ran = run(&folder, &["--only", "demo"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("1 run, 1 passed"), "{}", ran.out);
    let lines: Vec<&str> = ran.err.lines().collect();
    assert_eq!(lines.len(), 2, "{}", ran.err);
    assert!(
        lines.iter().all(|line| line.starts_with("warning: ")),
        "{}",
        ran.err
    );
    // By its name, by what its file is called where the name cannot be read, and by its path.
    for only in ["out-of-*", "torn", "*broken.yaml"] {
        assert_eq!(run(&folder, &["--only", only]).code, 2, "{only}");
    }
}

#[test]
fn a_policy_beside_its_scenarios_is_left_aside() {
    let folder = folder("policy", &[("policy.yaml", POLICY), ("pod.yaml", POD)]);
    let ran = run(&folder, &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let says = "note: skipped pod.yaml (Pod), policy.yaml (PullFailurePolicy): not scenarios\n";
    assert_eq!(ran.err, says);
    let linted = simulator(&["lint", "--deny", "none", &folder]);
    assert_eq!(linted.code, 0, "{}", linted.err);
}

#[test]
fn what_is_named_and_no_scenario_is_called_what_it_is() {
    for (file, text, says) in [
        (
            "policy.yaml",
            POLICY,
            "2:7: this is a PullFailurePolicy, not a scenario: `enforcer policy check` checks it",
        ),
        ("pod.yaml", POD, "2:7: this is a Pod, not a scenario: "),
        (
            "list.yaml",
            "- {pod: p}\n",
            "1:1: this is a list, not a scenario: ",
        ),
        (
            "text.yaml",
            "some words\n",
            "1:1: this is plain text, not a scenario: ",
        ),
        (
            "recording.jsonl",
            "{\"type\": \"ADDED\", \"object\": {\"kind\": \"Pod\"}}\n",
            "1:1: this is a recording of watch events, not a scenario: `simulator replay` tells its story",
        ),
        (
            "pods.json",
            "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": []}",
            "1:30: this is a List, not a scenario: `enforcer scan --from`",
        ),
    ] {
        let file = scratch::file(file, text);
        let ran = simulator(&["run", &file]);
        let name = Path::new(&file).file_name().unwrap().to_str().unwrap();
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{name}");
        assert!(ran.err.contains(&format!("{name}:{says}")), "{}", ran.err);
    }
}

#[test]
fn many_seeds_are_summed_up_by_scenario() {
    let folder = folder("seeds", &[]);
    let ran = run(&folder, &["--seeds", "1..4"]);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines.len(), 3, "{}", ran.out);
    assert!(
        lines[0].starts_with("✓ demo") && lines[0].ends_with("4 runs"),
        "{}",
        ran.out
    );
    assert!(lines[2].starts_with("8 runs, 8 passed"), "{}", ran.out);
    assert_eq!(
        run(&folder, &["--seeds", "1..4", "--verbose"])
            .out
            .lines()
            .count(),
        9
    );
    assert_eq!(
        run(&folder, &["--seeds", "1..4", "-o", "json"])
            .out
            .lines()
            .count(),
        8
    );
    assert_eq!(
        run(&folder, &["--seeds", "1..4", "--quiet"])
            .out
            .lines()
            .count(),
        1
    );
}

#[test]
fn the_first_seed_that_fails_is_told_with_the_command_that_repeats_it() {
    let folder = folder("fails", &[]);
    let ran = run(&folder, &["--seeds", "7..20", "--policy", "nothing"]);
    assert_eq!(ran.code, 1);
    let says = "14 failed: seeds 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 and 4 more";
    assert_eq!(ran.out.matches(says).count(), 2, "{}", ran.out);
    let repeat = "repeat with: simulator run demo.yaml --seed 7 --policy nothing";
    assert_eq!(ran.out.matches(repeat).count(), 1, "{}", ran.out);
}

#[test]
fn the_first_that_fails_is_the_last() {
    let folder = folder("fast", &[]);
    let fast = |jobs: &str| {
        run(
            &folder,
            &[
                "--fail-fast",
                "--policy",
                "nothing",
                "--seeds",
                "1..9",
                "--jobs",
                jobs,
            ],
        )
    };
    let ran = fast("1");
    assert_eq!(ran.code, 1);
    assert!(
        ran.out
            .contains("1 run, 0 passed, 1 failed, 17 not run after the first failure"),
        "{}",
        ran.out
    );
    // However many run at a time.
    assert_eq!(fast("8").out, ran.out);
}

#[test]
fn standard_input_is_read_once() {
    let ran = simulator(&["run", "-", "--policy", "-"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err
            .contains("<stdin>: only one input can be standard input"),
        "{}",
        ran.err
    );
}
