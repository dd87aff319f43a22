//! `simulator compare` of two policies.

use pullstop_tests::{Ran, golden, path, simulator};

use crate::scratch;

const PATIENT: &str = "docs/examples/patient.yaml";

fn compare(policies: [&str; 2], more: &[&str]) -> Ran {
    let all = ["compare"].into_iter().chain(policies);
    simulator(&all.chain(more.iter().copied()).collect::<Vec<_>>())
}

#[test]
fn two_policies_are_compared_in_every_format() {
    let (jobs, missing) = (path("scenarios/jobs"), path("scenarios/missing-images"));
    for (format, ending) in [("human", "txt"), ("json", "jsonl"), ("markdown", "md")] {
        let ran = compare(
            ["built-in", "oracle"],
            &["--seeds", "1..2", "--output", format, &jobs, &missing],
        );
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{format}");
        golden(&format!("tests/golden/compare-{format}.{ending}"), &ran.out);
    }
}

fn rows(ran: &Ran) -> Vec<serde_json::Value> {
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_policy_does_not_differ_from_itself() {
    let file = scratch::file("same.yaml", std::fs::read(path(PATIENT)).unwrap());
    let ran = compare(
        [&path(PATIENT), &file],
        &["--output", "json", &path("scenarios")],
    );
    let rows = rows(&ran);
    assert!(rows.iter().all(|row| row["p"].is_null()), "{}", ran.out);
    let last = rows.last().unwrap();
    assert_eq!(last["differing"].as_array().unwrap().len(), 0);
    assert!(last["first"].is_null());
}

/// The first moment is one at which something happens to the pod, and the command shows it.
#[test]
fn the_command_shows_the_first_difference() {
    let typo = path("scenarios/typo-queued-six-hours.yaml");
    let ran = compare(["built-in", "tekton"], &["--output", "json", &typo]);
    let rows = rows(&ran);
    let first = &rows.last().unwrap()["first"];
    assert_eq!(first["pod"], "default/typo-0", "{first}");
    let commands = first["seeWhy"].as_array().unwrap();
    let mut told = Vec::new();
    for command in commands {
        let command = command
            .as_str()
            .unwrap()
            .replace("scenarios/", &path("scenarios/"));
        let words: Vec<&str> = command.split_whitespace().skip(1).collect();
        told.push(simulator(&words).out);
    }
    assert!(told[0].contains("verdict: fail the pod"), "{}", told[0]);
    assert_ne!(told[0], told[1]);
}

#[test]
fn large_differences_are_more_than_chance_and_one_scenario_is_too_few() {
    let ran = compare(
        ["built-in", "nothing"],
        &["--output", "json", &path("scenarios")],
    );
    let all = rows(&ran);
    let missed = all.iter().find(|row| row["metric"] == "missed").unwrap();
    assert_eq!(missed["moreThanChance"], true, "{missed}");
    let typo = path("scenarios/typo-queued-six-hours.yaml");
    let ran = compare(["built-in", "nothing"], &[&typo]);
    assert!(
        ran.out.contains("too few to tell (1 differ)"),
        "{}",
        ran.out
    );
}

#[test]
fn two_are_compared_no_more_and_no_less() {
    let typo = path("scenarios/typo-queued-six-hours.yaml");
    for (args, expected) in [
        (
            vec!["compare", "oracle", &typo],
            "oracle: this is a policy: name another to compare it with",
        ),
        (
            vec!["compare", "oracle", "tekton", "prow", &typo],
            "this is one of 3 policies: two can be compared",
        ),
        (
            vec!["compare", "oracle", "tekton", "--policy", "prow", &typo],
            "nothing for `--policy` to name",
        ),
        (
            vec!["compare", "oracle", "--policy", "prow", &typo],
            "name both without the flag",
        ),
    ] {
        let ran = simulator(&args);
        assert_eq!(ran.code, 2, "{args:?}");
        assert!(ran.err.contains(expected), "{}", ran.err);
    }
    assert_eq!(simulator(&["compare", "oracle", "tekton"]).code, 4);
}
