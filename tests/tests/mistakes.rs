//! Pods that were failed although they would have run, and hopeless ones that were not: told whatever is expected.

use pullstop_tests::{Ran, simulator};

use crate::scratch;

/// A registry is out for twenty minutes, and the policy fails every pod at its first failure: 50 good pods.
const OUTAGE: &str = "apiVersion: pullstop.dev/v1alpha1
kind: Scenario
metadata: {name: outage}
spec:
  duration: 30m
  cluster: {nodes: [{name: node, count: 5}]}
  registries: [{host: registry.example, faults: [{for: 20m, error: ManifestNotFound}]}]
  policy: {inline: {mode: Enforce, rules: [{causes: [ManifestNotFound], attempts: 1, duration: 1s, action: Fail}]}}
  workloads:
  - {pod: good, count: 50, image: \"registry.example/app:v1\"}
";

/// The image never comes, and the run is over before the built-in rule fires.
const TOO_SHORT: &str = "apiVersion: pullstop.dev/v1alpha1
kind: Scenario
metadata: {name: too-short}
spec:
  duration: 1m
  images: [{image: \"registry.example/app:v2\", missing: true}]
  workloads:
  - {pod: typo, count: 3, image: \"registry.example/app:v2\"}
";

fn run(scenario: &str, expect: &str, more: &[&str]) -> Ran {
    let file = scratch::file("scenario.yaml", format!("{scenario}{expect}"));
    let mut args = vec!["run"];
    args.extend(more);
    args.push(&file);
    simulator(&args)
}

#[test]
fn a_run_that_fails_good_pods_is_no_success_even_if_nothing_is_expected() {
    let ran = run(OUTAGE, "", &[]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    let head = ran.out.lines().next().unwrap();
    assert!(head.starts_with("✗ outage"), "{head}");
    assert!(head.ends_with("50 false failures"), "{head}");
    for expected in [
        "expected no pod to fail that would have run",
        "got      50 of them",
        "default/good-",
        "repeat with: ",
        "1 run, 0 passed, 1 failed; 50 false failures; ",
    ] {
        assert!(ran.out.contains(expected), "{expected} in\n{}", ran.out);
    }
}

#[test]
fn every_output_tells_of_false_failures() {
    for (format, expected) in [
        ("json", &["\"falseFailures\":50", "\"passed\":false"][..]),
        (
            "junit",
            &[
                "<failure message=\"expected no pod to fail that would have run",
                "      <system-out>50 false failures</system-out>",
                "    <system-out>50 false failures</system-out>\n  </testsuite>",
            ],
        ),
        (
            "github",
            &[
                "::error file=",
                "title=outage (seed 1)::50 false failures\n",
                "1 failed; 50 false failures\n",
            ],
        ),
        (
            "markdown",
            &["1 failed; 50 false failures**", "| ✗ | outage |"],
        ),
    ] {
        let ran = run(OUTAGE, "", &["--output", format]);
        for expected in expected {
            assert!(ran.out.contains(expected), "{expected} in\n{}", ran.out);
        }
    }
}

#[test]
fn accepted_false_failures_are_shown_anyway() {
    for expect in [
        "  expect: [{metric: \"falseFailures <= 50\"}]\n",
        "  expect: [{pods: \"good-*\", failed: true}]\n",
    ] {
        let ran = run(OUTAGE, expect, &[]);
        assert_eq!(ran.code, 0, "{}", ran.out);
        assert!(ran.out.starts_with("✓ outage"), "{}", ran.out);
        assert_eq!(
            ran.out.matches("50 false failures").count(),
            2,
            "{}",
            ran.out
        );
    }
    let ran = run(
        OUTAGE,
        "  expect: [{metric: \"falseFailures < 50\"}]\n",
        &[],
    );
    assert_eq!(ran.code, 1, "{}", ran.out);
    // It is told once: by the expectation.
    assert!(
        !ran.out.contains("unless an expectation says so"),
        "{}",
        ran.out
    );
}

#[test]
fn pods_that_are_missed_leave_a_mark_and_no_error() {
    let ran = run(TOO_SHORT, "", &[]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(ran.out.starts_with("! too-short"), "{}", ran.out);
    assert_eq!(ran.out.matches("3 missed").count(), 2, "{}", ran.out);
    let quiet = run(TOO_SHORT, "", &["--quiet"]);
    assert!(quiet.out.starts_with("! too-short"), "{}", quiet.out);
    let markdown = run(TOO_SHORT, "", &["--output", "markdown"]);
    assert!(
        markdown.out.contains("| ! | too-short |"),
        "{}",
        markdown.out
    );
    let stated = run(TOO_SHORT, "  expect: [{metric: \"missed == 3\"}]\n", &[]);
    assert!(stated.out.starts_with("✓ too-short"), "{}", stated.out);
}

#[test]
fn the_head_of_the_timeline_tells_of_them() {
    let file = scratch::file("scenario.yaml", OUTAGE);
    let page = simulator(&["timeline", &file, "--out", "-"]);
    let head = page.out.split("</header>").next().unwrap();
    assert!(head.contains("50 false failures"), "{head}");
    assert!(head.contains("✗ failed"), "{head}");
}
