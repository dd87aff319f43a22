//! Old field and error names of the scenario format.

use crate::commands::lint::subject::Subject;
use crate::commands::lint::{Found, Rule};

pub(in crate::commands::lint) const RULE: Rule = Rule {
    code: "S020",
    name: "old-name",
    finds: "A name of the scenario format that has changed.",
    matters: "The old name is read for one more release, and is an error after it.",
    help: "write the new name; `simulator lint --fix` does it",
    bad: r#"spec:
  duration: 90m
  registries:
  - host: registry.example
    troubles:
    - {from: 0s, for: 30m, error: BadGateway}
  workloads:
  - {pod: tool, image: "registry.example/app:v2"}
  expect:
  - {pods: tool, neverFailed: true}
"#,
    good: r#"spec:
  duration: 90m
  registries:
  - host: registry.example
    faults:
    - {from: 0s, for: 30m, error: BadGateway}
  workloads:
  - {pod: tool, image: "registry.example/app:v2"}
  expect:
  - {pods: tool, neverFailed: true}
"#,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Found> {
    let names = subject.scenario.places.old_names.iter();
    names
        .map(|name| Found::at(name.place, name.to_string()))
        .collect()
}
