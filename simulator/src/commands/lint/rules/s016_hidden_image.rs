//! An entry of `images` that an earlier entry hides in part.

use std::collections::BTreeSet;

use pullstop_cluster::scenario::glob;

use crate::commands::lint::subject::Subject;
use crate::commands::lint::{Found, Rule};

pub(super) const RULE: Rule = Rule {
    code: "S016",
    name: "hidden-image",
    finds: "Two patterns in `images` that match the same image of a pod, where neither is a special case of the other.",
    matters: "The first match counts: the second pattern has no effect on that image, although it matches.",
    help: "name the image by itself, above both, or make the patterns differ",
    bad: r#"spec:
  duration: 10m
  images:
  - {image: "registry.example/team/*", size: 1Gi}
  - {image: "*/app:v2", missing: true}
  workloads:
  - {pod: tool, image: "registry.example/team/app:v2"}
  - {pod: other, image: "registry.example/other/app:v2"}
  - {pod: web, image: "registry.example/team/web:v1"}
  expect:
  - {pods: other, failed: true}
  - {pods: web, runsBy: 1m}
"#,
    good: r#"spec:
  duration: 10m
  images:
  - {image: "registry.example/team/web:*", size: 1Gi}
  - {image: "*/app:v2", missing: true}
  workloads:
  - {pod: tool, image: "registry.example/team/app:v2"}
  - {pod: other, image: "registry.example/other/app:v2"}
  - {pod: web, image: "registry.example/team/web:v1"}
  expect:
  - {pods: other, failed: true}
  - {pods: web, runsBy: 1m}
"#,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Found> {
    let scenario = subject.scenario;
    let templates = scenario.workloads.iter().map(|workload| &workload.template);
    let containers = templates.flat_map(|template| &template.containers);
    let used: BTreeSet<&str> = containers
        .map(|container| container.image.as_str())
        .collect();
    let images_of = |pattern: &str| -> BTreeSet<&str> {
        used.iter()
            .copied()
            .filter(|image| glob::matches(pattern, image))
            .collect()
    };
    let of: Vec<_> = scenario
        .images
        .iter()
        .map(|image| images_of(&image.reference))
        .collect();
    let mut found = Vec::new();
    for (second, place) in scenario.places.images.iter().enumerate() {
        for first in 0..second {
            let Some(both) = of[first].intersection(&of[second]).next() else {
                continue;
            };
            if !of[first].is_subset(&of[second]) {
                let earlier = &scenario.images[first].reference;
                let message =
                    format!("this does not hold for `{both}`, since `{earlier}` matches it first");
                found.push(Found::at(*place, message));
            }
        }
    }
    found
}
