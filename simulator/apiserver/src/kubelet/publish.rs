//! What a kubelet writes into a pod's status.

use serde_json::{Value, json};

use crate::value::{items, items_mut, members, set, text};

/// The conditions by which others see that the kubelet agrees.
pub(super) fn agree(pod: &mut Value) {
    let reason = match text(pod, "/status/phase") {
        "Succeeded" => "PodCompleted",
        _ => "PodFailed",
    };
    for kind in ["Ready", "ContainersReady"] {
        let condition = condition(pod, kind);
        set(condition, "status", Some("False".into()));
        set(condition, "reason", Some(reason.into()));
        members(condition).remove("message");
    }
}

/// The kubelet has seen this generation of the pod.
pub(super) fn observe(pod: &mut Value) {
    let generation = pod["metadata"]["generation"].clone();
    if generation.is_null() {
        return;
    }
    let status = &mut pod["status"];
    for condition in items_mut(status, "/conditions") {
        set(condition, "observedGeneration", Some(generation.clone()));
    }
    status["observedGeneration"] = generation;
}

/// While a pod is shut down, what was wrong with its images is not said any more.
pub(super) fn forget_pulls(pod: &mut Value) {
    for status in items_mut(pod, "/status/containerStatuses") {
        if status["state"]["waiting"].is_object() {
            set(
                status,
                "state",
                Some(json!({"waiting": {"reason": "ContainerCreating"}})),
            );
        }
    }
}

/// The pod's sandbox is stopped.
pub(super) fn sandbox_gone(pod: &mut Value, now: &str) {
    let condition = condition(pod, "PodReadyToStartContainers");
    if text(condition, "/status") != "False" {
        set(condition, "status", Some("False".into()));
        set(condition, "lastTransitionTime", Some(now.into()));
    }
}

/// Containers that never ran are said to have been terminated, with a code for a process that was killed.
pub(super) fn terminate(pod: &mut Value) {
    for status in items_mut(pod, "/status/containerStatuses") {
        if status["state"]["terminated"].is_null() {
            set(
                status,
                "state",
                Some(json!({"terminated": {
                    "exitCode": 137, "reason": "ContainerStatusUnknown",
                    "message": "The container could not be located when the pod was terminated",
                    "startedAt": null, "finishedAt": null,
                }})),
            );
        }
    }
}

/// The condition of this kind; a new one if there is none.
fn condition<'a>(pod: &'a mut Value, kind: &str) -> &'a mut Value {
    let status = members(&mut pod["status"]);
    let conditions = status.entry("conditions").or_insert_with(|| json!([]));
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let place = items(conditions, "")
        .iter()
        .position(|one| text(one, "/type") == kind);
    let place = place.unwrap_or_else(|| {
        let new = json!({"type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": null});
        let all = conditions.as_array_mut();
        all.map_or(0, |all| {
            all.push(new);
            all.len() - 1
        })
    });
    &mut conditions[place]
}
