//! Nothing is expected.

use crate::commands::lint::subject::Subject;
use crate::commands::lint::{Found, Rule};

pub(super) const RULE: Rule = Rule {
    code: "S001",
    name: "no-expectation",
    finds: "A scenario without `expect`.",
    matters: "It passes with a policy that does nothing. Only false failures and broken invariants make it fail.",
    help: "state the expected result in `expect`, such as `failed: true` or `neverFailed: true`",
    bad: r#"spec:
  duration: 10m
  images:
  - {image: "registry.example/app:v2", missing: true}
  workloads:
  - {pod: tool, image: "registry.example/app:v2"}
"#,
    good: r#"spec:
  duration: 10m
  images:
  - {image: "registry.example/app:v2", missing: true}
  workloads:
  - {pod: tool, image: "registry.example/app:v2"}
  expect:
  - {pods: tool, failed: true}
"#,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Found> {
    if subject.scenario.expectations.is_empty() {
        vec![Found::at(
            None,
            "nothing is expected: this passes with a policy that does nothing",
        )]
    } else {
        Vec::new()
    }
}
