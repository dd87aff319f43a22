//! A policy that equals the built-in one.

use pullstop_core::policy::Policy;

use crate::commands::lint::subject::Subject;
use crate::commands::lint::{Found, Rule};

pub(super) const RULE: Rule = Rule {
    code: "S015",
    name: "policy-is-built-in",
    finds: "A `policy` that equals the built-in one.",
    matters: "It looks as if the scenario needs a policy of its own, and it does not follow changes of the built-in one.",
    help: "remove `policy`, or write the intended difference",
    bad: r#"spec:
  duration: 10m
  policy: {inline: {mode: Enforce}}
  images:
  - {image: "registry.example/app:v2", missing: true}
  workloads:
  - {pod: tool, image: "registry.example/app:v2"}
  expect:
  - {pods: tool, failed: true}
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
    match subject.scenario.places.policy {
        Some(place)
            if subject.scenario.policies.cluster.clone().rehearsed()
                == Policy::default().rehearsed() =>
        {
            vec![Found::at(place, "this policy equals the built-in one")]
        }
        Some(_) | None => Vec::new(),
    }
}
