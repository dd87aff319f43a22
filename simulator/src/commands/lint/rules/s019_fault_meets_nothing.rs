//! A fault that hits nothing.

use pullstop_cluster::scenario::fault::{Fault, FaultKind};
use pullstop_cluster::scenario::glob;
use pullstop_cluster::world::ZERO;
use pullstop_cluster::world::truth::PodTruth;

use crate::commands::lint::subject::Subject;
use crate::commands::lint::{Found, Rule};

pub(super) const RULE: Rule = Rule {
    code: "S019",
    name: "fault-meets-nothing",
    finds: "A fault of pods at a time when none of them exists, or a fault of nodes without pods.",
    matters: "It changes nothing: the scenario is the same without it.",
    help: "move it to a time when such a pod exists, or remove it",
    bad: r#"spec:
  duration: 30m
  images:
  - {image: "registry.example/app:v2", missing: true}
  faults:
  - {at: 20m, deletePods: {pods: tool}}
  workloads:
  - {pod: tool, image: "registry.example/app:v2"}
  expect:
  - {pods: tool, failed: true}
"#,
    good: r#"spec:
  duration: 30m
  images:
  - {image: "registry.example/app:v2", missing: true}
  faults:
  - {at: 1m, deletePods: {pods: tool}}
  workloads:
  - {pod: tool, image: "registry.example/app:v2"}
  expect:
  - {pods: tool, neverFailed: true}
"#,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Found> {
    let scenario = subject.scenario;
    let faults = scenario.faults.iter().zip(&scenario.places.faults);
    faults
        .filter_map(|(fault, place)| Some(Found::at(*place, nothing(subject, fault)?)))
        .collect()
}

/// What is not there, if the fault needs it.
fn nothing(subject: &Subject<'_>, fault: &Fault) -> Option<String> {
    match &fault.what {
        FaultKind::EditImage { pods, .. }
        | FaultKind::DeletePods { pods }
        | FaultKind::FailPods { pods, .. } => {
            let mut named = subject.pods_named(pods);
            let is_met = named.any(|(_, pod)| is_there(pod, fault));
            (!is_met).then(|| format!("no pod `{pods}` is there at this time"))
        }
        FaultKind::KubeletRestart {
            nodes,
            down_for: lasts,
        }
        | FaultKind::SandboxFault { nodes, lasts } => {
            let over = ZERO.after(fault.at + *lasts);
            let is_on = |pod: &&PodTruth| {
                pod.bound.is_some_and(|(node, at)| {
                    at <= over && glob::matches(nodes, &subject.world.cluster.nodes.get(node).name)
                })
            };
            let is_met = subject
                .pods()
                .iter()
                .filter(is_on)
                .any(|pod| is_not_over(pod, fault));
            (!is_met).then(|| format!("no pod is on a node `{nodes}` at this time"))
        }
        FaultKind::ImageGarbage { .. }
        | FaultKind::ImageLoaded { .. }
        | FaultKind::WatchGap { .. }
        | FaultKind::EnforcerRestart { .. }
        | FaultKind::ApiSlow { .. }
        | FaultKind::WriteFault { .. }
        | FaultKind::DuplicateEvents { .. } => None,
    }
}

fn is_there(pod: &PodTruth, fault: &Fault) -> bool {
    pod.created_at <= ZERO.after(fault.at) && is_not_over(pod, fault)
}

fn is_not_over(pod: &PodTruth, fault: &Fault) -> bool {
    pod.ended.is_none_or(|(at, _)| ZERO.after(fault.at) <= at)
}
