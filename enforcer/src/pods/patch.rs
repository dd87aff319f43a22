//! The writes to pods, as JSON. docs/design.md says why the durable write is as it is.

use pullstop_core::engine::{Decision, Memory};
use pullstop_core::pod::{PodRef, ResourceVersion};
use pullstop_core::time::{Human, Timestamp};
use serde_json::{Value, json};

use super::memory::{self, CONDITION, FAILING};
use crate::api::shorten;
use crate::clock;

/// `status.reason` of a pod that was failed, and the reason of its event.
pub const REASON: &str = "ImagePullFailed";
/// Reason of the event when a verdict is to warn.
pub const REASON_WARNING: &str = "ImagePullFailing";
/// The annotation that makes the kubelet take the failure over: a change of the status alone it would undo.
pub const ANNOTATION: &str = "pullstop.dev/image-pull-failed";
/// The condition of a pod that was warned of.
pub const WARNING: &str = "pullstop.dev/ImagePullWarning";

/// The API server refuses longer notes of events (`events.k8s.io/v1`).
const MESSAGE_BYTES_MAX: usize = 1024;

/// What people read on the pod and in its event.
pub fn message(decision: &Decision, last_error: &str) -> String {
    let Decision {
        container,
        image,
        cause,
        failures,
        first_failure_at,
        decided_at,
        rule,
        ..
    } = decision;
    let pulls = if *failures == 1 {
        "failed pull"
    } else {
        "failed pulls"
    };
    let since = Human(decided_at.since(*first_failure_at));
    let first = clock::print_seconds(*first_failure_at);
    let mut text = format!(
        "container {container} cannot get its image {image}: {cause}, {failures} {pulls} within {since} \
         since {first} (rule {rule})"
    );
    if !last_error.is_empty() {
        text.push_str("; the last error: ");
        text.push_str(last_error);
    }
    shorten(&text, MESSAGE_BYTES_MAX)
}

/// The durable write, on `pods/status`.
pub fn fail(decision: &Decision, message: &str, now: Timestamp) -> Value {
    let mut patch = precondition(&decision.pod, decision.resource_version);
    patch["metadata"]["annotations"] = json!({ ANNOTATION: clock::print(now) });
    patch["status"] = json!({
        "phase": "Failed",
        "reason": REASON,
        "message": message,
        "conditions": [condition(CONDITION, "True", decision.cause.as_str(), message, now)],
    });
    patch
}

/// The warning, on `pods/status`. It has a condition of its own, so that the one that remembers stays.
pub fn warn(decision: &Decision, message: &str, now: Timestamp) -> Value {
    let mut patch = precondition(&decision.pod, decision.resource_version);
    let condition = condition(WARNING, "True", decision.cause.as_str(), message, now);
    patch["status"] = json!({ "conditions": [condition] });
    patch
}

/// What is to be remembered, on `pods/status`; an empty list takes all conditions of ours away.
pub fn remember(
    pod: &PodRef,
    version: ResourceVersion,
    memories: &[Memory],
    now: Timestamp,
) -> Value {
    let mut patch = precondition(pod, version);
    let conditions = if memories.is_empty() {
        vec![removal(CONDITION), removal(WARNING)]
    } else {
        vec![condition(
            CONDITION,
            "False",
            FAILING,
            &memory::encode(memories),
            now,
        )]
    };
    patch["status"] = json!({ "conditions": conditions });
    patch
}

/// The last resort, on the pod itself: it may run for one second from its start on, which has long passed.
pub fn deadline(decision: &Decision) -> Value {
    let mut patch = precondition(&decision.pod, decision.resource_version);
    patch["spec"] = json!({ "activeDeadlineSeconds": 1 });
    patch
}

/// An event about `about`, an object reference, in its namespace.
pub fn event(
    about: &Value,
    namespace: &str,
    reason: &str,
    message: &str,
    reporter: &str,
    now: Timestamp,
) -> Value {
    let name = about["name"].as_str().unwrap_or_default();
    json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": { "name": event_name(name, now), "namespace": namespace },
        "eventTime": clock::print_micros(now),
        "reportingController": "pullstop.dev/enforcer",
        "reportingInstance": shorten(reporter, 128),
        "action": "JudgeImagePull",
        "reason": reason,
        "note": message,
        "type": "Warning",
        "regarding": about,
    })
}

/// The pod's name and the moment, as Kubernetes' own recorders name events. At most 253 characters.
fn event_name(name: &str, now: Timestamp) -> String {
    let name: String = name.chars().take(230).collect();
    format!("{name}.{:x}", now.as_millis())
}

/// The patch is refused if the pod is another one (422) or has changed (409).
fn precondition(pod: &PodRef, version: ResourceVersion) -> Value {
    json!({ "metadata": { "uid": pod.uid(), "resourceVersion": version.to_string() } })
}

fn condition(kind: &str, status: &str, reason: &str, message: &str, now: Timestamp) -> Value {
    json!({
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": clock::print_seconds(now),
    })
}

fn removal(kind: &str) -> Value {
    json!({ "type": kind, "$patch": "delete" })
}
