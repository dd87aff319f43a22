//! A secret that no image needs.

use crate::commands::lint::subject::Subject;
use crate::commands::lint::{Found, Rule};

pub(super) const RULE: Rule = Rule {
    code: "S008",
    name: "unused-secret",
    finds: "A secret that no entry of `images` names.",
    matters: "It has no effect: every image can be pulled without it.",
    help: "name it as the `secret` of an image, or remove it",
    bad: r#"spec:
  duration: 30m
  images:
  - {image: "registry.example/app:v2", appearsAt: 1m}
  secrets:
  - {name: pull-key, appearsAt: 5m}
  workloads:
  - {pod: tool, image: "registry.example/app:v2", imagePullSecrets: [pull-key]}
  expect:
  - {pods: tool, neverFailed: true}
"#,
    good: r#"spec:
  duration: 30m
  images:
  - {image: "registry.example/app:v2", secret: pull-key}
  secrets:
  - {name: pull-key, appearsAt: 5m}
  workloads:
  - {pod: tool, image: "registry.example/app:v2", imagePullSecrets: [pull-key]}
  expect:
  - {pods: tool, neverFailed: true}
"#,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Found> {
    let scenario = subject.scenario;
    let needed = |name: &String| {
        scenario
            .images
            .iter()
            .any(|image| image.secret.as_ref() == Some(name))
    };
    let secrets = scenario.secrets.iter().zip(&scenario.places.secrets);
    secrets
        .filter(|(secret, _)| !needed(&secret.name))
        .map(|(secret, place)| {
            Found::at(
                *place,
                format!("no image needs the secret `{}`", secret.name),
            )
        })
        .collect()
}
