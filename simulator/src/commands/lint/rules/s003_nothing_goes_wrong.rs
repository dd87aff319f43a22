//! No pull fails.

use crate::commands::lint::subject::{Subject, was_calm};
use crate::commands::lint::{Found, Rule};

pub(super) const RULE: Rule = Rule {
    code: "S003",
    name: "nothing-goes-wrong",
    finds: "A scenario in which every pod had its images at once and ran within a minute.",
    matters: "The policy has nothing to decide, so the scenario passes with every policy.",
    help: "add an image that is `missing`, a fault of a registry, or a fault of the cluster",
    bad: r#"spec:
  duration: 10m
  workloads:
  - {pod: tool, image: "registry.example/app:v2"}
  expect:
  - {pods: tool, phase: Succeeded}
"#,
    good: r#"spec:
  duration: 10m
  images:
  - {image: "registry.example/app:v2", missing: true}
  workloads:
  - {pod: tool, image: "registry.example/app:v2"}
  expect:
  - {pods: tool, phase: Failed}
"#,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Found> {
    let pods = subject.pods();
    if !pods.is_empty() && pods.iter().all(was_calm) {
        vec![Found::at(
            None,
            "nothing goes wrong: every pod has its images at once and runs",
        )]
    } else {
        Vec::new()
    }
}
