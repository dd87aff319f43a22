//! Pods are expected to be spared that were never in danger.

use crate::commands::lint::subject::{Subject, was_calm};
use crate::commands::lint::{Found, Rule};

pub(super) const RULE: Rule = Rule {
    code: "S002",
    name: "can-hardly-fail",
    finds: "`neverFailed` as the only expectation about pods that had all their images at once and ran within a minute.",
    matters: "A policy fails pods whose pulls fail. If nothing goes wrong with these pods, the expectation holds with every policy and tests none.",
    help: "add a fault of their images, or expect what they do instead, such as `runsBy: 1m`",
    bad: r#"spec:
  duration: 10m
  images:
  - {image: "registry.example/app:v2", missing: true}
  workloads:
  - {pod: tool, image: "registry.example/app:v2"}
  - {pod: web, image: "registry.example/web:v1"}
  expect:
  - {pods: tool, failed: true}
  - {pods: web, neverFailed: true}
"#,
    good: r#"spec:
  duration: 10m
  images:
  - {image: "registry.example/app:v2", missing: true}
  workloads:
  - {pod: tool, image: "registry.example/app:v2"}
  - {pod: web, image: "registry.example/web:v1"}
  expect:
  - {pods: tool, failed: true}
  - {pods: web, runsBy: 1m}
"#,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (place, expected) in subject.pods_expected() {
        let pods = || subject.pods_named(&expected.pods).map(|(_, pod)| pod);
        if expected.is_never_failed_only() && pods().next().is_some() && pods().all(was_calm) {
            found.push(Found::at(
                place,
                format!(
                    "`{}` is never in danger: its images are there at once, and no policy would fail it",
                    expected.pods
                ),
            ));
        }
    }
    found
}
