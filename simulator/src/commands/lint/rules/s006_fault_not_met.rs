//! A fault of a registry that no pull meets.

use crate::commands::lint::subject::Subject;
use crate::commands::lint::{Found, Rule};

pub(super) const RULE: Rule = Rule {
    code: "S006",
    name: "fault-not-met",
    finds: "A fault of a registry during which no pull that it concerns is under way.",
    matters: "It changes nothing: the scenario is the same without it.",
    help: "begin it earlier or let it last longer, or let a pod pull meanwhile",
    bad: r#"spec:
  duration: 30m
  images:
  - {image: "registry.example/app:v2", missing: true}
  registries:
  - host: registry.example
    faults:
    - {from: 10m, for: 30s, error: BadGateway}
  workloads:
  - {pod: tool, image: "registry.example/app:v2"}
  - {pod: late, at: 20m, image: "registry.example/web:v1"}
  expect:
  - {pods: tool, failed: true}
  - {pods: late, runsBy: 25m}
"#,
    good: r#"spec:
  duration: 30m
  images:
  - {image: "registry.example/app:v2", missing: true}
  registries:
  - host: registry.example
    faults:
    - {from: 19m, for: 3m, error: BadGateway}
  workloads:
  - {pod: tool, image: "registry.example/app:v2"}
  - {pod: late, at: 20m, image: "registry.example/web:v1"}
  expect:
  - {pods: tool, failed: true}
  - {pods: late, runsBy: 25m}
"#,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Found> {
    let scenario = subject.scenario;
    let mut found = Vec::new();
    for (registry, places) in scenario
        .registries
        .iter()
        .zip(&scenario.places.registry_faults)
    {
        for (fault, place) in registry.faults.iter().zip(places) {
            let is_met = subject
                .pulls()
                .any(|pull| pull.meets(fault) && pull.is_from(&registry.host));
            if !is_met {
                let message = format!("no pull from `{}` meets this fault", registry.host);
                found.push(Found::at(*place, message));
            }
        }
    }
    found
}
