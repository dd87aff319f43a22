//! A workload that does not come, or never gets a node.

use crate::lint::subject::Subject;
use crate::lint::{Found, Rule};
use crate::scenario::glob;
use crate::scenario::workload::{Kind, Workload};
use crate::world::control::OwnerState;
use crate::world::truth::PodTruth;

pub(super) const RULE: Rule = Rule {
    code: "S011",
    name: "never-starts",
    finds: "Workloads of which some come only after the end, or none ever gets a node although nothing is expected of them.",
    matters: "What was to be simulated does not happen, and nobody notices.",
    help: "raise `duration`, let them come earlier, or give them room",
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
    let mut found = Vec::new();
    let workloads = scenario.workloads.iter().zip(&scenario.places.workloads);
    for (index, (workload, place)) in workloads.enumerate() {
        let pods = || {
            let all = subject.pods().iter();
            all.filter(move |pod| subject.workload_of(pod) == Some(index))
        };
        let (come, count) = (
            arrived(subject, workload, pods().count()),
            workload.arrival.count as usize,
        );
        if come < count {
            let message = format!(
                "{} is over before {} of {count} come",
                scenario.name,
                count - come
            );
            found.push(Found::at(*place, message));
        } else if pods().all(|pod| pod.bound.is_none()) && !is_expected(subject, workload, pods()) {
            let message = format!(
                "no pod of {} ever gets a node, and nothing is expected of it",
                workload.shown()
            );
            found.push(Found::at(*place, message));
        }
    }
    found
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

fn is_expected<'a>(
    subject: &Subject<'a>,
    workload: &'a Workload,
    mut pods: impl Iterator<Item = &'a PodTruth>,
) -> bool {
    let of_job = owners(subject, workload).any(|name| {
        subject
            .jobs_expected()
            .any(|(_, expected)| glob::matches(&expected.jobs, name))
    });
    of_job
        || pods.any(|pod| {
            subject
                .pods_expected()
                .any(|(_, expected)| pod.names.matches(&expected.pods))
        })
}
