//! A workload that does not come, or never gets a node.

use pullstop_cluster::scenario::glob;
use pullstop_cluster::scenario::workload::{Kind, Workload};
use pullstop_cluster::world::control::OwnerState;
use pullstop_cluster::world::truth::PodTruth;
use pullstop_core::time::Human;

use crate::commands::lint::subject::{Subject, shown};
use crate::commands::lint::{Found, Rule};

pub(super) const RULE: Rule = Rule {
    code: "S011",
    name: "never-starts",
    finds: "Workloads that come partly after the end, or that never get a node although nothing is expected of them.",
    matters: "They are not simulated as intended, and no report shows it.",
    help: "raise `duration`, create them earlier, or give them room",
    bad: r#"spec:
  duration: 30m
  images:
  - {image: "registry.example/app:v2", missing: true}
  workloads:
  - {pod: tool, image: "registry.example/app:v2", count: 5, randomly: 1h}
  expect:
  - {pods: "tool-0", failed: true}
"#,
    good: r#"spec:
  duration: 30m
  images:
  - {image: "registry.example/app:v2", missing: true}
  workloads:
  - {pod: tool, image: "registry.example/app:v2", count: 5, randomly: 2m}
  expect:
  - {pods: "tool-*", count: 5, failed: true}
"#,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Found> {
    let scenario = subject.scenario;
    let workloads = scenario.workloads.iter().zip(&scenario.places.workloads);
    workloads
        .zip(subject.pods_by_workload())
        .filter_map(|((workload, place), pods)| {
            Some(Found::at(*place, missing(subject, workload, &pods)?))
        })
        .collect()
}

/// What of a workload does not come about.
fn missing(subject: &Subject<'_>, workload: &Workload, pods: &[&PodTruth]) -> Option<String> {
    let come = arrived(subject, workload, pods.len());
    let count = workload.arrival.count as usize;
    let has_node = pods.iter().any(|pod| pod.bound.is_some());
    if come < count {
        Some(format!(
            "{} of {count} come only when the scenario is over, after {}",
            count - come,
            Human(subject.scenario.duration)
        ))
    } else if !has_node && !is_expected(subject, workload, pods) {
        Some(format!(
            "{} never gets a node, and nothing is expected of it",
            shown(workload)
        ))
    } else {
        None
    }
}

/// How many of a workload came before the end.
fn arrived(subject: &Subject<'_>, workload: &Workload, pods: usize) -> usize {
    match workload.kind {
        Kind::Pod => pods,
        Kind::Job(_) | Kind::Deployment { .. } => owners(subject, workload).count(),
    }
}

/// The names of a workload's Jobs or `ReplicaSets`.
fn owners<'a>(subject: &Subject<'a>, workload: &'a Workload) -> impl Iterator<Item = &'a str> {
    let names = subject.world.control.owners().iter().map(OwnerState::name);
    names.filter(|name| {
        let rest = name.strip_prefix(&workload.name);
        rest.is_some_and(|rest| match rest.strip_prefix('-') {
            Some(number) => workload.arrival.count > 1 && number.parse::<u32>().is_ok(),
            None => rest.is_empty() && workload.arrival.count == 1,
        })
    })
}

fn is_expected<'a>(subject: &Subject<'a>, workload: &'a Workload, pods: &[&PodTruth]) -> bool {
    let of_job = owners(subject, workload).any(|name| {
        subject
            .jobs_expected()
            .any(|(_, expected)| glob::matches(&expected.jobs, name))
    });
    of_job
        || pods.iter().any(|pod| {
            subject
                .pods_expected()
                .any(|(_, expected)| pod.names.matches(&expected.pods))
        })
}
