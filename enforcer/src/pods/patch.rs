//! The bodies of writes to pods, as JSON. docs/design.md explains the durable write.

use pullstop_core::engine::{Decision, Memory};
use pullstop_core::names::{
    EVENT_CONTROLLER, FAILED_ANNOTATION, FAILED_CONDITION, FAILED_REASON, FAILING_REASON,
    WARNING_CONDITION,
};
use pullstop_core::pod::{PodRef, ResourceVersion};
use pullstop_core::time::{Human, Timestamp};
use pullstop_core::wire::timestamp;
use serde_json::{Value, json};

use super::memory;
use crate::api::shorten;

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
    let first = timestamp::print_seconds(*first_failure_at);
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
    patch["metadata"]["annotations"] = json!({ FAILED_ANNOTATION: timestamp::print(now) });
    patch["status"] = json!({
        "phase": "Failed",
        "reason": FAILED_REASON,
        "message": message,
        "conditions": [condition(FAILED_CONDITION, "True", decision.cause.as_str(), message, now)],
    });
    patch
}

/// The warning, on `pods/status`. It has a condition of its own, so that the one that remembers stays.
pub fn warn(decision: &Decision, message: &str, now: Timestamp) -> Value {
    let mut patch = precondition(&decision.pod, decision.resource_version);
    let condition = condition(
        WARNING_CONDITION,
        "True",
        decision.cause.as_str(),
        message,
        now,
    );
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
        vec![removal(FAILED_CONDITION), removal(WARNING_CONDITION)]
    } else {
        vec![condition(
            FAILED_CONDITION,
            "False",
            FAILING_REASON,
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
    (action, reason): (&str, &str),
    message: &str,
    reporter: &str,
    now: Timestamp,
) -> Value {
    let name = about["name"].as_str().unwrap_or_default();
    json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": { "name": event_name(name, now), "namespace": namespace },
        "eventTime": timestamp::print_micros(now),
        "reportingController": EVENT_CONTROLLER,
        "reportingInstance": shorten(reporter, 128),
        "action": action,
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
        "lastTransitionTime": timestamp::print_seconds(now),
    })
}

fn removal(kind: &str) -> Value {
    json!({ "type": kind, "$patch": "delete" })
}
