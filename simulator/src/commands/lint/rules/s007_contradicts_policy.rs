//! Pods are expected to be spared, and the policy of the scenario fails them.

use pullstop_cluster::scenario::expect::Fate;
use pullstop_cluster::scenario::supply::RegistryFaultKind;
use pullstop_cluster::world::ZERO;
use pullstop_cluster::world::truth::PodTruth;
use pullstop_core::time::Human;

use crate::commands::lint::subject::Subject;
use crate::commands::lint::{Found, Rule};

pub(super) const RULE: Rule = Rule {
    code: "S007",
    name: "contradicts-policy",
    finds: "`neverFailed` expected of pods during a fault of a registry that lasts longer than the rule for its cause waits.",
    matters: "No run can pass: the scenario asks for the opposite of its policy.",
    help: "shorten the fault, give the rule a longer `duration`, or expect `failed: true`",
    bad: r#"spec:
  duration: 3h
  registries:
  - host: registry.example
    faults:
    - {for: 2h, error: ServiceUnavailable}
  workloads:
  - {pod: tool, image: "registry.example/app:v2"}
  expect:
  - {pods: tool, neverFailed: true}
"#,
    good: r#"spec:
  duration: 3h
  registries:
  - host: registry.example
    faults:
    - {for: 30m, error: ServiceUnavailable}
  workloads:
  - {pod: tool, image: "registry.example/app:v2"}
  expect:
  - {pods: tool, neverFailed: true}
"#,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (place, expected) in subject.pods_expected() {
        if expected.fate != Some(Fate::NeverFailed) {
            continue;
        }
        let mut pods = subject.pods_named(&expected.pods);
        if let Some(message) = pods.find_map(|(_, pod)| outlasted(subject, pod)) {
            found.push(Found::at(place, message));
        }
    }
    found
}

/// Which fault outlasts the rule by which the pod was failed.
fn outlasted(subject: &Subject<'_>, pod: &PodTruth) -> Option<String> {
    let failed = pod.failed?;
    let (rule, duration) = subject.patience(pod, failed.cause)?;
    let last = subject.pulls_of(pod).last()?;
    let registries = &subject.scenario.registries;
    let registry = registries
        .iter()
        .find(|registry| last.is_from(&registry.host))?;
    let lasting = registry
        .faults_at(failed.at.since(ZERO), last.image, last.node)
        .find(|fault| {
            matches!(fault.what, RegistryFaultKind::Error { error, .. } if error.cause() == failed.cause)
        })?;
    let lasts = match lasting.until {
        Some(until) => format!("lasts {}", Human(until.saturating_sub(lasting.from))),
        None => "never ends".to_owned(),
    };
    Some(format!(
        "pod `{}` cannot be spared: the fault of `{}` {lasts}, and rule `{}` fails pods after {}",
        pod.names.name,
        registry.host,
        rule.name,
        Human(duration),
    ))
}
