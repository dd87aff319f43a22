//! A rate limit that nobody reaches.

use pullstop_cluster::pull_errors::PullError;
use pullstop_cluster::world::truth::Ending;

use crate::commands::lint::subject::Subject;
use crate::commands::lint::{Found, Rule};

pub(super) const RULE: Rule = Rule {
    code: "S013",
    name: "rate-limit-not-reached",
    finds: "A registry's `rateLimit` that no pull reaches.",
    matters: "It changes nothing: the scenario is the same without it.",
    help: "lower `pulls`, let more pods pull, or remove the limit",
    bad: r#"spec:
  duration: 30m
  images:
  - {image: "other.example/app:v2", missing: true}
  registries:
  - {host: registry.example, rateLimit: {pulls: 100, per: 10m}}
  workloads:
  - {pod: typo, image: "other.example/app:v2"}
  - {pod: tool, count: 3, image: "registry.example/app:v2", imagePullPolicy: Always}
  expect:
  - {pods: typo, failed: true}
  - {pods: "tool-*", runsBy: 20m}
"#,
    good: r#"spec:
  duration: 30m
  images:
  - {image: "other.example/app:v2", missing: true}
  registries:
  - {host: registry.example, rateLimit: {pulls: 2, per: 10m}}
  workloads:
  - {pod: typo, image: "other.example/app:v2"}
  - {pod: tool, count: 3, image: "registry.example/app:v2", imagePullPolicy: Always}
  expect:
  - {pods: typo, failed: true}
  - {pods: "tool-*", runsBy: 20m}
"#,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Found> {
    let scenario = subject.scenario;
    let mut found = Vec::new();
    for (registry, place) in scenario.registries.iter().zip(&scenario.places.registries) {
        let Some(limit) = registry.rate_limit else {
            continue;
        };
        let mut pulls = subject.pulls().filter(|pull| pull.is_from(&registry.host));
        let is_reached = pulls.any(|pull| {
            let ending = pull.attempt.ended.map(|(_, ending)| ending);
            ending == Some(Ending::Failed(PullError::RateLimited))
        });
        if !is_reached {
            let message = format!(
                "the limit of `{}`, {} pulls, is never reached",
                registry.host, limit.pulls
            );
            found.push(Found::at(*place, message));
        }
    }
    found
}
