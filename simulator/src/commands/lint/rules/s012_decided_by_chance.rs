//! An exact time for something random.

use std::time::Duration;

use pullstop_cluster::scenario::expect::Fate;
use pullstop_cluster::scenario::workload::Pace;
use pullstop_cluster::world::kubelet::back_off;
use pullstop_cluster::world::truth::PodTruth;

use crate::commands::lint::subject::Subject;
use crate::commands::lint::{Found, Rule};

pub(super) const RULE: Rule = Rule {
    code: "S012",
    name: "decided-by-chance",
    finds: "A window of less than five minutes for pods that come at random times, or that meet a fault that affects only some pulls.",
    matters: "It holds with this seed and perhaps with no other: one pull more or less shifts the verdict by up to five minutes, the kubelet's longest pause.",
    help: "use `afterFirstFailure` for random arrivals, widen the window, or expect a metric",
    bad: r#"spec:
  duration: 30m
  images:
  - {image: "registry.example/app:v2", missing: true}
  workloads:
  - {pod: tool, image: "registry.example/app:v2", count: 5, randomly: 30s}
  expect:
  - {pods: "tool-*", failed: {between: [1m, 5m]}}
"#,
    good: r#"spec:
  duration: 30m
  images:
  - {image: "registry.example/app:v2", missing: true}
  workloads:
  - {pod: tool, image: "registry.example/app:v2", count: 5, randomly: 30s}
  expect:
  - {pods: "tool-*", failed: {afterFirstFailure: [2m, 3m]}}
"#,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (place, expected) in subject.pods_expected() {
        let Some(Fate::Failed {
            between,
            after_first_failure,
            ..
        }) = expected.fate
        else {
            continue;
        };
        let mut pods = subject.pods_named(&expected.pods).map(|(_, pod)| pod);
        let chance = if is_exact(between) {
            pods.find_map(|pod| {
                comes_randomly(subject, pod).or_else(|| meets_by_chance(subject, pod))
            })
        } else if is_exact(after_first_failure) {
            pods.find_map(|pod| meets_by_chance(subject, pod))
        } else {
            None
        };
        if let Some(chance) = chance {
            let message = format!(
                "`{}` {chance}, but is expected to be failed at an exact time",
                expected.pods
            );
            found.push(Found::at(place, message));
        }
    }
    found
}

/// Whether one pull more or less can lead out of it.
fn is_exact(window: Option<(Duration, Duration)>) -> bool {
    window.is_some_and(|(from, to)| to.saturating_sub(from) < back_off::LONGEST)
}

fn comes_randomly(subject: &Subject<'_>, pod: &PodTruth) -> Option<&'static str> {
    let workload = &subject.scenario.workloads[subject.workload_of(pod)?];
    matches!(workload.arrival.pace, Pace::Random(_)).then_some("comes at random times")
}

fn meets_by_chance(subject: &Subject<'_>, pod: &PodTruth) -> Option<&'static str> {
    let is_chance = |pull: &crate::commands::lint::subject::Pull<'_>| {
        subject.scenario.registries.iter().any(|registry| {
            let mut faults = registry
                .faults
                .iter()
                .filter(|t| (1..100).contains(&t.percent));
            faults.any(|fault| pull.meets(fault)) && pull.is_from(&registry.host)
        })
    };
    subject
        .pulls_of(pod)
        .any(|pull| is_chance(&pull))
        .then_some("meets a fault that not all pulls meet")
}
