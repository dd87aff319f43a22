//! Infers the nodes of the cluster.

use std::collections::BTreeSet;
use std::time::Duration;

use pullstop_cluster::pull_errors::Runtime;
use pullstop_cluster::scenario::workload::PullPolicy;
use pullstop_cluster::scenario::{Joins, NodeGroup, Resources};

use super::notes::Notes;
use super::observed::ObservedPod;
use super::recording::Recording;
use super::workloads::requests;
use crate::recorded::label;

/// The group of a node that never comes, for pods that were never placed.
const NOWHERE: &str = "nowhere";
/// Longer than any scenario.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// One group of one node for each that was seen.
pub(super) fn of(recording: &Recording, runtime: Runtime, notes: &mut Notes) -> Vec<NodeGroup> {
    let names: BTreeSet<&str> = recording.pods.iter().filter_map(node_of).collect();
    let mut groups: Vec<NodeGroup> = names
        .iter()
        .map(|name| NodeGroup::usual(label(name)))
        .collect();
    if recording.pods.iter().any(|pod| node_of(pod).is_none()) {
        notes.add("Pods that never got a node wait for one that never joins.");
        groups.push(NodeGroup {
            joins: Joins::Scaled { boots_in: NEVER },
            ..NodeGroup::usual(NOWHERE.to_owned())
        });
    }
    notes.add("How the kubelets pull (serialized or not, registryPullQPS) cannot be seen: they have the defaults.");
    let hangs = !recording.all_hung().is_empty();
    if hangs && recording.pods.len() > 1 {
        notes.add("But one that hangs in a pull still pulls for other pods.");
    }
    let images = images(recording);
    for group in &mut groups {
        group.runtime = runtime;
        if hangs {
            group.kubelet.parallel_pulls_max = None;
        }
        group.images.clone_from(&images);
        let pods = recording.pods.iter();
        let needs = pods.fold(Resources::default(), |sum, pod| sum.plus(&requests(pod)));
        let has = &mut group.capacity;
        has.cpu_millis = has.cpu_millis.max(needs.cpu_millis);
        has.memory_mib = has.memory_mib.max(needs.memory_mib);
        has.gpus = has.gpus.max(needs.gpus);
        has.pods = has.pods.max(needs.pods);
    }
    groups
}

/// The group that a pod needs; none if there is only one.
pub(super) fn group_of(pod: &ObservedPod, groups: &[NodeGroup]) -> Option<String> {
    let name = node_of(pod).map_or_else(|| NOWHERE.to_owned(), label);
    (groups.len() > 1).then_some(name)
}

/// The pattern that means a pod's node.
pub(super) fn pattern_of(pod: &ObservedPod) -> String {
    node_of(pod).map_or_else(|| "*".to_owned(), |node| format!("{}-*", label(node)))
}

fn node_of(pod: &ObservedPod) -> Option<&str> {
    pod.bound.as_ref().map(|(node, _)| node.as_str())
}

/// What lay on the nodes from the start: what the kubelet says so of, and what ran although it is never pulled.
fn images(recording: &Recording) -> Vec<String> {
    let mut images = recording.present.clone();
    let never = format!("{:?}", PullPolicy::Never);
    for container in recording.pods.iter().flat_map(|pod| &pod.containers) {
        if container.pull_policy == never && container.never_pulled_at.is_none() && container.ran {
            images.insert(container.image.clone());
        }
    }
    let used = |image: &String| {
        let mut containers = recording.pods.iter().flat_map(|pod| &pod.containers);
        containers.any(|container| container.image == *image)
            || recording
                .pods
                .iter()
                .flat_map(|pod| &pod.edits)
                .any(|(_, _, new)| new == image)
    };
    images.into_iter().filter(used).collect()
}
