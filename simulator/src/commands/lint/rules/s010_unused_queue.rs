//! A queue in which no Job waits.

use pullstop_cluster::scenario::workload::Kind;

use crate::commands::lint::subject::Subject;
use crate::commands::lint::{Found, Rule};

pub(super) const RULE: Rule = Rule {
    code: "S010",
    name: "unused-queue",
    finds: "A queue that no Job names.",
    matters: "Its quota blocks no Job: Jobs that should wait start at once.",
    help: "name it as the `queue` of a Job, or remove it",
    bad: r#"spec:
  duration: 10m
  images:
  - {image: "registry.example/app:v2", missing: true}
  queues:
  - {name: team-a, quota: {jobs: 1}}
  workloads:
  - {job: train, image: "registry.example/app:v2", backoffLimit: 0}
  expect:
  - {job: train, outcome: Failed}
"#,
    good: r#"spec:
  duration: 10m
  images:
  - {image: "registry.example/app:v2", missing: true}
  queues:
  - {name: team-a, quota: {jobs: 1}}
  workloads:
  - {job: train, image: "registry.example/app:v2", backoffLimit: 0, queue: team-a}
  expect:
  - {job: train, outcome: Failed}
"#,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Found> {
    let scenario = subject.scenario;
    let is_used = |name: &String| {
        scenario
            .workloads
            .iter()
            .any(|workload| match &workload.kind {
                Kind::Job(job) => job.queue.as_ref() == Some(name),
                Kind::Pod | Kind::Deployment { .. } => false,
            })
    };
    let queues = scenario.queues.iter().zip(&scenario.places.queues);
    queues
        .filter(|(queue, _)| !is_used(&queue.name))
        .map(|(queue, place)| Found::at(*place, format!("no Job waits in queue `{}`", queue.name)))
        .collect()
}
