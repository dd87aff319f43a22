//! Something is expected of the policy for pods that it does not judge.

use pullstop_cluster::scenario::expect::Fate;

use crate::commands::lint::subject::Subject;
use crate::commands::lint::{Found, Rule};

pub(super) const RULE: Rule = Rule {
    code: "S018",
    name: "not-judged",
    finds: "`failed` or `warned` expected of pods that are outside the policy's `scope`.",
    matters: "No run can pass: the policy leaves these pods alone, whatever happens to them.",
    help: "widen the policy's `scope`, or expect `neverFailed: true`",
    bad: r#"spec:
  duration: 10m
  images:
  - {image: "registry.example/app:v2", missing: true}
  workloads:
  - {deployment: web, image: "registry.example/app:v2"}
  expect:
  - {pods: "web-*", failed: true}
"#,
    good: r#"spec:
  duration: 10m
  images:
  - {image: "registry.example/app:v2", missing: true}
  workloads:
  - {deployment: web, image: "registry.example/app:v2"}
  expect:
  - {pods: "web-*", neverFailed: true}
"#,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (place, expected) in subject.pods_expected() {
        if !matches!(
            expected.fate,
            Some(Fate::Failed { .. } | Fate::Warned { .. })
        ) {
            continue;
        }
        // What is still failing in the end can be asked about; what has ended is another matter.
        let mut left_alone = subject
            .pods_named(&expected.pods)
            .filter(|(id, pod)| subject.is_failing(*id, pod) && !subject.is_judged(*id));
        if let Some((_, pod)) = left_alone.next() {
            let message = format!(
                "the policy does not judge pod `{}`: it is not in its `scope`",
                pod.names.name
            );
            found.push(Found::at(place, message));
        }
    }
    found
}
