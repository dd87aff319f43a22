//! A pod's status as its kubelet writes it, which leaves the fields of others alone.

use pullstop_apiserver::value::{items, members, set, text};
use pullstop_cluster::scenario::workload::Container;
use pullstop_cluster::world::ZERO;
use pullstop_cluster::world::cluster::Cluster;
use pullstop_cluster::world::pod::{ContainerState, ContainerStatus, Pod, Ready, Status};
use pullstop_core::names::FAILED_REASON;
use pullstop_core::pod::{ContainerKind, Phase};
use pullstop_core::time::Timestamp;
use pullstop_core::wire::timestamp;
use serde_json::{Value, json};

use super::apply::Told;

/// What the kubelet says of a pod whose `activeDeadlineSeconds` are over (`pkg/kubelet/active_deadline.go`).
const DEADLINE: (&str, &str) = (
    "DeadlineExceeded",
    "Pod was active on the node longer than the specified deadline",
);
/// What it says of a container that it cannot find (`pkg/kubelet/status/status_manager.go`).
const NOT_FOUND: &str = "The container could not be located when the pod was terminated";

/// The times that are written.
pub(super) struct Times<'a> {
    /// When the world began.
    pub(super) began: Timestamp,
    /// The present moment.
    pub(super) now: &'a str,
}

impl Times<'_> {
    fn stamp(&self, at: Timestamp) -> String {
        timestamp::print_seconds(self.began.after(at.since(ZERO)))
    }
}

/// Writes all that is the kubelet's, whatever stands there.
pub(super) fn publish(
    object: &mut Value,
    pod: &Pod,
    told: Option<&Told>,
    c: &Cluster,
    times: &Times<'_>,
) {
    set_phase(object, &pod.status, told);
    set_conditions(object, pod, times.now);
    if let Some(started_at) = pod.status.started_at {
        object["status"]["startTime"] = times.stamp(started_at).into();
    }
    for (list, is_listed_init) in [
        ("containerStatuses", false),
        ("initContainerStatuses", true),
    ] {
        let places = pod.template.containers.iter().zip(&pod.status.containers);
        let statuses: Vec<Value> = places
            .enumerate()
            .filter(|(_, (spec, _))| is_init(spec.kind) == is_listed_init)
            .map(|(place, (spec, status))| {
                let mut before = items(object, &format!("/status/{list}")).iter();
                let before = before.find(|one| text(one, "/name") == spec.name);
                let image = c.supply.name(pod.images[place]);
                container_status(spec, image, status, before, times)
            })
            .collect();
        if !statuses.is_empty() {
            object["status"][list] = statuses.into();
        }
    }
}

/// Phase, reason and message. Those of a failed pod come from the client that failed it.
pub(super) fn set_phase(object: &mut Value, status: &Status, told: Option<&Told>) {
    let (reason, message) = match (status.reason, told) {
        (FAILED_REASON, Some(told)) => (told.reason.as_str(), told.message.as_str()),
        (reason, _) if reason == DEADLINE.0 => DEADLINE,
        (reason, _) => (reason, ""),
    };
    let into = &mut object["status"];
    into["phase"] = status.phase.as_str().into();
    let or_none = |words: &str| (!words.is_empty()).then(|| words.into());
    set(into, "reason", or_none(reason));
    set(into, "message", or_none(message));
}

/// Whether it stands among the `initContainers`.
pub(super) const fn is_init(kind: ContainerKind) -> bool {
    matches!(kind, ContainerKind::Init | ContainerKind::Sidecar)
}

/// The list of conditions.
pub(super) fn conditions(object: &mut Value) -> &mut Vec<Value> {
    let status = members(&mut object["status"]);
    let list = status.entry("conditions").or_insert_with(|| json!([]));
    if !list.is_array() {
        *list = json!([]);
    }
    match list {
        Value::Array(list) => list,
        _ => unreachable!("it was made a list"),
    }
}

/// Sets a condition: type, status, reason. The time of its last transition is that of its status.
pub(super) fn set_condition(
    conditions: &mut Vec<Value>,
    (kind, status, reason): (&str, &str, Option<&str>),
    now: &str,
) -> usize {
    let found = conditions.iter().position(|one| text(one, "/type") == kind);
    let place = found.unwrap_or_else(|| {
        conditions.push(json!({"type": kind, "lastProbeTime": null}));
        conditions.len() - 1
    });
    let condition = &mut conditions[place];
    if text(condition, "/status") != status {
        condition["status"] = status.into();
        condition["lastTransitionTime"] = now.into();
    }
    set(condition, "reason", reason.map(Value::from));
    set(condition, "message", None);
    place
}

fn set_conditions(object: &mut Value, pod: &Pod, now: &str) {
    let generation = object["metadata"]["generation"].clone();
    let status = &pod.status;
    let waits = |init: bool| unready(pod, init);
    let (not_initialized, not_ready) = (waits(true), waits(false));
    let (ready, why) = match status.conditions.ready {
        Ready::Yes => ("True", None),
        Ready::Unset | Ready::ContainersNotReady => ("False", Some("ContainersNotReady")),
        Ready::PodFailed => ("False", Some("PodFailed")),
        Ready::PodCompleted => ("False", Some("PodCompleted")),
    };
    let (initialized, why_not) = match (not_initialized.is_empty(), status.phase) {
        (true, Phase::Succeeded) => ("True", Some("PodCompleted")),
        (true, _) => ("True", None),
        (false, _) => ("False", Some("ContainersNotInitialized")),
    };
    let sandbox = if status.conditions.sandbox_ready {
        "True"
    } else {
        "False"
    };
    let all = conditions(object);
    for (condition, names) in [
        (("PodReadyToStartContainers", sandbox, None), None),
        (
            ("Initialized", initialized, why_not),
            Some(("incomplete", &not_initialized)),
        ),
        (("Ready", ready, why), Some(("unready", &not_ready))),
        (
            ("ContainersReady", ready, why),
            Some(("unready", &not_ready)),
        ),
        (("PodScheduled", "True", None), None),
    ] {
        let place = set_condition(all, condition, now);
        if let (Some("ContainersNotReady" | "ContainersNotInitialized"), Some((how, names))) =
            (condition.2, names)
        {
            let message = format!("containers with {how} status: [{}]", names.join(" "));
            all[place]["message"] = message.into();
        }
        if !generation.is_null() {
            all[place]["observedGeneration"] = generation.clone();
        }
    }
    if !generation.is_null() {
        object["status"]["observedGeneration"] = generation;
    }
}

/// The names of the containers that are not ready, or of the init containers that are not done.
fn unready(pod: &Pod, init: bool) -> Vec<&str> {
    let all = pod.template.containers.iter().zip(&pod.status.containers);
    let is_ready = |spec: &Container, state: &ContainerState| match (spec.kind, state) {
        (ContainerKind::Init, ContainerState::Terminated { exit_code, .. }) => *exit_code == 0,
        (_, ContainerState::Running) => spec.kind != ContainerKind::Init,
        _ => false,
    };
    all.filter(|(spec, status)| is_init(spec.kind) == init && !is_ready(spec, &status.state))
        .map(|(spec, _)| spec.name.as_str())
        .collect()
}

fn container_status(
    spec: &Container,
    image: &str,
    status: &ContainerStatus,
    before: Option<&Value>,
    times: &Times<'_>,
) -> Value {
    let is_running = matches!(status.state, ContainerState::Running);
    let old = |pointer: &str| before.and_then(|b| b.pointer(pointer)).cloned();
    let old_count = old("/restartCount").and_then(|count| count.as_u64());
    let same_run = old_count == Some(status.restart_count.into());
    let started_at = old("/state/running/startedAt").filter(|_| same_run);
    let state = match &status.state {
        ContainerState::Waiting { reason, message } if message.is_empty() => {
            json!({"waiting": {"reason": **reason}})
        }
        ContainerState::Waiting { reason, message } => {
            json!({"waiting": {"reason": **reason, "message": **message}})
        }
        ContainerState::Running => {
            let since = started_at.unwrap_or_else(|| times.now.into());
            json!({"running": {"startedAt": since}})
        }
        ContainerState::Terminated {
            exit_code,
            reason,
            finished_at,
        } => {
            let before = old("/state/terminated/startedAt").filter(|_| same_run);
            let mut state = json!({
                "exitCode": exit_code, "reason": reason,
                "startedAt": started_at.or(before),
                "finishedAt": finished_at.map(|at| times.stamp(at)),
            });
            if finished_at.is_none() {
                state["message"] = NOT_FOUND.into();
            }
            json!({"terminated": state})
        }
    };
    json!({
        "name": spec.name, "image": image, "imageID": if is_running { image } else { "" },
        "ready": is_running, "started": is_running, "restartCount": status.restart_count,
        "state": state, "lastState": last_state(spec, status, before),
    })
}

/// What stands in `lastState` of a container that ran before: the end of that run, as far as it was published.
fn last_state(spec: &Container, status: &ContainerStatus, before: Option<&Value>) -> Value {
    if !status.ran {
        return json!({});
    }
    let ended = |pointer: &str| {
        let ended = before?.pointer(pointer)?;
        Some(json!({"terminated": ended}))
    };
    ended("/state/terminated")
        .or_else(|| ended("/lastState/terminated"))
        .unwrap_or_else(|| {
            let reason = if spec.exit_code == 0 {
                "Completed"
            } else {
                "Error"
            };
            json!({"terminated": {"exitCode": spec.exit_code, "reason": reason}})
        })
}
