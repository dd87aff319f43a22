//! Pods as `kubectl get pods` shows them: the columns, and what stands in them.

use pullstop_core::time::Timestamp;
use serde_json::Value;

use super::{NONE, since};
use crate::value::{items, text};

/// The columns with their descriptions, as Kubernetes 1.36.2 has them.
pub(super) fn columns() -> Value {
    serde_json::from_str(include_str!("pod_columns.json")).unwrap_or_default()
}

/// What stands in them.
pub(super) fn cells(pod: &Value, now: Timestamp) -> Vec<String> {
    let containers = Containers::of(pod);
    let or_none = |pointer: &str| match text(pod, pointer) {
        "" => NONE.to_owned(),
        found => found.to_owned(),
    };
    vec![
        text(pod, "/metadata/name").to_owned(),
        format!("{}/{}", containers.ready, containers.total),
        status(pod, containers.reason),
        restarts(containers.restarts, containers.last_restart, now),
        since(text(pod, "/metadata/creationTimestamp"), now),
        or_none("/status/podIP"),
        or_none("/spec/nodeName"),
        or_none("/status/nominatedNodeName"),
        gates(pod),
    ]
}

fn status(pod: &Value, of_containers: Option<String>) -> String {
    let phase = text(pod, "/status/phase");
    let pod_reason = text(pod, "/status/reason");
    let deleted = !pod["metadata"]["deletionTimestamp"].is_null();
    if deleted && pod_reason == "NodeLost" {
        return "Unknown".to_owned();
    }
    if deleted && !matches!(phase, "Succeeded" | "Failed") {
        return "Terminating".to_owned();
    }
    let gated = condition(pod, "PodScheduled")
        .is_some_and(|condition| text(condition, "/reason") == "SchedulingGated");
    let own = match (gated, pod_reason) {
        (true, _) => "SchedulingGated",
        (false, "") => phase,
        (false, reason) => reason,
    };
    of_containers.unwrap_or_else(|| own.to_owned())
}

/// What the containers' states say together.
#[derive(Default)]
struct Containers<'a> {
    reason: Option<String>,
    ready: usize,
    total: usize,
    restarts: u64,
    last_restart: &'a str,
}

impl<'a> Containers<'a> {
    fn of(pod: &'a Value) -> Self {
        let sidecars = items(pod, "/spec/initContainers")
            .iter()
            .filter(|one| is_sidecar(one));
        let mut all = Self {
            total: items(pod, "/spec/containers").len() + sidecars.count(),
            ..Self::default()
        };
        let initializing = all.take_init(pod);
        if !initializing || !in_init(pod) {
            all.take_main(pod);
        }
        all
    }

    /// Whether an init container is still at work, or has failed.
    fn take_init(&mut self, pod: &'a Value) -> bool {
        let specs = items(pod, "/spec/initContainers");
        for (at, status) in items(pod, "/status/initContainerStatuses")
            .iter()
            .enumerate()
        {
            let same_name = |spec: &&Value| spec["name"] == status["name"];
            let sidecar = specs.iter().find(same_name).is_some_and(is_sidecar);
            if sidecar || in_init(pod) {
                self.count(status);
            }
            let done = status.pointer("/state/terminated/exitCode") == Some(&Value::from(0));
            if sidecar && status["started"] == true {
                self.ready += usize::from(status["ready"] == true);
            } else if !done {
                let found = ended(status).or_else(|| match text(status, "/state/waiting/reason") {
                    "" | "PodInitializing" => None,
                    reason => Some(reason.to_owned()),
                });
                let reason = found.unwrap_or_else(|| format!("{at}/{}", specs.len()));
                self.reason = Some(format!("Init:{reason}"));
                return true;
            }
        }
        false
    }

    fn take_main(&mut self, pod: &'a Value) {
        let mut running = false;
        for status in items(pod, "/status/containerStatuses").iter().rev() {
            self.count(status);
            let waiting = text(status, "/state/waiting/reason");
            if !waiting.is_empty() {
                self.reason = Some(waiting.to_owned());
            } else if let Some(reason) = ended(status) {
                self.reason = Some(reason);
            } else if status["ready"] == true && status["state"]["running"].is_object() {
                running = true;
                self.ready += 1;
            }
        }
        if running && self.reason.as_deref() == Some("Completed") {
            let ready = condition(pod, "Ready").is_some_and(|one| text(one, "/status") == "True");
            self.reason = Some(if ready { "Running" } else { "NotReady" }.to_owned());
        }
    }

    fn count(&mut self, status: &'a Value) {
        self.restarts += status["restartCount"].as_u64().unwrap_or(0);
        // Times in RFC 3339 and UTC are in order as text.
        let finished = text(status, "/lastState/terminated/finishedAt");
        self.last_restart = self.last_restart.max(finished);
    }
}

/// Whether the pod is still at its init containers; afterwards their restarts do not count.
fn in_init(pod: &Value) -> bool {
    condition(pod, "Initialized").is_none_or(|one| text(one, "/status") != "True")
}

/// Why a container has ended, if it has.
fn ended(status: &Value) -> Option<String> {
    let terminated = status.pointer("/state/terminated")?;
    let number = |member: &str| terminated[member].as_i64().unwrap_or(0);
    Some(match (text(terminated, "/reason"), number("signal")) {
        ("", 0) => format!("ExitCode:{}", number("exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    })
}

fn is_sidecar(container: &Value) -> bool {
    text(container, "/restartPolicy") == "Always"
}

fn condition<'a>(pod: &'a Value, kind: &str) -> Option<&'a Value> {
    let mut conditions = items(pod, "/status/conditions").iter();
    conditions.find(|condition| text(condition, "/type") == kind)
}

fn restarts(count: u64, last: &str, now: Timestamp) -> String {
    if count == 0 || last.is_empty() {
        return count.to_string();
    }
    format!("{count} ({} ago)", since(last, now))
}

fn gates(pod: &Value) -> String {
    let gates = items(pod, "/spec/readinessGates");
    let open = gates.iter().filter(|gate| {
        let found = condition(pod, text(gate, "/conditionType"));
        found.is_some_and(|condition| text(condition, "/status") == "True")
    });
    match gates.len() {
        0 => NONE.to_owned(),
        all => format!("{}/{all}", open.count()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::moment;
    use serde_json::json;

    fn shown(pod: &Value) -> String {
        let cells = cells(pod, moment("2026-11-22T16:10:00Z").unwrap());
        cells[1..4].join(" ")
    }

    #[test]
    fn the_status_is_that_of_the_container_that_matters() {
        let spec = json!({"containers": [{"name": "a"}, {"name": "b"}], "initContainers": [{"name": "i"}]});
        let waiting = |reason: &str| json!({"state": {"waiting": {"reason": reason}}});
        let running = json!({"ready": true, "state": {"running": {}}});
        for (status, expected) in [
            (json!({"phase": "Pending"}), "0/2 Pending 0"),
            (
                json!({"phase": "Failed", "reason": "Evicted"}),
                "0/2 Evicted 0",
            ),
            (
                json!({"phase": "Pending", "initContainerStatuses": [waiting("ErrImagePull")]}),
                "0/2 Init:ErrImagePull 0",
            ),
            (
                json!({"phase": "Pending", "initContainerStatuses": [waiting("PodInitializing")]}),
                "0/2 Init:0/1 0",
            ),
            (
                json!({"phase": "Pending", "containerStatuses": [running, waiting("ImagePullBackOff")]}),
                "1/2 ImagePullBackOff 0",
            ),
            (
                json!({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"exitCode": 3}}}]}),
                "0/2 ExitCode:3 0",
            ),
            (
                json!({"phase": "Running", "containerStatuses": [{
                    "ready": true, "state": {"running": {}}, "restartCount": 2,
                    "lastState": {"terminated": {"finishedAt": "2026-11-22T16:09:00Z"}},
                }]}),
                "1/2 Running 2 (60s ago)",
            ),
        ] {
            assert_eq!(shown(&json!({"spec": spec, "status": status})), expected);
        }
        let deleted =
            json!({"metadata": {"deletionTimestamp": "x"}, "status": {"phase": "Running"}});
        assert_eq!(shown(&deleted), "0/0 Terminating 0");
    }
}
