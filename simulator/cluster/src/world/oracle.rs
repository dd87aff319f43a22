//! The oracle: what would have become of a pod. It knows the scenario, and no policy can ask it.

use pullstop_core::time::Timestamp;

use super::ZERO;
use super::cluster::Cluster;
use super::ids::ImageId;
use super::pod::{ContainerState, Pod};
use crate::scenario::fault::FaultKind;
use crate::scenario::glob;
use crate::scenario::workload::PullPolicy;

/// When all images of `pod` can be had on its node, if nobody fails it; `None` is never.
///
/// Chance counts as luck: where a registry fails only some pulls, the next one succeeds. What other pods may pull onto
/// the node for a container that never pulls is not looked into.
pub fn heals_at(c: &Cluster, pod: &Pod) -> Option<Timestamp> {
    let mut all_at = c.now;
    for place in 0..pod.images.len() {
        let status = pod.status.containers.get(place);
        let has_run =
            status.is_some_and(|s| s.ran || !matches!(s.state, ContainerState::Waiting { .. }));
        if !has_run {
            all_at = all_at.max(container_heals_at(c, pod, place)?);
        }
    }
    (!ends_before(c, pod, all_at)).then_some(all_at)
}

/// From now until the next edit with the present image, from there until the next with that one, and so on.
fn container_heals_at(c: &Cluster, pod: &Pod, place: usize) -> Option<Timestamp> {
    let edits = c.faults.iter().filter_map(|fault| match &fault.what {
        FaultKind::EditImage {
            pods,
            container,
            image,
        } if ZERO.after(fault.at) > c.now
            && pod.names.matches(pods)
            && pod.template.place_of(container) == Some(place) =>
        {
            Some((ZERO.after(fault.at), c.supply.known(image)))
        }
        _ => None,
    });
    let (mut from, mut image) = (c.now, Some(pod.images[place]));
    for (at, next) in edits {
        let healed = image.and_then(|image| image_at(c, pod, place, image, from));
        if healed.is_some_and(|healed| healed < at) {
            return healed;
        }
        (from, image) = (at, next);
    }
    image.and_then(|image| image_at(c, pod, place, image, from))
}

/// When the pod's node can have `image`, at `from` or later.
fn image_at(
    c: &Cluster,
    pod: &Pod,
    place: usize,
    image: ImageId,
    from: Timestamp,
) -> Option<Timestamp> {
    let node = pod.node?;
    if !c.supply.parses(image) {
        return None;
    }
    let policy = pod.template.containers[place].pull_policy;
    let pulled = match policy {
        PullPolicy::Never => None,
        PullPolicy::Always | PullPolicy::IfNotPresent => {
            let pull = c.nodes.pull(node, image, &pod.template.secrets);
            c.supply.pullable_from(from, &pull)
        }
    };
    let loaded = match policy {
        PullPolicy::Always => None,
        PullPolicy::Never | PullPolicy::IfNotPresent => loaded_at(c, pod, image, from),
    };
    [pulled, loaded].into_iter().flatten().min()
}

/// When `image` lies on the pod's node without being pulled.
fn loaded_at(c: &Cluster, pod: &Pod, image: ImageId, from: Timestamp) -> Option<Timestamp> {
    let node = c.nodes.get(pod.node?);
    if node.has(image) {
        return Some(from);
    }
    c.faults.iter().find_map(|fault| match &fault.what {
        FaultKind::ImageLoaded {
            nodes,
            image: loaded,
        } if ZERO.after(fault.at) > c.now
            && glob::matches(nodes, &node.name)
            && c.supply.known(loaded) == Some(image) =>
        {
            Some(ZERO.after(fault.at).max(from))
        }
        _ => None,
    })
}

/// Whether the pod ends anyway before `at`: by its own deadline, or because a user deletes or fails it.
fn ends_before(c: &Cluster, pod: &Pod, at: Timestamp) -> bool {
    let deadline = pod.template.active_deadline;
    let by_deadline = deadline
        .zip(pod.status.started_at)
        .is_some_and(|(deadline, started)| started.after(deadline) <= at);
    let by_hand = c.faults.iter().any(|fault| match &fault.what {
        FaultKind::DeletePods { pods } | FaultKind::FailPods { pods, .. } => {
            let when = ZERO.after(fault.at);
            c.now < when && when <= at && pod.names.matches(pods)
        }
        _ => false,
    });
    pod.deleting_since.is_some() || by_deadline || by_hand
}
