//! An entry of `images` to which no pull comes.

use pullstop_cluster::scenario::glob;

use crate::commands::lint::subject::Subject;
use crate::commands::lint::{Found, Rule};

pub(super) const RULE: Rule = Rule {
    code: "S009",
    name: "image-never-pulled",
    finds: "An entry of `images` whose images are never pulled, because nodes have them, another entry comes first, or their pods never start.",
    matters: "What it says, such as that the image is missing, has no effect.",
    help: "remove the entry, or let a pod pull the image, for instance with `imagePullPolicy: Always`",
    bad: r#"spec:
  duration: 10m
  cluster:
    nodes:
    - {name: node, images: ["registry.example/web:v1"]}
  images:
  - {image: "registry.example/app:v2", missing: true}
  - {image: "registry.example/web:v1", missing: true}
  workloads:
  - {pod: tool, image: "registry.example/app:v2"}
  - {pod: web, image: "registry.example/web:v1"}
  expect:
  - {pods: tool, failed: true}
  - {pods: web, runsBy: 1m}
"#,
    good: r#"spec:
  duration: 10m
  cluster:
    nodes:
    - {name: node, images: ["registry.example/web:v1"]}
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
    let scenario = subject.scenario;
    let entry_of = |name: &str| {
        let is_meant =
            |image: &pullstop_cluster::scenario::Image| glob::matches(&image.reference, name);
        scenario.images.iter().position(is_meant)
    };
    let mut is_pulled = vec![false; scenario.images.len()];
    for pull in subject.pulls() {
        if let Some(entry) = entry_of(pull.image) {
            is_pulled[entry] = true;
        }
    }
    let entries = scenario.images.iter().zip(&scenario.places.images);
    entries
        .zip(is_pulled)
        .filter(|(_, is_pulled)| !is_pulled)
        .map(|((image, place), _)| {
            Found::at(*place, format!("`{}` is never pulled", image.reference))
        })
        .collect()
}
