//! What the API server does to pods that are written: what it fills in and keeps, and in `check` what may not be.

mod check;

use pullstop_core::image::ImageReference;
use serde_json::{Value, json};

pub(crate) use self::check::{check, check_change, check_status};

use super::value::{default, items, items_mut, members, set, text};

/// Fills in what a pod leaves out.
pub fn set_defaults(pod: &mut Value) {
    let spec = &mut pod["spec"];
    set_template_defaults(spec);
    default(spec, "priority", 0);
    default(spec, "enableServiceLinks", true);
    default(spec, "preemptionPolicy", "PreemptLowerPriority");
    tolerate_bad_nodes(spec);
}

/// Fills in what the specification in a pod template leaves out: less than of a pod, which passes admission.
pub(super) fn set_template_defaults(spec: &mut Value) {
    for list in ["containers", "initContainers"] {
        for container in items_mut(spec, &format!("/{list}")) {
            container_defaults(container);
        }
    }
    members(spec).retain(|_, value| !value.is_null());
    default(spec, "restartPolicy", "Always");
    default(spec, "terminationGracePeriodSeconds", 30);
    default(spec, "dnsPolicy", "ClusterFirst");
    default(spec, "securityContext", json!({}));
    default(spec, "schedulerName", "default-scheduler");
}

/// The status of a new pod.
pub fn begin(pod: &mut Value) {
    let qos = qos_class(&pod["spec"]);
    pod["status"] = json!({"phase": "Pending", "qosClass": qos});
}

fn container_defaults(container: &mut Value) {
    let image = text(container, "/image");
    let latest = ImageReference::parse(image).is_ok_and(|image| match image.tag() {
        Some(tag) => tag == "latest",
        None => image.digest().is_none(),
    });
    let policy = if latest { "Always" } else { "IfNotPresent" };
    default(container, "resources", json!({}));
    default(container, "terminationMessagePath", "/dev/termination-log");
    default(container, "terminationMessagePolicy", "File");
    default(container, "imagePullPolicy", policy);
    for port in items_mut(container, "/ports") {
        default(port, "protocol", "TCP");
    }
}

/// The admission plugin `DefaultTolerationSeconds`: five minutes on a node that is not ready or unreachable.
fn tolerate_bad_nodes(spec: &mut Value) {
    let mut tolerations = items(spec, "/tolerations").to_vec();
    for key in [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ] {
        if tolerations.iter().all(|one| text(one, "/key") != key) {
            tolerations.push(json!({
                "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300,
            }));
        }
    }
    spec["tolerations"] = tolerations.into();
}

fn qos_class(spec: &Value) -> &'static str {
    let containers = || {
        items(spec, "/containers")
            .iter()
            .chain(items(spec, "/initContainers"))
    };
    let amount = |container: &Value, of: &str, what: &str| container["resources"][of][what].clone();
    let asks = |container: &Value| {
        ["requests", "limits"].iter().any(|of| {
            container["resources"][of]
                .as_object()
                .is_some_and(|all| !all.is_empty())
        })
    };
    let guaranteed = |container: &Value| {
        ["cpu", "memory"].iter().all(|what| {
            let limit = amount(container, "limits", what);
            let request = amount(container, "requests", what);
            !limit.is_null() && (request.is_null() || request == limit)
        })
    };
    match () {
        () if !containers().any(asks) => "BestEffort",
        () if containers().all(guaranteed) => "Guaranteed",
        () => "Burstable",
    }
}

/// Fields that a stored pod always shows, since Go has no empty times.
pub(super) fn complete(pod: &mut Value) {
    for condition in items_mut(pod, "/status/conditions") {
        default(condition, "lastProbeTime", Value::Null);
        default(condition, "lastTransitionTime", Value::Null);
    }
    for list in ["containerStatuses", "initContainerStatuses"] {
        for status in items_mut(pod, &format!("/status/{list}")) {
            complete_container(status);
        }
    }
    if pod["status"].is_null() {
        pod["status"] = json!({});
    }
}

fn complete_container(status: &mut Value) {
    for state in ["state", "lastState"] {
        default(status, state, json!({}));
        for (kind, times) in [
            ("running", &["startedAt"][..]),
            ("terminated", &["startedAt", "finishedAt"]),
        ] {
            if let Some(found) = status.pointer_mut(&format!("/{state}/{kind}")) {
                for time in times {
                    default(found, time, Value::Null);
                }
            }
        }
    }
}

/// Puts back what no client can take out of a pod's status: its class, and the generations that were observed.
pub(super) fn keep_status(old: &Value, new: &mut Value) {
    let (old, status) = (&old["status"], &mut new["status"]);
    if let Some(class) = old.get("qosClass") {
        set(status, "qosClass", Some(class.clone()));
    }
    keep_observed_generation(old, status);
    for condition in items_mut(status, "/conditions") {
        let mut before = items(old, "/conditions").iter();
        if let Some(before) = before.find(|one| one["type"] == condition["type"]) {
            keep_observed_generation(before, condition);
        }
    }
}

fn keep_observed_generation(old: &Value, new: &mut Value) {
    if let Some(generation) = old.get("observedGeneration") {
        default(new, "observedGeneration", generation.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn pod(spec: &Value) -> Value {
        let mut pod = json!({"spec": spec});
        set_defaults(&mut pod);
        begin(&mut pod);
        pod
    }

    #[test]
    fn the_pull_policy_follows_the_tag() {
        let policy = |image: &str| {
            let pod = pod(&json!({"containers": [{"name": "a", "image": image}]}));
            text(&pod, "/spec/containers/0/imagePullPolicy").to_owned()
        };
        assert_eq!(policy("a"), "Always");
        assert_eq!(policy("a:latest"), "Always");
        assert_eq!(policy("a:1"), "IfNotPresent");
        assert_eq!(policy("not an image"), "IfNotPresent");
    }

    #[test]
    fn quality_of_service_follows_resources() {
        let class = |resources: Value| {
            let spec = json!({"containers": [{"name": "a", "image": "a", "resources": resources}]});
            text(&pod(&spec), "/status/qosClass").to_owned()
        };
        assert_eq!(class(json!({})), "BestEffort");
        assert_eq!(class(json!({"requests": {"cpu": "1"}})), "Burstable");
        assert_eq!(
            class(json!({"limits": {"cpu": "1", "memory": "1Gi"}})),
            "Guaranteed"
        );
    }
}
