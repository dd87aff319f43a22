//! What the API server does to pods that are written: defaults, and what may not be.

use pullstop_core::image::ImageReference;
use serde_json::{Value, json};

use super::names;
use super::status::FieldError;
use super::value::{default, items, items_mut, members, set, text};

/// `activeDeadlineSeconds` is a positive `int32`.
const DEADLINE_MAX: i64 = 2_147_483_647;

/// Fills in what a pod leaves out.
pub(super) fn set_defaults(pod: &mut Value) {
    let spec = &mut pod["spec"];
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
    default(spec, "priority", 0);
    default(spec, "enableServiceLinks", true);
    default(spec, "preemptionPolicy", "PreemptLowerPriority");
    tolerate_trouble(spec);
}

/// The status of a new pod.
pub(super) fn begin(pod: &mut Value) {
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

/// The admission plugin `DefaultTolerationSeconds`: five minutes on a node in trouble.
fn tolerate_trouble(spec: &mut Value) {
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

/// What is wrong with a pod on its own.
pub(super) fn check(pod: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if items(pod, "/spec/containers").is_empty() {
        errors.push(FieldError::required("spec.containers", ""));
    }
    for list in ["containers", "initContainers"] {
        errors.extend(check_containers(pod, list));
    }
    let policy = text(pod, "/spec/restartPolicy");
    let known = ["Always", "OnFailure", "Never"];
    if !policy.is_empty() && !known.contains(&policy) {
        let shown = format!("\"{policy}\"");
        errors.push(FieldError::not_supported(
            "spec.restartPolicy",
            &shown,
            &known,
        ));
    }
    errors.extend(check_tolerations(pod));
    if let Some(seconds) = pod["spec"]["activeDeadlineSeconds"].as_i64() {
        errors.extend(deadline_between(1, seconds));
    }
    errors
}

fn check_containers(pod: &Value, list: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let containers = items(pod, &format!("/spec/{list}"));
    for (at, container) in containers.iter().enumerate() {
        let field = |member: &str| format!("spec.{list}[{at}].{member}");
        let name = text(container, "/name");
        let taken = containers[..at]
            .iter()
            .any(|one| text(one, "/name") == name);
        if name.is_empty() {
            errors.push(FieldError::required(field("name"), ""));
        } else if let Some(why) = names::label(name) {
            errors.push(FieldError::invalid(
                field("name"),
                &format!("\"{name}\""),
                why,
            ));
        } else if taken {
            errors.push(FieldError::duplicate(field("name"), name));
        }
        errors.extend(check_image(container, field("image")));
        let policy = text(container, "/imagePullPolicy");
        let known = ["Always", "IfNotPresent", "Never"];
        if !policy.is_empty() && !known.contains(&policy) {
            let shown = format!("\"{policy}\"");
            errors.push(FieldError::not_supported(
                field("imagePullPolicy"),
                &shown,
                &known,
            ));
        }
    }
    errors
}

fn check_image(container: &Value, field: String) -> Option<FieldError> {
    let image = text(container, "/image");
    let why = "must not have leading or trailing whitespace";
    match image.trim() {
        "" if image.is_empty() => Some(FieldError::required(field, "")),
        trimmed if trimmed == image => None,
        _ => Some(FieldError::invalid(field, &format!("\"{image}\""), why)),
    }
}

fn check_tolerations(pod: &Value) -> Vec<FieldError> {
    let tolerations = items(pod, "/spec/tolerations").iter().enumerate();
    let odd = tolerations.filter(|(_, one)| {
        !one["tolerationSeconds"].is_null() && text(one, "/effect") != "NoExecute"
    });
    let why = "effect must be 'NoExecute' when `tolerationSeconds` is set";
    odd.map(|(at, one)| {
        let effect = format!("\"{}\"", text(one, "/effect"));
        FieldError::invalid(format!("spec.tolerations[{at}].effect"), &effect, why)
    })
    .collect()
}

/// What is wrong with a change of a pod's specification.
pub(super) fn check_change(old: &Value, new: &Value) -> Vec<FieldError> {
    let mut errors = check(new);
    for list in ["containers", "initContainers"] {
        let of = |pod: &Value| items(pod, &format!("/spec/{list}")).len();
        if of(old) != of(new) {
            let why = "pod updates may not add or remove containers";
            errors.push(FieldError::forbidden(format!("spec.{list}"), why));
            return errors;
        }
    }
    for list in ["containers", "initContainers"] {
        // Images are looked at once more.
        let containers = items(new, &format!("/spec/{list}")).iter().enumerate();
        let again = containers.filter_map(|(at, container)| {
            check_image(container, format!("spec.{list}[{at}].image"))
        });
        errors.extend(again);
    }
    errors.extend(check_tolerations(new));
    errors.extend(check_deadline(old, new));
    if !keeps_tolerations(old, new) {
        let why = "existing toleration can not be modified except its tolerationSeconds";
        errors.push(FieldError::forbidden("spec.tolerations", why));
    } else if fixed_part(old, old) != fixed_part(new, old) {
        errors.push(FieldError::forbidden("spec", FIXED));
    }
    errors
}

/// The API server adds the difference of the two specifications.
const FIXED: &str = "pod updates may not change fields other than `spec.containers[*].image`,\
                     `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions \
                     to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it \
                     was previously negative)";

fn check_deadline(old: &Value, new: &Value) -> Option<FieldError> {
    let of = |pod: &Value| pod["spec"]["activeDeadlineSeconds"].as_i64();
    let field = "spec.activeDeadlineSeconds";
    match (of(old), of(new)) {
        (_, Some(new)) if !(0..=DEADLINE_MAX).contains(&new) => deadline_between(0, new),
        (Some(old), Some(new)) if new > old => {
            let why = "must be less than or equal to previous value";
            Some(FieldError::invalid(field, &new.to_string(), why))
        }
        (Some(_), None) => {
            let why = "must not update from a positive integer to nil value";
            Some(FieldError::invalid(field, "null", why))
        }
        _ => None,
    }
}

fn deadline_between(least: i64, seconds: i64) -> Option<FieldError> {
    let why = format!("must be between {least} and {DEADLINE_MAX}, inclusive");
    let field = "spec.activeDeadlineSeconds";
    (!(least..=DEADLINE_MAX).contains(&seconds))
        .then(|| FieldError::invalid(field, &seconds.to_string(), &why))
}

/// Tolerations may be added, and last longer or shorter.
fn keeps_tolerations(old: &Value, new: &Value) -> bool {
    let lasting = |pod: &Value| {
        let mut tolerations = items(pod, "/spec/tolerations").to_vec();
        for toleration in &mut tolerations {
            members(toleration).remove("tolerationSeconds");
        }
        tolerations
    };
    let new = lasting(new);
    lasting(old).iter().all(|one| new.contains(one))
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

/// What is wrong with a change of a pod's status.
pub(super) fn check_status(old: &Value, new: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (at, condition) in items(new, "/status/conditions").iter().enumerate() {
        let kind = text(condition, "/type");
        let field = format!("status.conditions[{at}].Type");
        let wrong = names::key(kind).into_iter();
        errors.extend(wrong.map(|why| FieldError::invalid(&field, &format!("\"{kind}\""), &why)));
    }
    for list in ["containerStatuses", "initContainerStatuses"] {
        errors.extend(check_ends(old, new, list));
    }
    errors
}

/// A container that has ended does not come back, unless the pod restarts it.
fn check_ends(old: &Value, new: &Value, list: &str) -> Vec<FieldError> {
    let policy = text(new, "/spec/restartPolicy");
    let pointer = format!("/status/{list}");
    let statuses = items(old, &pointer).iter().enumerate();
    let ended = statuses.filter(|(_, status)| {
        let exit = status.pointer("/state/terminated/exitCode");
        match policy {
            "Never" => status.pointer("/state/terminated").is_some(),
            "OnFailure" => exit.and_then(Value::as_i64) == Some(0),
            _ => false,
        }
    });
    let back = ended.filter(|(_, status)| {
        let mut now = items(new, &pointer).iter();
        now.any(|one| one["name"] == status["name"] && one.pointer("/state/terminated").is_none())
    });
    let why = "may not be transitioned to non-terminated state";
    back.map(|(at, _)| FieldError::forbidden(format!("status.{list}[{at}].state"), why))
        .collect()
}

/// The specification without what may change.
fn fixed_part(pod: &Value, old: &Value) -> Value {
    let mut spec = pod["spec"].clone();
    for list in ["containers", "initContainers"] {
        for container in items_mut(&mut spec, &format!("/{list}")) {
            members(container).remove("image");
        }
    }
    let fixed = members(&mut spec);
    fixed.remove("tolerations");
    fixed.remove("activeDeadlineSeconds");
    if pod["spec"]["terminationGracePeriodSeconds"] == 1
        && old["spec"]["terminationGracePeriodSeconds"].as_i64() < Some(0)
    {
        let before = old["spec"]["terminationGracePeriodSeconds"].clone();
        fixed.insert("terminationGracePeriodSeconds".to_owned(), before);
    }
    spec
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(spec: &Value) -> Value {
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
    fn images_deadlines_and_more_tolerations_may_change_and_nothing_else() {
        let old = pod(&json!({"containers": [{"name": "a", "image": "a:1"}]}));
        let errors = |change: &dyn Fn(&mut Value)| {
            let mut new = old.clone();
            change(&mut new["spec"]);
            check_change(&old, &new).len()
        };
        assert_eq!(
            errors(&|spec| spec["containers"][0]["image"] = "b:1".into()),
            0
        );
        assert_eq!(errors(&|spec| spec["activeDeadlineSeconds"] = 1.into()), 0);
        assert_eq!(errors(&|spec| spec["activeDeadlineSeconds"] = 0.into()), 1);
        assert_eq!(errors(&|spec| spec["nodeName"] = "n".into()), 1);
        assert_eq!(errors(&|spec| spec["tolerations"] = json!([])), 1);
        let more = |spec: &mut Value| {
            if let Some(all) = spec["tolerations"].as_array_mut() {
                all.push(json!({"key": "x"}));
            }
        };
        assert_eq!(errors(&more), 0);
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
